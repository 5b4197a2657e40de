"""The texts that the text tower learns from, each with the vector it should get.

Bare names of every noun sense (118k), the same in the plural, with an article and in photo templates; names with their
hypernym, which single out one sense; glosses; and phrases of an adjective and a noun, whose vector is half the noun's
and half what a ridge regression makes of the phrase's sentence vector, so that a "striped horse" is no plain horse.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from sentences import SentenceEncoder
from targets import VISIBLE, chain_prompt, clip_texts, ridge, unit
from tokenizers import Tokenizer
from wordnet import plural, read_nouns, senses

TEMPLATES = (
    *("a photo of a {}", "a photo of the {}", "a photo of {}", "a bad photo of a {}", "a picture of a {}"),
    *("an image of a {}", "a close-up photo of a {}", "a drawing of a {}", "a sketch of the {}", "a painting of a {}"),
    *("a cartoon {}", "a black and white photo of a {}", "a photo of a small {}", "a photo of a large {}"),
    *("a low resolution photo of a {}", "a photo of many {}", "there is a {} in the scene", "this is a {}"),
    *("a cropped photo of the {}", "itap of a {}", "a blurry photo of a {}", "a photo of a {}, a type of thing"),
    *("the {}", "a {} in the wild", "one {}"),
)
ADJECTIVES = """
striped spotted red blue green yellow white black brown grey pink orange purple golden wooden metal plastic
glass stone furry hairy feathered scaly shiny rusty old new broken tiny small big huge round square long flat
tall empty full open closed wet dirty colourful transparent soft winged horned flying swimming running sitting
standing sleeping baby wild domestic tropical arctic desert marine ancient modern electric toy cooked raw
sliced frozen
""".split()  # noqa: SIM905 - read as a text
SHARES = {"name": 0.30, "variant": 0.10, "template": 0.22, "chain": 0.10, "gloss": 0.13, "phrase": 0.15}
PHRASES = 40_000


def untold(id: int, common: bool) -> bool:
    """Whether a synset's texts are kept out of training, to measure names that the tower has never read."""
    return id % 200 == 7 and not common


def small_tokenizer(minilm: Path, names: list[str], glosses: list[str]) -> tuple[Tokenizer, np.ndarray]:
    """MiniLM's word pieces less those that neither names nor glosses need, and the rows (v,) kept of its embedding."""
    spec = json.loads((minilm / "tokenizer.json").read_text())
    full = Tokenizer.from_file(str(minilm / "tokenizer.json"))
    full.no_padding()
    full.no_truncation()
    count = np.zeros(len(spec["model"]["vocab"]), int)
    for encoding in full.encode_batch(glosses):
        np.add.at(count, encoding.ids, 1)
    for encoding in full.encode_batch(names):
        np.add.at(count, encoding.ids, 3)
    for piece, id in spec["model"]["vocab"].items():
        bare = piece.removeprefix("##")
        if piece in ("[PAD]", "[UNK]", "[CLS]", "[SEP]") or (len(bare) == 1 and bare.isascii()):
            count[id] += 3
    kept = np.flatnonzero(count >= 3)
    pieces = {id: piece for piece, id in spec["model"]["vocab"].items()}
    vocabulary = {pieces[id]: new for new, id in enumerate(kept.tolist())}
    spec["model"]["vocab"] = vocabulary
    spec["truncation"] = spec["padding"] = None
    spec["added_tokens"] = [
        token | {"id": vocabulary[token["content"]]} for token in spec["added_tokens"] if token["content"] in vocabulary
    ]
    for name, token in spec["post_processor"]["special_tokens"].items():
        token["ids"] = [vocabulary[name]]
    return Tokenizer.from_str(json.dumps(spec)), kept


def sense_mix(table: list[tuple[int, float]], row: dict[int, int], targets: np.ndarray) -> np.ndarray:
    """The vector of a bare name: its senses' targets, weighted by how likely each is meant."""
    return unit(sum(weight * targets[row[id]] for id, weight in table)[None])[0]


