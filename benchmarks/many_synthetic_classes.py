"""Memory of a label space of 10,000 synthetic classes: streamed through the final classifier, and kept whole.

``python benchmarks/many_synthetic_classes.py`` writes ``benchmarks/results/many_synthetic_classes.json``. The generator
is not worth much (one epoch): what is measured does not depend on it.
"""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

import zorse
from zorse.benchmark.cell import peak_memory
from zorse.core import ClassTable
from zorse.data import toy_zsl
from zorse.methods.generative.fclswgan import FCLSWGAN
from zorse.templates import synthetic

PATH = Path(__file__).parent / "results" / "many_synthetic_classes.json"
CLASSES, D, N = 10_000, 512, 50


def measure(how):
    torch.set_num_threads(1)
    task = toy_zsl(dim=D, n_semantics=16)
    params = {"epochs": 1, "hidden": 64, "n_synthetic": N, "classifier_epochs": 1, "classifier_batch_size": 1000}
    model = FCLSWGAN(**params, device="cpu", random_state=0).fit(*task.train, classes=task.classes)
    vectors = np.random.default_rng(0).normal(size=(CLASSES, 16))
    if how == "whole":
        synthetic.MEMORY_BYTES = 2**40
    start = time.process_time()
    with peak_memory() as memory:
        wide = model.with_candidates(ClassTable(np.arange(CLASSES), vectors))
    print(json.dumps({"peak_mb": memory["mb"], "cpu_seconds": round(time.process_time() - start, 1)}))
    assert wide.coef_.shape == (CLASSES, D)


def main():
    result = {
        "what": f"{CLASSES:,} classes, {N} samples each of {D} features, one epoch of the softmax",
        "all_samples_mb": round(CLASSES * N * D * 4 / 2**20),
        "softmax_and_optimizer_mb": round(4 * CLASSES * D * 4 / 2**20),
    }
    for how in ("streamed", "whole"):
        out = subprocess.run([sys.executable, __file__, how], capture_output=True, text=True, check=True).stdout
        result[how] = json.loads(out)
    result["versions"] = {"zorse": zorse.__version__, "torch": torch.__version__, "python": platform.python_version()}
    result["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
    PATH.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
