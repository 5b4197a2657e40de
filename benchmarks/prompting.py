"""AutoCLIP, CHiLS and FuDD beside plain torch versions of the released algorithms: 512 dimensions, 1,000 classes.

``python benchmarks/prompting.py`` writes ``benchmarks/results/prompting.json``. Ours scores 10,000 images. The plain
versions of AutoCLIP and FuDD go image by image and score ``SAMPLE`` of them; their time an image does not depend on how
many follow. The plain version of CHiLS takes all images at once, as the released code does, with its loop
over sub-classes. CPU seconds of one thread, median of rounds that alternate between the contenders; memory is the
growth of the peak of the process.
"""

import json
import os
import platform
import resource
import time
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import bisect

import zorse
from zorse.core import ClassTable
from zorse.core.graph import ClassGraph
from zorse.methods.prompting.autoclip import AutoCLIP
from zorse.methods.prompting.chils import CHiLS
from zorse.methods.prompting.fudd import FuDD

PATH = Path(__file__).parent / "results" / "prompting.json"
N, D, C, TEMPLATES, KINDS = 10_000, 512, 1_000, 8, 10
CLUSTER, TEXTS, K = 20, 3, 10  # classes that are told apart from each other, texts a pair, ambiguous classes
SAMPLE = {"AutoCLIP": 200, "CHiLS": N, "FuDD": 300}
ROUNDS = 3


def clock(call):
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def near(centres, times, spread, rng):
    """``times`` unit vectors near each centre (c, d), shape (c, times, d)."""
    V = centres[:, None] + spread * rng.normal(size=(len(centres), times, D)) / D**0.5
    return V / np.linalg.norm(V, axis=-1, keepdims=True)


@torch.no_grad()
def plain_autoclip(X, texts, beta=0.85):
    """One image after the other; the gradient by autograd, the step by scipy's bisection."""
    scores = []
    for x in X:
        cosines = (texts.reshape(-1, D) @ x).reshape(C, TEMPLATES)
        with torch.enable_grad():
            rho = torch.zeros(TEMPLATES, requires_grad=True)
            (gradient,) = torch.autograd.grad((cosines @ rho.softmax(0)).logsumexp(0), rho)
        slope = gradient.double().numpy()

        def missing(step, slope=slope):
            w = np.exp(step * (slope - slope.max()))
            w /= w.sum()
            return -(w * np.log2(w + 1e-10)).sum() - beta * np.log2(TEMPLATES)

        step = bisect(missing, 0, 1e7, xtol=1e-2, rtol=1e-2, maxiter=100)
        scores.append(cosines @ (step * gradient).softmax(0))
    return torch.stack(scores).numpy()


