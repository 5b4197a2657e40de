"""Shared by every test: one torch thread, no hub, and the data pack where it lies beside the checkout."""

import os
import shutil
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

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
