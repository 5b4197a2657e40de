"""Write a new method and its test: ``python tools/new_method.py NAME FAMILY``.

Both pass lint. The test fails until the method and its reference are written.
"""

import re
import sys
from pathlib import Path

MODULE = '''"""TODO: one sentence on what {cls} does."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, Paper, ZeroShotClassifier


class {cls}(ZeroShotClassifier):
    """TODO: the idea in one line, as a reader who looks for it would say it.

    Parameters
    ----------
    alpha : float, default=1.0
        TODO: symbol and equation of the paper, range.

    Attributes
    ----------
    weights_ : ndarray of shape (d, k)
        TODO: what ``fit`` learns.

    Notes
    -----
    Differs from the paper: TODO, or "nothing".

    Cost: TODO in n samples, d features, c classes, k values of a class vector.

    References
    ----------
    TODO: authors, "title", venue, year.
    """

    paper = Paper(
        title="",
        authors="",
        venue="",
        year=0,
        url="",
        aka=("{cls}",),
    )

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        raise NotImplementedError("sample i of X (n, d) belongs to row rows[i] of table.vectors (c, k)")

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        raise NotImplementedError("scores (n, c) of X (n, d), larger is better")
'''

TEST = '''import numpy as np

from zorse.core import ClassTable
from zorse.methods.{family}.{module} import {cls}


def naive_scores(X, y, table, alpha):
    """The paper's equations written as loops."""
    raise NotImplementedError("write the reference from the paper alone, without looking at the method")


def test_agrees_with_the_equations_written_as_loops():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 5)), np.repeat(["ant", "bee", "cat"], 4)
    table = ClassTable(np.array(["ant", "bee", "cat", "dog"]), rng.normal(size=(4, 3)))
    model = {cls}(alpha=0.5).fit(X, y, classes=table)
    np.testing.assert_allclose(model.scores(X), naive_scores(X, y, table, alpha=0.5))
'''


def write(name: str, family: str, root: Path) -> list[Path]:
    """Write module and test of ``name`` under ``root``; returns the new files.

    ``name`` is the class (``ESZSL``: module eszsl) or the module (``tip_x``: class TipX).
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", name):
        raise ValueError(f"a method's name is a Python name such as ESZSL or tip_x; got {name!r}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", family):
        raise ValueError(f"a family is a folder of src/zorse/methods such as compatibility; got {family!r}")
    cls = name if name != name.lower() else "".join(word.capitalize() for word in name.split("_"))
    words = {"cls": cls, "module": name.lower(), "family": family}
    package = root / "src/zorse/methods" / family
    texts = {
        package / f"{name.lower()}.py": MODULE.format(**words),
        root / "tests/methods" / family / f"test_{name.lower()}.py": TEST.format(**words),
    }
    taken = [str(path.relative_to(root)) for path in texts if path.exists()]
    if taken:
        raise ValueError(f"{taken[0]} exists already")
    if not (package / "__init__.py").exists():
        texts[package / "__init__.py"] = f'"""Methods of the family {family}."""\n'
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(texts)


def main(arguments: list[str]) -> int:
    """Write what the command line asks for; exit code."""
    try:
        name, family = arguments
        for path in write(name, family, Path.cwd()):
            print(f"wrote {path.relative_to(Path.cwd())}")
    except ValueError as error:
        print(f"make method name=NAME family=FAMILY: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
