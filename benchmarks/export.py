"""Exported models against the models they were made from: speed at ViT-B/32's size, cold starts, answers in int8.

    python benchmarks/export.py vit-write vit start int8      # parts; each adds to benchmarks/results/export.json

ViT-B/32 has random weights, since only its speed is asked. Photographs are those of the data pack (ZORSE_DATA).
"""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np

RESULT = Path(__file__).parent / "results" / "export.json"
PACK = Path(os.environ.get("ZORSE_DATA", Path(__file__).parents[2] / "shared" / "data")) / "images"
WORK = Path(tempfile.gettempdir()) / "zorse_export_benchmark"
BATCH, ROUNDS = 16, 5


def keep(part: str, told: dict) -> None:
    import onnxruntime
    import torch

    import zorse

    record = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    record |= {
        "what": "Exported models: speed at ViT-B/32's size, cold starts, and what int8 costs mini",
        "note": "Rates of the image tower at batch 16, best of five; ViT-B/32 has random weights. Cold starts are "
        "whole processes. mini as int8: 128 of 800 validation photographs teach its ranges, the others are compared, "
        "by the cosine with the model's own vectors and by the share of answers that stay.",
        "command": "python benchmarks/export.py vit-write vit start int8",
        "versions": {"zorse": zorse.__version__, "torch": torch.__version__, "onnxruntime": onnxruntime.__version__},
        "machine": f"x86_64, {os.cpu_count()} cores, Linux",
    }
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    record[part] = told | {"cores": os.cpu_count(), "threads": threads, "load_average": round(os.getloadavg()[0], 1)}
    RESULT.write_text(json.dumps(record, indent=1) + "\n")
    print(part, json.dumps(record[part], indent=1))