@torch.no_grad()
def plain_chils(X, kinds, supers):
    """Softmax over all sub-classes, each weighed by its class in a loop over columns; the best column answers."""
    sub, sup = (100 * X @ kinds.T).softmax(1), (100 * X @ supers.T).softmax(1)
    weighed = torch.zeros_like(sub)
    for j in range(sub.shape[1]):
        weighed[:, j] = sub[:, j] * sup[:, j // KINDS]
    return [int(j) // KINDS for j in weighed.argmax(1)]


@torch.no_grad()
def plain_fudd(X, supers, told, texts):
    """One image after the other: its ambiguous classes, the texts of each against the others, their mean."""
    answers = []
    for x in X:
        ambiguous = (supers @ x).topk(K).indices.tolist()
        vectors = []
        for a in ambiguous:
            rows = sorted({t for b in ambiguous if b != a for t in told.get((a, b), ())})
            mean = torch.nn.functional.normalize(texts[rows], dim=-1).mean(0) if rows else supers[a]
            vectors.append(mean / mean.norm())
        answers.append(ambiguous[int((torch.stack(vectors) @ x).argmax())])
    return answers


def cases(rng):
    """For each method: ours on N images, the plain one on its sample, and how far both agree on the sample."""
    clusters = near(rng.normal(size=(C // CLUSTER, D)) / D**0.5, CLUSTER, 1.0, rng).reshape(C, D)
    X = near(clusters, N // C, 1.5, rng).reshape(N, D)[rng.permutation(N)]
    few = {name: torch.from_numpy(X[:n]).float() for name, n in SAMPLE.items()}
    tensor = torch.from_numpy(clusters).float()
    labels = np.arange(C)

    prompts = near(clusters, TEMPLATES, 0.7, rng)
    autoclip = AutoCLIP(scale=1.0).fit(None, None, classes=ClassTable(labels, clusters, prompts=tuple(prompts)))
    texts = torch.from_numpy(prompts).float()

    def largest_difference(ours, theirs):
        return float(np.abs(ours[: len(theirs)] - theirs).max())

    def answers_agree(ours, theirs):
        return float(np.mean(ours[: len(theirs)].argmax(axis=1) == theirs))

    yield "AutoCLIP", lambda: autoclip.scores(X), lambda: plain_autoclip(few["AutoCLIP"], texts), largest_difference

    kinds = near(clusters, KINDS, 0.7, rng)
    chils = CHiLS().fit(None, None, classes=ClassTable(labels, clusters, prompts=tuple(kinds)))
    flat = torch.from_numpy(kinds.reshape(-1, D)).float()
    yield "CHiLS", lambda: chils.scores(X), lambda: plain_chils(few["CHiLS"], flat, tensor), answers_agree

    pairs = [(a, b) for a in range(C) for b in range(C) if a != b and a // CLUSTER == b // CLUSTER]
    said = near(clusters[[a for a, _ in pairs]], TEXTS, 0.7, rng).reshape(-1, D)
    told = {pair: range(TEXTS * i, TEXTS * (i + 1)) for i, pair in enumerate(pairs)}
    edges = np.array([(a, C + t) for (a, _), of in told.items() for t in of])
    relations = np.array([b for (_, b), of in told.items() for _ in of])
    nodes = (*map(str, labels), *(f"text {t}" for t in range(len(said))))
    graph = ClassGraph(nodes, np.concatenate([clusters, said]), edges, relations)
    fudd = FuDD(k=K).fit(None, None, classes=ClassTable(labels, clusters, graph=graph))
    rows = torch.from_numpy(said).float()
    yield "FuDD", lambda: fudd.scores(X), lambda: plain_fudd(few["FuDD"], tensor, told, rows), answers_agree


def main():
    """Measure and write."""
    torch.set_num_threads(1)
    result = {}
    for name, ours, plain, check in cases(np.random.default_rng(0)):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        scores = ours()  # a first round that is not timed, for its memory
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        times = [[], []]
        for _ in range(ROUNDS):
            times[0].append(clock(ours)[0])
            seconds, theirs = clock(plain)
            times[1].append(seconds)
        mine, other = np.median(times[0]) / N, np.median(times[1]) / SAMPLE[name]
        result[name] = {
            "ours_ms_an_image": round(float(mine) * 1e3, 4),
            "plain_ms_an_image": round(float(other) * 1e3, 4),
            "times_as_fast": round(float(other / mine), 1),
            "ours_seconds": round(float(mine) * N, 2),
            "plain_images": SAMPLE[name],
            "memory_mb": round(grown),
            "scores_mb": round(scores.nbytes / 2**20),
            "largest_difference" if name == "AutoCLIP" else "answers_agree": round(
                check(scores, np.asarray(theirs)), 6
            ),
        }
        print(name, result[name], flush=True)
    report = {
        "what": f"Prompt methods: {N:,} images of {D} dimensions, {C:,} classes, one CPU thread",
        "note": f"Beside plain torch versions of the released algorithms, timed on so many images as the table says. "
        f"{TEMPLATES} templates (AutoCLIP), {KINDS} sub-classes a class (CHiLS), {K} ambiguous classes and {TEXTS} "
        f"texts for each pair among {CLUSTER} alike (FuDD). Memory is the growth of the peak, with the scores; "
        "a method that stays below the peak of those before it shows 0. The "
        "plain AutoCLIP bisects its step to 1 %, as released, which is its difference.",
        "command": "python benchmarks/prompting.py",
        "figures": [{"method": name} | row for name, row in result.items()],
        "versions": {"zorse": zorse.__version__, "numpy": np.__version__, "torch": torch.__version__},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread, {platform.system()}",
    }
    PATH.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
