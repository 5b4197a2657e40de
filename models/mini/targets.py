"""What the text tower shall say of every WordNet noun: the semantic targets of both towers.

A target joins four views of a synset, each centred and of unit length, chosen in closed form on the teacher's features
(README.md has the table): the sentence vector of "a photo of a NAME, a kind of HYPERNYM, a kind of ...", that of the
gloss, the synset and its ancestors as weighted indicators, and the vector that a ridge regression from the first views
predicts in CLIP's text space. A principal component rotation then shortens the joined vector to ``dim`` numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import sparse
from sentences import SentenceEncoder
from wordnet import VISIBLE, Synset, ancestors, chain, read_nouns, senses

DIM = 256
CLIP_SETS = ("lvis", "oid", "o365", "coco")


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of length one."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)


def chain_prompt(synsets: dict[int, Synset], name: str, id: int, steps: int = 2) -> str:
    """``a photo of a NAME, a kind of HYPERNYM, a kind of ITS HYPERNYM``."""
    kinds = "".join(f", a kind of {synsets[parent].names[0]}" for parent in chain(synsets, id)[:steps])
    return f"a photo of a {name}{kinds}"


def embed_wordnet(wordnet: Path, minilm: Path, cache: Path, device: str, log) -> None:
    """Write ``wordnet-views.npz``: ids (n,) and the sentence vectors (n, 384) of name, hypernym prompt and gloss."""
    path = cache / "wordnet-views.npz"
    if path.exists():
        return
    synsets = read_nouns(wordnet)
    ids = sorted(synsets)
    encode = SentenceEncoder(minilm, device)
    texts = {
        "name": [synsets[id].names[0] for id in ids],
        "chain": [chain_prompt(synsets, synsets[id].names[0], id) for id in ids],
        "gloss": [synsets[id].gloss for id in ids],
    }
    views = {view: encode(lines, log=log).astype(np.float16) for view, lines in texts.items()}
    np.savez(path, ids=np.array(ids), **views)


def ancestor_view(synsets: dict[int, Synset], ids: list[int], dim: int = 192) -> np.ndarray:
    """Each synset and its ancestors as indicators, weighted by rarity, reduced to ``(n, dim)``."""
    column = {id: i for i, id in enumerate(ids)}
    lines = [[id, *ancestors(synsets, id)] for id in ids]
    below = Counter(column[a] for line in lines for a in line)
    rows, columns, values = [], [], []
    for row, line in enumerate(lines):
        weights = [math.log(len(ids) / below[column[a]]) + 0.01 for a in line]
        norm = math.sqrt(sum(weights))
        rows += [row] * len(line)
        columns += [column[a] for a in line]
        values += [math.sqrt(w) / norm for w in weights]
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=(len(ids), len(ids)), dtype=np.float32)
    from sklearn.utils.extmath import randomized_svd

    left, singular, _ = randomized_svd(matrix, dim, random_state=0)
    return left * singular


def clip_texts(pack: Path) -> tuple[list[str], np.ndarray]:
    """The concept names with a real CLIP ViT-B/32 text vector, and the unit vectors ``(n, 512)``."""
    names, vectors = [], []
    for part in CLIP_SETS:
        file = np.load(pack / "features" / f"clip_vitb32_text_{part}.npz")
        names += [str(name).replace("_", " ").lower() for name in file["names"]]
        vectors.append(unit(file["vectors"].astype(np.float32)))
    return names, np.concatenate(vectors)


def ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means of x and y and the weights ``(d, k)`` of a ridge regression."""
    mean_x, mean_y = x.mean(0), y.mean(0)
    x = x - mean_x
    weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1], dtype=x.dtype), x.T @ (y - mean_y))
    return mean_x, mean_y, weights


def build_targets(pack: Path, wordnet: Path, cache: Path, dim: int = DIM) -> None:
    """Write ``targets.npz``: ids (n,) and unit target vectors (n, dim) of every noun synset."""
    path = cache / "targets.npz"
    if path.exists():
        return
    synsets = read_nouns(wordnet)
    table = senses(wordnet, synsets)
    file = np.load(cache / "wordnet-views.npz")
    ids = file["ids"].tolist()
    row = {id: i for i, id in enumerate(ids)}
    name, chained, gloss = (file[view].astype(np.float32) for view in ("name", "chain", "gloss"))

    names, vectors = clip_texts(pack)
    known = [i for i, text in enumerate(names) if text in table]
    rows = [row[max(table[names[i]], key=lambda sense: sense[1])[0]] for i in known]
    mean_x, _, weights = ridge(np.concatenate([name, chained, gloss], 1)[rows], vectors[known], 30.0)
    clip = (np.concatenate([name, chained, gloss], 1) - mean_x) @ weights

    visible = np.array([synsets[id].lexfile in VISIBLE and not synsets[id].instance for id in ids])
    views = [chained, gloss, ancestor_view(synsets, ids), clip]
    joined = np.concatenate([unit(view - view[visible].mean(0)) for view in views], 1)
    _, _, axes = np.linalg.svd(joined[visible][::4], full_matrices=False)
    targets = unit(joined @ axes[:dim].T)
    np.savez(path, ids=np.array(ids), targets=targets.astype(np.float32))
