"""A step of CoOp with stored image embeddings, against a plain loop that encodes images and texts at every step.

``python benchmarks/prompt_learning.py`` writes benchmarks/results/prompt_learning.json; half a CPU minute.
"""

import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

import zorse
from zorse.core import ClassTable
from zorse.encoders import load_encoder
from zorse.methods.adaptation.coop import CoOp

CLASSES, SHOTS, CONTEXTS, BATCH, STEPS = 100, 16, (4, 16), 32, 3


def plain(encoder, pixels, y, names, context, steps):
    """The released way: a step encodes its images, and every class's text padded to all that the tower takes."""
    context = context.clone().requires_grad_()
    optimizer = torch.optim.SGD([context], lr=0.002, momentum=0.9, weight_decay=5e-4)
    tower = encoder.texts
    tokens = encoder._tokens(names)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        at = torch.randint(len(pixels), (BATCH,), generator=generator)
        images = torch.from_numpy(encoder.encode_pixels(pixels[at]))
        rows, mask = [], torch.zeros(len(names), encoder._length, dtype=torch.bool)
        for i, ids in enumerate(tokens):
            pieces = tower.widen(tower.pieces(torch.tensor(ids)))
            row = torch.cat([pieces[:1], context, pieces[1:]])
            mask[i, : len(row)] = True
            rows.append(torch.cat([row, torch.zeros(encoder._length - len(row), encoder.token_dim)]))
        texts = encoder._centred(tower.encode(torch.stack(rows), mask))
        loss = cross_entropy(encoder.logit_scale * images @ texts.T, y[at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return texts.detach()


def main():
    """Time both, the better of two runs each, and write what came out."""
    torch.set_num_threads(1)
    encoder = load_encoder("mini", device="cpu")
    words = ["red", "old", "small", "wooden", "round", "tall", "striped", "shiny", "young", "wild"]
    things = ["dog", "car", "owl", "boat", "chair", "apple", "clock", "horse", "tower", "guitar"]
    names = [f"{word} {thing}" for word in words for thing in things]
    y = np.repeat(np.arange(CLASSES), SHOTS)
    pixels = torch.randn(len(y), 3, *encoder.image_size, generator=torch.Generator().manual_seed(0))
    rows = np.arange(0, len(y), len(y) // (BATCH * STEPS))[: BATCH * STEPS]  # some of every class
    start = time.process_time()
    X = np.concatenate([encoder.encode_pixels(part) for part in pixels[rows].split(BATCH)])
    embedding = (time.process_time() - start) / len(rows)
    table = ClassTable(np.arange(CLASSES), encoder.encode_text(names), names=names)
    results = []
    for length in CONTEXTS:
        context = 0.02 * torch.randn(length, encoder.token_dim, generator=torch.Generator().manual_seed(1))
        model = CoOp(n_context=length, epochs=1, batch_size=BATCH, random_state=0, device="cpu")
        ours, theirs = [], []
        for _ in range(2):
            start = time.process_time()
            plain(encoder, pixels, torch.from_numpy(y), names, context, STEPS)
            theirs.append((time.process_time() - start) / STEPS)
            start = time.process_time()
            model.fit(X, y[rows], classes=table)  # with the texts of the candidates at the end
            ours.append((time.process_time() - start) / STEPS)
        results.append(
            {
                "context": length,
                "loop_cpu_seconds_a_step": round(min(theirs), 3),
                "cpu_seconds_a_step": round(min(ours), 3),
                "times_faster": round(min(theirs) / min(ours), 1),
            }
        )
        print(results[-1], flush=True)
    result = {
        "what": f"Prompt learning (CoOp) of {CLASSES} classes x {SHOTS} shots with stored image embeddings",
        "note": f"CPU seconds of a step, one thread, the embedded model, {BATCH} images a step. The loop encodes the "
        "step's images and every class's text padded to the tower's length, as CoOp's released code does.",
        "command": "OMP_NUM_THREADS=1 python benchmarks/prompt_learning.py",
        "steps": results,
        "embedding_an_image_once_cpu_milliseconds": round(1000 * embedding, 1),
        "versions": {
            "zorse": zorse.__version__,
            "numpy": np.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    path = Path(__file__).parent / "results" / "prompt_learning.json"
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