def checkpoint() -> Path:
    """A CLIP checkpoint of ViT-B/32's size, its text tower small."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

    folder = WORK / "vit"
    if (folder / "config.json").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    letters = [chr(c) for c in range(97, 123)]
    names = [*letters, *(f"{x}</w>" for x in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={n: i for i, n in enumerate(names)}, merges=[], model_max_length=77)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224}).save_pretrained(folder)
    text = {"vocab_size": len(tokenizer), "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1,
            "num_attention_heads": 1, "bos_token_id": len(names) - 2, "eos_token_id": len(names) - 1}  # fmt: skip
    vision = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
              "image_size": 224, "patch_size": 32}  # fmt: skip
    torch.manual_seed(0)
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=512)).save_pretrained(folder)
    return folder


def write_vit() -> None:
    """The export, and the same with its graphs in eight bits; what the two agree on is measured in ``vit``."""
    from zorse.encoders.quantise import quantise
    from zorse.jobs.export import export

    fp32, int8 = WORK / "vit_fp32", WORK / "vit_int8"
    if not fp32.exists():
        export(str(checkpoint()), fp32)
    shutil.rmtree(int8, ignore_errors=True)
    shutil.copytree(fp32, int8)
    quantise(int8 / "image.onnx")


def vit() -> None:
    """Images a second at batch 16; the ways take turns, the best round of each counts (the machine is shared)."""
    import torch

    from zorse.encoders import load_encoder

    pixels = torch.rand(BATCH, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    ways = {"torch fp32": load_encoder(str(checkpoint()), device="cpu")}
    ways |= {f"onnx {p}": load_encoder(str(WORK / f"vit_{p}")) for p in ("fp32", "int8")}
    wall, cpu, vectors = {w: [] for w in ways}, {w: [] for w in ways}, {}
    for _ in range(ROUNDS + 1):  # the first warms up
        for way, encoder in ways.items():
            began, spent = time.perf_counter(), time.process_time()
            vectors[way] = encoder.encode_pixels(pixels)
            wall[way].append(time.perf_counter() - began)
            cpu[way].append(time.process_time() - spent)
    told = {
        way: {
            "images_per_second": round(BATCH / min(wall[way][1:]), 2),
            "images_per_cpu_second": round(BATCH / min(cpu[way][1:]), 2),
            "megabytes": round(size(encoder) / 1e6, 1),
        }
        for way, encoder in ways.items()
    }
    fast, slow = told["onnx int8"], told["torch fp32"]
    told["int8_times_torch_fp32"] = round(fast["images_per_second"] / slow["images_per_second"], 2)
    told["int8_times_torch_fp32_cpu"] = round(fast["images_per_cpu_second"] / slow["images_per_cpu_second"], 2)
    told["fp32_largest_difference"] = float(np.abs(vectors["onnx fp32"] - vectors["torch fp32"]).max())
    told["int8_cosine"] = round(float((vectors["onnx int8"] * vectors["torch fp32"]).sum(1).mean()), 5)
    keep("vit_b32_random_weights_batch_16", told)


def size(encoder) -> int:
    """Bytes of the image tower."""
    if hasattr(encoder, "model"):
        return sum(p.numel() * p.element_size() for p in encoder.model.vision_model.parameters())
    return (Path(encoder.name) / "image.onnx").stat().st_size


def start() -> None:
    """Wall and processor time from a fresh process to its end."""
    from zorse.jobs.demo import photographs
    from zorse.jobs.export import export

    folder = WORK / "mini"
    if not folder.exists():
        export("mini", folder)
    picture = str(next(iter(photographs())))
    labels = ["-l", "cat, dog, pagoda"]
    commands = {
        "zorse --help": ["--help"],
        "zorse classify, exported mini": ["classify", picture, *labels, "--model", str(folder)],
        "zorse classify, mini with torch": ["classify", picture, *labels],
    }
    told = {}
    for name, arguments in commands.items():
        seconds = []
        for _ in range(3 if "torch" in name else 9):
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run([sys.executable, "-m", "zorse.cli", *arguments], capture_output=True, check=True)
            wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append((wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
        walls, cpus = zip(*seconds, strict=True)
        told[name] = {
            "seconds_best": round(min(walls), 3),
            "seconds_median": round(float(np.median(walls)), 3),
            "cpu_seconds_best": round(min(cpus), 3),
            "runs": len(seconds),
        }
    keep("cold_start", told)


def validation(name: str, most: int) -> Path:
    """Validation images of a packed data set, in folders named after their classes."""
    folder = WORK / "photographs" / name
    if folder.exists():
        return folder
    scratch, count = folder.with_name(f"{name}.partial"), 0
    for shard in sorted(PACK.glob(f"{name}-*.tar.gz")):
        with tarfile.open(fileobj=io.BytesIO(shard.read_bytes())) as tar:
            samples: dict[str, dict[str, bytes]] = {}
            for member in tar:
                key, _, kind = member.name.partition(".")
                samples.setdefault(key, {})[kind] = tar.extractfile(member).read()
        for key, parts in samples.items():
            said = json.loads(parts["json"])
            if said["split"] in ("val", "test") and count < most:
                target = scratch / said["class"].replace("/", " ")
                target.mkdir(parents=True, exist_ok=True)
                (target / f"{key}.jpg").write_bytes(parts["jpg"])
                count += 1
    scratch.rename(folder)
    return folder


def int8(*names: str) -> None:
    """mini in int8 beside mini, on validation images; every other of the first 256 teaches ranges and is left out."""
    from zorse.jobs.export import export

    for name in names or ("caltech101", "cifar10", "tiny-imagenet", "pacs"):
        check = str(validation(name, 800))
        record = export("mini", WORK / f"mini_int8_{name}", precision="int8", check=check, accept_loss=True)
        keep(f"mini_int8_{name}", record["agreement"] | {"falls_short": record["misses"]})


if __name__ == "__main__":
    PARTS = {"vit-write": write_vit, "vit": vit, "start": start, "int8": int8}
    for part in sys.argv[1:] or PARTS:
        name, _, rest = part.partition(":")
        PARTS[name](*([rest] if rest else []))
