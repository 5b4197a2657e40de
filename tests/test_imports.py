"""Imports go one way, and the package costs nothing until it is used."""

import os
import subprocess
import sys
import time

import pytest


def contracts(source_tree):
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"],
        cwd=source_tree,
        env={**os.environ, "PYTHONPATH": str(source_tree / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )


def test_the_checkout_keeps_the_contracts(source_tree):
    done = contracts(source_tree)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "target", "contract"),
    [
        ("methods.gating.cheat", "data", "A method never sees a data set or a metric"),
        ("methods.gating.cheat", "evaluation", "A method never sees a data set or a metric"),
        ("methods.gating.cheat", "methods.compatibility", "Families do not know each other"),
        ("core.cheat", "training", "Data flows one way"),
        ("nn.cheat", "encoders", "Data flows one way"),
        ("service.cheat", "cli", "Data flows one way"),
        ("jobs.cheat", "fastapi", "Only interfaces import interface libraries"),
        ("jobs.cheat", "typer", "Only interfaces import interface libraries"),
        ("evaluation.cheat", "matplotlib", "Only presentation draws"),
    ],
)
def test_a_planted_wrong_import_is_reported(source_tree, module, target, contract):
    target = target if target in ("typer", "fastapi", "matplotlib") else f"zorse.{target}"
    (source_tree / "src/zorse" / module.replace(".", "/")).with_suffix(".py").write_text(f"import {target}\n")
    done = contracts(source_tree)
    assert done.returncode == 1
    broken = done.stdout.split("Broken contracts")[-1]
    assert contract in broken, done.stdout
    assert f"zorse.{module} -> {target}" in broken, broken


def test_a_package_outside_the_layers_is_reported(source_tree):
    (source_tree / "src/zorse/unplanned").mkdir()
    (source_tree / "src/zorse/unplanned/__init__.py").touch()
    done = contracts(source_tree)
    assert done.returncode == 1
    assert "unplanned" in done.stdout


_NAMES = ("torch", "transformers", "sklearn", "scipy", "pyarrow", "skimage", "pandas", "lancedb")
HEAVY = f"[m for m in {_NAMES} if m in sys.modules]"


def test_importing_zorse_is_light():
    code = f"import sys, time; t = time.perf_counter(); import zorse; print(time.perf_counter() - t); print({HEAVY})"
    seconds = []
    for _ in range(5):  # the best of several: the machine may be busy
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )
        assert out[1] == "[]"
        seconds.append(float(out[0]))
    assert min(seconds) < 0.1, seconds


def test_help_imports_no_torch_and_is_quick():
    code = f"""
import sys
from zorse.cli import main
sys.argv = ["zorse", "--help"]
try:
    main()
finally:
    print({HEAVY})
"""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        seconds.append(time.perf_counter() - start)
        assert done.returncode == 0, done.stderr
        assert "classify" in done.stdout
        assert done.stdout.rstrip().endswith("[]"), done.stdout
    assert min(seconds) < 0.8, seconds  # interpreter and this box's neighbours included
