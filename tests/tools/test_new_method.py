"""What ``make method`` writes passes lint, keeps its name, and is not done until somebody has filled it in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(source_tree, name, family):
    command = [sys.executable, str(ROOT / "tools/new_method.py"), name, family]
    return subprocess.run(command, cwd=source_tree, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("name", "module", "cls"), [("ESZSL2", "eszsl2", "ESZSL2"), ("tip_y", "tip_y", "TipY"), ("plain", "plain", "Plain")]
)
def test_passes_lint_under_its_name(source_tree, name, module, cls):
    done = make(source_tree, name, "gating")
    assert done.returncode == 0, done.stderr
    method, test = (
        source_tree / f"src/zorse/methods/gating/{module}.py",
        source_tree / f"tests/methods/gating/test_{module}.py",
    )
    assert f"class {cls}(ZeroShotClassifier):" in method.read_text()
    for check in (["check"], ["format", "--check"]):
        lint = subprocess.run(
            [sys.executable, "-m", "ruff", *check, "--no-cache", method, test],
            cwd=source_tree,
            capture_output=True,
            text=True,
        )
        assert lint.returncode == 0, lint.stdout


def test_fails_its_own_test_until_method_and_reference_are_written(source_tree):
    make(source_tree, "Nearest", "invented_family")
    test = source_tree / "tests/methods/invented_family/test_nearest.py"
    method = source_tree / "src/zorse/methods/invented_family/nearest.py"

    def run():
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-c", source_tree / "pyproject.toml", test],
            cwd=source_tree,
            env={**os.environ, "PYTHONPATH": str(source_tree / "src")},
            capture_output=True,
            text=True,
        )

    assert "NotImplementedError: sample i of X" in run().stdout
    scores = "np.linalg.norm(X[:, None, :3] - table.vectors, axis=2) * self.alpha"
    filled = method.read_text().replace('raise NotImplementedError("scores (n, c)', f"return {scores}  # (")
    filled = filled.replace('raise NotImplementedError("sample', "pass  # (")
    method.write_text(filled)
    assert "NotImplementedError: write the reference" in run().stdout
    loops = "return [[alpha * np.linalg.norm(x[:3] - v) for v in table.vectors] for x in X]  # "
    test.write_text(test.read_text().replace("raise NotImplementedError", loops))
    assert "1 passed" in run().stdout


@pytest.mark.parametrize(
    ("name", "family", "says"),
    [
        ("", "gating", "a method's name"),
        ("a-b", "gating", "'a-b'"),
        ("abc", "../x", "'../x'"),
        ("abc", "", "a family"),
    ],
)
def test_bad_names_are_refused_in_one_line(source_tree, name, family, says):
    done = make(source_tree, name, family)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_nothing_is_overwritten(source_tree):
    make(source_tree, "abc", "gating")
    method = source_tree / "src/zorse/methods/gating/abc.py"
    method.write_text("mine")
    done = make(source_tree, "abc", "gating")
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert method.read_text() == "mine"
