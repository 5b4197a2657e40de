"""Decode every image of the pack once, to 64 x 64 RGB, beside its label, its split and its teacher's features.

The pack's shards hold JPEG bytes; decoding them anew each epoch would cost more than the forward pass of a small tower.
One uint8 array a source stands in the cache afterwards, memory-mapped by the training loop.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 64
SOURCES = ("tiny-imagenet", "caltech101", "cifar10", "pacs")


def read_shards(folder: Path, source: str):
    """Yield ``(key, image bytes, metadata)`` of every sample of ``source`` in shard order."""
    for shard in sorted(folder.glob(f"{source}-*.tar.gz")):
        pending: dict[str, dict[str, bytes]] = {}
        with tarfile.open(shard) as tar:
            for member in tar:
                key, kind = member.name.split(".", 1)
                pending.setdefault(key, {})[kind] = tar.extractfile(member).read()
                if {"jpg", "json"} <= pending[key].keys():
                    sample = pending.pop(key)
                    yield key, sample["jpg"], json.loads(sample["json"])


def square(image: Image.Image, size: int = SIZE) -> np.ndarray:
    """The whole image stretched to ``(size, size, 3)`` uint8, antialiased; the teacher saw it stretched too."""
    image = image.convert("RGB")
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image)


def prepare(pack: Path, cache: Path) -> None:
    """Write ``{source}-images.npy (n, 64, 64, 3)`` and ``{source}-meta.npz`` for every source that is not there yet."""
    cache.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        if (cache / f"{source}-meta.npz").exists():
            continue
        teacher = np.load(pack / "teacher" / f"{source}.npz")
        row = {key: i for i, key in enumerate(teacher["keys"])}
        features = (teacher["features"].astype(np.float32) - teacher["zero_point"]) * teacher["scale"]
        images, labels, train, rows, wnids = [], [], [], [], {}
        for key, data, meta in read_shards(pack / "images", source):
            images.append(square(Image.open(io.BytesIO(data))))
            labels.append(meta["class"])
            train.append(meta["split"] == "train")
            rows.append(row[key])
            wnids[meta["class"]] = meta.get("wnid", "")
        names = sorted(set(labels))
        np.save(cache / f"{source}-images.npy", np.stack(images))
        np.savez(
            cache / f"{source}-meta.npz",
            labels=np.array([names.index(name) for name in labels]),
            names=np.array(names),
            wnids=np.array([wnids[name] for name in names]),
            train=np.array(train),
            teacher=features[rows].astype(np.float16),
        )
        print(f"{source}: {len(images)} images, {len(names)} classes, {sum(train)} for training", flush=True)
