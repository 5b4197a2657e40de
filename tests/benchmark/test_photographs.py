import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from zorse.benchmark.claims import clip, cupl
from zorse.benchmark.photographs import photo_task
from zorse.core import NotAvailableError, UnknownNameError
from zorse.data.photographs import photographs

COLOURS = {"cat": (250, 0, 0), "dog": (0, 250, 0), "ship": (0, 0, 250), "frog": (250, 250, 0)}


class ColourEncoder:
    """Sees the mean colour; reads colour words, of which a bare name has none."""

    name, dim, fingerprint, text_fingerprint = "colours", 4, "a" * 64, "b" * 64

    def __init__(self):
        self.encoded = 0

    def encode_images(self, images, *, batch_size=32):
        self.encoded += len(images)
        rgb = [np.asarray(Image.open(io.BytesIO(i)).convert("RGB")).mean(axis=(0, 1)) for i in images]
        return self._unit(np.column_stack([rgb, np.full(len(rgb), 5.0)]))

    def encode_text(self, texts, *, batch_size=64):
        words = {"red": COLOURS["cat"], "green": COLOURS["dog"], "blue": COLOURS["ship"], "yellow": COLOURS["frog"]}
        return self._unit([[*next((c for w, c in words.items() if w in t), (0, 0, 0)), 5.0] for t in texts])

    @staticmethod
    def _unit(rows):
        rows = np.asarray(rows, dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def pack(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    (tmp_path / "text" / "cupl").mkdir(parents=True)
    with tarfile.open(tmp_path / "images" / "cifar10-000000.tar.gz", "w:gz") as tar:
        for i in range(24):
            name = list(COLOURS)[i % 4]
            image = io.BytesIO()
            Image.new("RGB", (8, 8), tuple(max(0, c - i) for c in COLOURS[name])).save(image, "JPEG")
            facts = json.dumps({"class": name, "split": "train" if i < 8 else "test"}).encode()
            for suffix, content in (("jpg", image.getvalue()), ("json", facts)):
                info = tarfile.TarInfo(f"cifar10-{i:06d}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    templates = {"CIFAR10": {"classes": list(COLOURS), "templates": ["a {}.", "the {}."]}, "other": {"templates": []}}
    (tmp_path / "text" / "openai_clip_prompts.json").write_text(json.dumps(templates))
    sentences = {"cat": ["A red one."], "dog": ["A green one."], "ship": ["A blue one."], "frog": ["A yellow one."]}
    (tmp_path / "text" / "cupl" / "cifar10_prompts_base.json").write_text(json.dumps(sentences))
    monkeypatch.setenv("ZORSE_DATA", str(tmp_path))
    monkeypatch.setenv("ZORSE_STORE", str(tmp_path / "store"))
    return tmp_path


def test_a_split_holds_what_its_facts_say(pack):
    contents, names = photographs("cifar10", "train")
    assert len(contents) == 8
    contents, names = photographs("cifar10")
    assert names.tolist() == list(COLOURS) * 4
    assert Image.open(io.BytesIO(contents[0])).size == (8, 8)


def test_an_absent_pack_and_an_unknown_source(pack, tmp_path):
    with pytest.raises(NotAvailableError, match="ZORSE_DATA"):
        photographs("caltech101")
    with pytest.raises(UnknownNameError, match="cifar10"):
        photographs("cifar100")


def test_photographs_are_encoded_once(pack):
    first, second = ColourEncoder(), ColourEncoder()
    a, b = photo_task("cifar10", first), photo_task("cifar10", second)
    assert (first.encoded, second.encoded) == (16, 0)
    np.testing.assert_array_equal(a.X, b.X)
    np.testing.assert_allclose(a.X, first.encode_images(photographs("cifar10")[0]))


def test_a_seed_draws_half_of_the_classes_with_all_their_photographs(pack):
    task = photo_task("cifar10", ColourEncoder())
    assert task.draw(0) is task
    half = task.draw(1)
    assert len(np.unique(half.y)) == 2
    assert len(half.X) == len(half.y) == 8
    assert set(half.descriptions) == set(half.y.tolist())
    assert any(set(half.y) != set(task.draw(seed).y) for seed in range(2, 9))


def test_cupls_claim_reads_sentences_and_its_baseline_templates(pack):
    task = photo_task("cifar10", ColourEncoder())
    assert cupl.run(task, 0) == (1.0, 0.25)  # only the sentences name a colour; without one every class is alike


def test_clips_claim_compares_templates_with_the_bare_name(pack):
    class Reader(ColourEncoder):
        text_fingerprint = "c" * 64

        def encode_text(self, texts, *, batch_size=64):
            rows = [(*COLOURS.get(t[4:-1] if t.startswith("the ") else "", (0, 0, 0)), 5.0) for t in texts]
            return self._unit(rows)

    assert clip.run(photo_task("cifar10", Reader()), 0) == (1.0, 0.25)


@pytest.mark.shared_data
def test_the_pack_holds_the_photographs_its_readme_counts(shared_data):
    for source, n, classes in (("caltech101", 1309, 81), ("cifar10", 1000, 10)):
        contents, names = photographs(source, folder=shared_data)
        assert (len(contents), len(set(names.tolist()))) == (n, classes)
