"""A language model in this process, from a hub id or a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from zorse.core.device import resolve_device
from zorse.core.errors import CapabilityError, InputError, NotAvailableError
from zorse.encoders.checkpoint import find_checkpoint, weights_digest


class LocalChat:
    """Ask a causal language model of transformers; a call gives its answer as text.

    Parameters
    ----------
    name : str
        Hub id or folder, with safetensors weights. Code that comes with a checkpoint is never run.
    tokens : int
        Length of an answer at most.
    temperature : float
        0 takes the likeliest token every time.
    random_state : int
        Answers are the same for the same seed, question and number of times that it was asked.
    device : str

    Attributes
    ----------
    model : str
        Name and digest of the weights: what answers are kept by.

    Raises
    ------
    InputError, NotAvailableError
        If there is no such checkpoint, or it can't be read.
    CapabilityError
        If it is no model that writes text.
    """

    def __init__(
        self,
        name: str,
        *,
        tokens: int = 512,
        temperature: float = 0.7,
        random_state: int = 0,
        device: str = "auto",
    ):
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

        if tokens < 1 or temperature < 0:
            raise InputError(f"tokens are at least 1 and temperature at least 0; got {tokens} and {temperature:g}")
        folder = find_checkpoint(name)
        own: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
        try:
            config = AutoConfig.from_pretrained(folder, **own)
            if type(config) not in AutoModelForCausalLM._model_mapping:
                raise CapabilityError(f"{name} is a {config.model_type} model, which does not write text")
            self._tokenizer = AutoTokenizer.from_pretrained(folder, **own)
            network: Any = AutoModelForCausalLM.from_pretrained(folder, config=config, use_safetensors=True, **own)
        except CapabilityError:
            raise
        except Exception as error:  # transformers, tokenizers and safetensors raise their own kinds
            told = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise NotAvailableError(f"the language model {name} cannot be read: {told}") from error
        self._network = network.to(resolve_device(device)).eval().requires_grad_(False)
        self._tokens, self._temperature, self._seed = tokens, temperature, random_state
        self._asked: dict[str, int] = {}
        self.model = f"{Path(name).name}:{weights_digest(folder)[:16]}"

    def __call__(self, question: str) -> str:
        """The answer to one question; another one when it is asked again."""
        import torch

        times = self._asked[question] = self._asked.get(question, -1) + 1
        ids = self._ids(question).to(self._network.device)
        room = int(getattr(self._network.config, "max_position_embeddings", None) or 1 << 20) - ids.shape[1]
        if room < 1:
            raise InputError(f"the question is longer than {self.model} can read")
        seed = int.from_bytes(hashlib.sha256(f"{self._seed} {times} {question}".encode()).digest()[:4])
        draws = {"do_sample": True, "temperature": self._temperature} if self._temperature else {"do_sample": False}
        pad = self._tokenizer.pad_token_id
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(seed)
            whole = self._network.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=min(self._tokens, room),
                pad_token_id=self._tokenizer.eos_token_id if pad is None else pad,
                **draws,
            )
        return str(self._tokenizer.decode(whole[0, ids.shape[1] :], skip_special_tokens=True))

    def _ids(self, question: str) -> Any:
        """The question as the model was taught to be asked; plain where it was not."""
        if self._tokenizer.chat_template is None:
            return self._tokenizer(question, return_tensors="pt").input_ids
        said = [{"role": "user", "content": question}]
        asked = self._tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
        return self._tokenizer(asked, add_special_tokens=False, return_tensors="pt").input_ids
