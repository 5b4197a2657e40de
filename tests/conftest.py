"""Shared by every test: one torch thread, no hub, and the data pack where it lies beside the checkout."""

import os
import shutil
from pathlib import Path
from typing import ClassVar

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import pytest
import torch

torch.set_num_threads(1)  # many tiny models: threads cost ten times more than they bring

PACK = Path(os.environ.get("ZORSE_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The data pack; a test that asks for it is marked ``shared_data`` and skips where it is absent."""
    if not (PACK / "README.md").exists():
        pytest.skip(f"the data pack is not at {PACK} (set ZORSE_DATA to its folder)")
    return PACK


@pytest.fixture
def source_tree(tmp_path) -> Path:
    """A copy of the sources without weights, to plant mistakes in."""
    root = Path(__file__).parents[1]
    shutil.copytree(root / "src", tmp_path / "src", ignore=shutil.ignore_patterns("weights", "__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


class ColourEncoder:
    """A dual encoder whose space is colour: an image is its mean colour, a text the colour that it names."""

    name, dim, image_size = "colours", 3, (8, 8)
    fingerprint, text_fingerprint = "colours-image", "colours-text"
    logit_scale, logit_bias = 20.0, None
    WORDS: ClassVar = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0), "cyan": (0, 1, 1)}

    def __init__(self):
        self.encoded = 0

    def preprocess(self, image):
        return torch.from_numpy(np.asarray(image.resize(self.image_size), dtype=np.float32) / 255).permute(2, 0, 1)

    def encode_pixels(self, pixels):
        self.encoded += len(pixels)
        means = pixels.mean(dim=(2, 3)).numpy() + 1e-6
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    def encode_images(self, images, *, batch_size=32):
        return self.encode_pixels(torch.stack([self.preprocess(image) for image in images]))

    def encode_text(self, texts, *, batch_size=64):
        named = [np.sum([c for word, c in self.WORDS.items() if word in text.lower()], axis=0) for text in texts]
        rows = np.array([np.broadcast_to(row, 3) + 0.1 for row in named], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def colours() -> ColourEncoder:
    """A dual encoder that is small enough to follow by hand."""
    return ColourEncoder()


@pytest.fixture
def zorse_(monkeypatch, colours, capsys):
    """Run the command line in this process with the colour encoder in place of a model: code, stdout, stderr."""
    import zorse.encoders
    from zorse.cli import main

    real = zorse.encoders.load_encoder
    monkeypatch.setattr(
        zorse.encoders, "load_encoder", lambda name, **options: colours if name == "mini" else real(name, **options)
    )

    def run(*arguments):
        code = main([str(a) for a in arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def paint(tmp_path):
    """Write an image of one colour: ``paint("red/one.png", "red")`` gives its path."""
    from PIL import Image

    def write(name: str, colour: str, size: tuple[int, int] = (16, 16)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, colour).save(path)
        return path

    return write


@pytest.fixture
def wordnet_folder(tmp_path) -> Path:
    """A database of ten nouns in WordNet's own format; a puppy is a dog and a young animal."""
    # offset, names, parents, gloss; an instance hypernym is marked "@i"
    nouns = [
        (1740, ["entity"], [], "that which exists"),
        (15388, ["animal", "beast"], ["@ 00001740"], "a living thing that moves"),
        (2083346, ["canine"], ["@ 00015388"], 'a mammal with claws; "wolves are canines"'),
        (2084071, ["dog", "Canis_familiaris"], ["@ 02083346"], "it barks"),
        (1322604, ["puppy"], ["@ 02084071", "@ 01322221"], "a young dog"),
        (1322221, ["young_animal"], ["@ 00015388"], "not yet grown"),
        (2120997, ["feline"], ["@ 00015388"], "it purrs"),
        (2121620, ["cat"], ["@ 02120997"], "it meows"),
        (9886220, ["chap", "dog"], ["@ 00001740"], "informal for a man"),
        (9999999, ["Rex"], ["@i 02084071"], "a film dog"),
    ]
    header = "  1 This software and database is being provided by Princeton. WordNet 3.0 Copyright 2006.  \n"
    data, senses = header, {}
    for offset, names, parents, gloss in nouns:
        words = " ".join(f"{name} 0" for name in names)
        pointers = [f"{parent} n 0000" for parent in parents] + ["+ 00532607 v 0105"]
        data += f"{offset:08d} 05 n {len(names):02x} {words} {len(pointers):03d} {' '.join(pointers)} | {gloss}  \n"
        for name in names:
            senses.setdefault(name.lower(), []).append(offset)
    index = header + "".join(
        f"{name} n {len(offsets)} 2 @ + {len(offsets)} 1 {' '.join(f'{o:08d}' for o in offsets)}  \n"
        for name, offsets in sorted(senses.items())
    )
    folder = tmp_path / "wordnet"
    folder.mkdir()
    (folder / "data.noun").write_text(data)
    (folder / "index.noun").write_text(index)
    return folder
