"""ESZSL and SAE at AwA2's size against the one product they need, and their grids against a solve for every cell.

``python benchmarks/closed_forms.py`` writes benchmarks/results/closed_forms.json; about two CPU minutes.
"""

import json
import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import scipy
from scipy.linalg import solve_sylvester

import zorse
from zorse.core import ClassTable
from zorse.methods.compatibility.eszsl import ESZSL, eszsl_path
from zorse.methods.compatibility.sae import SAE, sae_path

N, D, SEEN, C, K = 23_527, 2_048, 40, 50, 85
POWERS, LAMS = 10.0 ** np.arange(-3, 4), np.geomspace(0.01, 100, 20)
REPEATS = 3
REFINEMENTS = 4


def cpu(call):
    """Seconds of one call, and what it returns."""
    start = time.process_time()
    value = call()
    return time.process_time() - start, value


def best(call):
    """Least seconds of several calls."""
    return min(cpu(call)[0] for _ in range(REPEATS))


def eszsl_cell(X, Y, A, gamma, lam):
    """The paper's formula for one pair of penalties, written down as it stands."""
    left = np.linalg.solve(X.T @ X + gamma * np.eye(D), X.T @ Y @ A)
    return np.linalg.solve(A.T @ A + lam * np.eye(K), left.T).T


def refined(W, X, Y, A, gamma, lam):
    """``W`` corrected by what is left of the normal equations in extended precision, until that changes nothing.

    The formula in double precision divides rounding errors outside the span of A by lam.
    """
    left, right = X.T @ X + gamma * np.eye(D), A.T @ A + lam * np.eye(K)
    G, A_long, W = left.astype(np.longdouble), A.astype(np.longdouble), W.astype(np.longdouble)
    B = (X.T @ Y).astype(np.longdouble) @ A_long
    H = A_long.T @ A_long + lam * np.eye(K, dtype=np.longdouble)
    for _ in range(REFINEMENTS):
        rest = (B - G @ W @ H).astype(float)
        W = W + np.linalg.solve(right, np.linalg.solve(left, rest).T).T
    return W


def largest_gap(ours, theirs):
    """Relative to the largest weight."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def main():
    rng = np.random.default_rng(0)
    table = ClassTable(np.arange(C), rng.random((C, K)))
    rows = np.arange(N) % SEEN
    X = table.vectors[rows] @ rng.standard_normal((K, D)) + rng.standard_normal((N, D))
    product = best(lambda: X.T @ X)
    fits = {name: best(lambda m=m: m.fit(X, rows, classes=table)) for name, m in (("ESZSL", ESZSL()), ("SAE", SAE()))}
    rows_of = [
        {"what": "X^T X", "cpu_seconds": round(product, 2), "times_the_product": 1.0},
        *(
            {"what": f"fit {m}", "cpu_seconds": round(s, 2), "times_the_product": round(s / product, 2)}
            for m, s in fits.items()
        ),
    ]
    print(rows_of, flush=True)

    A, Y = table.vectors[:SEEN], np.where(rows[:, None] == np.arange(SEEN), 1.0, -1.0)
    cell, expected = cpu(lambda: eszsl_cell(X, Y, A, POWERS[4], POWERS[1]))
    path, weights = cpu(lambda: eszsl_path(X, rows, table, POWERS, POWERS))
    exact = refined(expected, X, Y, A, POWERS[4], POWERS[1])
    own = ESZSL(POWERS[4], POWERS[1]).fit(X, rows, classes=table).weights_
    grids = [
        {
            "grid": "ESZSL 7 x 7",
            "grid_cpu_seconds": round(path, 2),
            "cells": 49,
            "cpu_seconds_a_cell": round(cell, 2),
            "solve_a_cell": "paper's formula, solved",
            "times_faster": round(49 * cell / path, 1),
            "times_faster_than_own_fits": round(49 * fits["ESZSL"] / path, 1),
            "largest_relative_difference": largest_gap(weights[4, 1], exact),
            "of_the_single_fit": largest_gap(own, exact),
            "of_the_cell": largest_gap(expected, exact),
        }
    ]
    print(grids, flush=True)
    S = table.vectors[rows]
    # The solver of the released code. 40 class vectors of 85 numbers leave its left side singular, not its right.
    cell, expected = cpu(lambda: solve_sylvester(S.T @ S, LAMS[10] * X.T @ X, (1 + LAMS[10]) * S.T @ X))
    path, weights = cpu(lambda: sae_path(X, rows, table, LAMS))
    grids.append(
        {
            "grid": "SAE 20 weights",
            "grid_cpu_seconds": round(path, 2),
            "cells": 20,
            "cpu_seconds_a_cell": round(cell, 2),
            "solve_a_cell": "scipy.linalg.solve_sylvester",
            "times_faster": round(20 * cell / path, 1),
            "times_faster_than_own_fits": round(20 * fits["SAE"] / path, 1),
            "largest_relative_difference": largest_gap(weights[10], expected.T),
        }
    )
    print(grids[-1], flush=True)
    X_new = X[:10_000]
    scoring = [
        {"score": type(m).__name__, "cpu_seconds": round(best(lambda m=m: m.scores(X_new)), 3)}
        for m in (m.fit(X[:2_000], rows[:2_000], classes=table) for m in (ESZSL(), SAE()))
    ]
    result = {
        "what": f"Closed forms at AwA2's size: {N:,} x {D:,} features, {SEEN} seen classes of {C}, {K} attributes",
        "note": "CPU seconds, one thread; the least of three calls for product, fits and scores (10,000 samples by "
        "50 classes), one call for grids and cells. A cell is the whole computation for one setting, as a grid search "
        "without sharing repeats it. Differences are relative to the largest weight: of SAE's grid from the solver's "
        "answer; of ESZSL's grid, its single fit and the formula from the formula's answer refined with residuals in "
        "extended precision, at gamma 10 and lam 0.01.",
        "command": "OMP_NUM_THREADS=1 python benchmarks/closed_forms.py",
        "date": datetime.now(UTC).date().isoformat(),
        "load_average_of_the_machine": round(os.getloadavg()[1], 1),
        "fits": rows_of,
        "grids": grids,
        "scores": scoring,
        "versions": {
            "zorse": zorse.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "python": platform.python_version(),
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    path = Path(__file__).parent / "results" / "closed_forms.json"
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
