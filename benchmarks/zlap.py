"""ZLaP beside a plain numpy and scipy version of the released algorithm: 10,000 images, 512 dimensions, 1,000 classes.

``python benchmarks/zlap.py`` writes ``benchmarks/results/zlap.json``. The neighbour graph is the same for both and is
timed apart. Rounds alternate between the contenders, so that a machine which is busy otherwise slows both; CPU seconds
of one thread, median of the rounds.
"""

import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import scipy
import torch
from scipy import sparse
from scipy.sparse.linalg import cg

import zorse
from zorse.core import ClassTable
from zorse.methods.transductive.zlap import ZLaP
from zorse.nn.search import nearest
from zorse.nn.vectors import unit_rows

PATH = Path(__file__).parent / "results" / "zlap.json"
N, D, C, K, GAMMA, ALPHA = 10_000, 512, 1_000, 5, 5.0, 0.3
CLASSES, NEW = 100, 100  # so many of each does the plain version in a round; its time is per class and per image


def clock(call):
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def plain_laplacian(neighbours, similarities, texts, to_texts):
    rows = np.repeat(np.arange(N), K) + C
    columns = np.concatenate([neighbours.ravel() + C, texts.ravel()])
    weights = np.concatenate([np.maximum(similarities, 0).ravel(), np.maximum(to_texts, 0).ravel() ** GAMMA])
    A = sparse.csr_array((weights.astype(float), (np.concatenate([rows, rows]), columns)), shape=(C + N, C + N))
    W = A + A.T
    W = W - sparse.diags_array(W.diagonal())
    degree = W.sum(axis=1)
    scale = sparse.diags_array(1 / np.sqrt(np.where(degree == 0, 1, degree)))
    return (sparse.eye_array(C + N) - ALPHA * scale @ W @ scale).tocsr()


def plain_transductive(L, classes):
    scores = np.zeros((N, C))
    for c in classes:
        e = np.zeros(C + N)
        e[c] = 1
        scores[:, c] = cg(L, e, rtol=1e-6, maxiter=50)[0][C:]
    return scores


def plain_inductive(L, links):
    scores = np.zeros((links.shape[0], C))
    for i in range(links.shape[0]):
        scores[i] = cg(L, links[[i]].toarray()[0], rtol=1e-6, maxiter=50)[0][:C]
    return scores


def plain_sparse_inductive(inverse, links):
    scores = np.zeros((links.shape[0], C))
    for i in range(links.shape[0]):
        at = slice(links.indptr[i], links.indptr[i + 1])
        Z = inverse[links.indices[at], :].copy()
        Z.data = Z.data * np.repeat(links.data[at], np.diff(Z.indptr))
        scores[i] = Z.sum(axis=0)
    return scores


def main(rounds=7):
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    texts = unit_rows(rng.standard_normal((C, D)))
    drawn = [texts[rng.integers(0, C, N)] + 2.5 / D**0.5 * rng.standard_normal((N, D)) for _ in range(2)]
    images, new = (unit_rows(X + 0.8 * unit_rows(rng.standard_normal((1, D)))) for X in drawn)
    table = ClassTable(np.arange(C), texts)
    graph_seconds, _ = clock(lambda: (nearest(images, images, K), nearest(images, texts, K)))
    search_seconds, _ = clock(lambda: (nearest(new, images, K), nearest(new, texts, K)))
    whole = ZLaP(K, GAMMA, ALPHA).fit(None, None, classes=table, unlabelled=images)
    thin = ZLaP(K, GAMMA, ALPHA, sparse=True).fit(None, None, classes=table, unlabelled=images)
    L = plain_laplacian(whole.neighbours_, whole.similarities_, *nearest(images, texts, K))
    found = nearest(new, images, K), nearest(new, texts, K)
    links = whole._links(*found[0], *found[1])
    some = links[:NEW].astype(float)
    kept = sparse.csr_array((thin.inverse_, thin.best_, np.arange(C + N + 1)), shape=(C + N, C))
    to_texts = nearest(images, texts, K)
    figures = {name: [] for name in ("transductive", "inductive", "sparse inductive")}
    for _ in range(rounds):
        classes = rng.permutation(C)[:CLASSES]
        theirs, plain = clock(lambda: plain_transductive(L, classes))  # noqa: B023
        ours, _ = clock(lambda: whole._solved(to_texts))
        off = float(np.abs(plain[:, classes] - whole.inverse_[C:, classes]).max())
        figures["transductive"].append((theirs / CLASSES * C, ours, off))
        theirs, plain = clock(lambda: plain_inductive(L, some))
        ours, scores = clock(lambda: whole._spread(links))
        off = float(np.abs(plain - scores[:NEW]).max())
        figures["inductive"].append((theirs / NEW * N, ours, off))
        theirs, plain = clock(lambda: plain_sparse_inductive(kept, some))
        ours, scores = clock(lambda: thin._spread(links))
        off = float(np.abs(plain - scores[:NEW]).max())
        figures["sparse inductive"].append((theirs / NEW * N, ours, off))
    rows = []
    for setting, measured in figures.items():
        theirs, ours, off = np.array(measured).T
        rows.append(
            {
                "setting": setting,
                "plain_seconds": round(float(np.median(theirs)), 3),
                "zorse_seconds": round(float(np.median(ours)), 4),
                "zorse_microseconds_an_image": round(float(np.median(ours)) / N * 1e6, 2),
                "times_faster": round(float(np.median(theirs / ours)), 1),
                "largest_difference": float(f"{off.max():.1e}"),
            }
        )
    result = {
        "what": f"ZLaP: {N:,} unlabelled and {N:,} new images of {D} dimensions, {C:,} classes, one CPU thread",
        "note": "Beside a plain numpy and scipy version of the released algorithm, which solves for one class "
        "(transductive) or one new image (inductive) at a time; it is timed on a tenth of the classes and a hundred "
        "images. The neighbour search, the same for both, is not in the figures but below. Transductive includes "
        "building the graph's matrix. CPU seconds for all images, median of alternating rounds.",
        "command": "python benchmarks/zlap.py",
        "figures": rows,
        "neighbour_search_seconds": {
            "unlabelled images": round(graph_seconds, 2),
            "new images": round(search_seconds, 2),
        },
        "rounds": rounds,
        "versions": {
            "zorse": zorse.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    PATH.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