def build_corpus(pack: Path, wordnet: Path, minilm: Path, cache: Path, device: str, seed: int = 0) -> None:
    """Write ``corpus.npz``: word pieces (flat, with offsets), target vectors, weights and kinds of all texts."""
    if (cache / "corpus.npz").exists():
        return
    synsets, rng = read_nouns(wordnet), np.random.default_rng(seed)
    table = senses(wordnet, synsets)
    file, views = np.load(cache / "targets.npz"), np.load(cache / "wordnet-views.npz")
    targets, row = file["targets"], {id: i for i, id in enumerate(file["ids"].tolist())}
    concepts = set(clip_texts(pack)[0])
    texts: list[str] = []
    vectors: list[np.ndarray] = []
    weights: list[float] = []
    kinds: list[int] = []

    def add(kind: str, text: str, vector: np.ndarray, weight: float) -> None:
        texts.append(text)
        vectors.append(vector.astype(np.float16))
        weights.append(weight)
        kinds.append(list(SHARES).index(kind))

    counted = {name.lower() for s in synsets.values() for name, c in zip(s.names, s.counts, strict=True) if c}
    common = {name for name in table if name in counted or name in concepts}
    nouns = []
    for name, meanings in table.items():
        first = synsets[max(meanings, key=lambda sense: sense[1])[0]]
        seen = first.lexfile in VISIBLE and not first.instance
        weight = (1.0 if seen else 0.2) * (12.0 if name in common else 1.0)
        vector = sense_mix(meanings, row, targets)
        if untold(first.id, any(n.lower() in common for n in first.names)):
            weight = 0.0  # kept for measuring
        elif seen and name in common:
            nouns.append(name)
        add("name", name, vector, weight)
        add("variant", plural(name), vector, weight)
        add("variant", ("an " if name[0] in "aeiou" else "a ") + name, vector, weight)
        for template in rng.choice(TEMPLATES, 3, replace=False):
            add("template", template.format(plural(name) if "many" in template else name), vector, weight)
    for synset in synsets.values():
        known = any(name.lower() in common for name in synset.names)
        weight = (1.0 if synset.lexfile in VISIBLE and not synset.instance else 0.2) * (12.0 if known else 1.0)
        weight = 0.0 if untold(synset.id, known) else weight
        name, vector = synset.names[0].lower(), targets[row[synset.id]]
        prompt = chain_prompt(synsets, name, synset.id, 1 + int(rng.integers(2)))
        add("chain", prompt if rng.random() < 0.5 else prompt.removeprefix("a photo of a "), vector, weight)
        add("gloss", synset.gloss if rng.random() < 0.6 else f"{name}, {synset.gloss}", vector, weight)

    phrases = [(str(rng.choice(ADJECTIVES)), nouns[i]) for i in rng.integers(len(nouns), size=PHRASES)]
    lines = [f"{adjective} {noun}" for adjective, noun in phrases] + sorted(concepts - table.keys())
    known = np.concatenate([views[view].astype(np.float32)[::2] for view in ("name", "chain", "gloss")])
    mean, offset, map_ = ridge(known, np.concatenate([targets[::2]] * 3), 30.0)
    meant = unit((SentenceEncoder(minilm, device)(lines) - mean) @ map_ + offset)
    for i, line in enumerate(lines):
        vector = meant[i]
        if i < PHRASES:
            vector = unit((vector + sense_mix(table[phrases[i][1]], row, targets))[None])[0]
        if rng.random() < 0.3:
            line = str(rng.choice(TEMPLATES)).format(line)
        add("phrase", line, vector, 1.0)

    tokenizer, kept = small_tokenizer(minilm, list(table), [s.gloss for s in synsets.values()])
    tokenizer.save(str(cache / "tokenizer.json"))
    ids = [encoding.ids[:32] for encoding in tokenizer.encode_batch(texts)]
    np.savez(
        cache / "corpus.npz",
        pieces=np.concatenate([np.array(i, np.uint16) for i in ids]),
        offsets=np.cumsum([0, *map(len, ids)]),
        targets=np.stack(vectors),
        weights=np.array(weights, np.float32),
        kinds=np.array(kinds, np.uint8),
        kept=kept,
    )
