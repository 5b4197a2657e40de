"""Naming photographs: Zorse beside what users would pick, with one local checkpoint of CLIP ViT-B/32's size.

Images, names and weights are generated, so nothing is downloaded and nothing here says how accurate anything is. Every
contender runs in a process of its own; importing and loading are not timed. CPU seconds are given beside wall seconds:
on a shared machine only they compare. Slow contenders run on fewer images, which the results say; their totals are the
measured seconds an image times the number of images.

    python benchmarks/classify.py --images 1000 --out benchmarks/results/classify.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from PIL import Image

LABELS, TEMPLATES = 100, 7
OPENINGS = (
    "a photo of a {}",
    "a drawing of a {}",
    "a blurry photo of a {}",
    "a painting of the {}",
    "a close picture of one {}",
    "a dark photo of the {}",
    "a toy {}",
    "the plastic {}",
    "a sketch of a {}",
    "a black and white photo of the {}",
    "a photo of many {}",
    "a low resolution photo of a {}",
    "art of the {}",
    "a {} in a video game",
    "a statue of the {}",
    "there is a {}",
)
ENDINGS = (".", " outdoors.", " on a table.", ", seen from afar.", " in the rain.")
BANK = [opening + ending for ending in ENDINGS for opening in OPENINGS]  # 80 templates


def names(count: int) -> list[str]:
    """Pronounceable names of one to three words, as class names are."""
    rng = np.random.default_rng(0)
    syllables = [c + v for c in "bcdfgklmnprstvz" for v in ("a", "e", "i", "o", "u", "an", "er", "ol")]
    words = ["".join(rng.choice(syllables, rng.integers(1, 4))) for _ in range(600)]
    made: dict[str, None] = {}
    while len(made) < count:
        made[" ".join(rng.choice(words, rng.choice([1, 2, 3], p=[0.5, 0.4, 0.1])))] = None
    return list(made)


def jpegs(folder: Path, count: int, width: int, height: int) -> None:
    """Photograph-like JPEGs: smooth colour, edges and grain, about as many bytes as a photograph of that size."""
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    grain = rng.normal(0, 9, (8, height, width, 3)).astype(np.float32)
    for i in range(count):
        a, b, c = rng.uniform(4, 60, 3)
        colour = np.stack([np.sin(x / a), np.cos(y / b), np.sin((x + y) / c)], -1) * 60 + rng.uniform(60, 190, 3)
        colour[(x - rng.uniform(0, width)) ** 2 + (y - rng.uniform(0, height)) ** 2 < (height / 4) ** 2] *= 0.6
        pixels = np.clip(colour + grain[i % 8], 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:05d}.jpg", quality=90)


def checkpoint(folder: Path, *, tiny: bool = False) -> None:
    """CLIP ViT-B/32's architecture with random weights, and a tokenizer that has learnt the names and templates."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(False)])
    trainer = trainers.BpeTrainer(
        vocab_size=1_500,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    learner.train_from_iterator([*names(1000), *(t.format("") for t in BANK)], trainer)
    learnt = json.loads(learner.to_str())["model"]
    vocab = {**learnt["vocab"], "<|startoftext|>": 49406, "<|endoftext|>": 49407}
    CLIPTokenizer(vocab, [tuple(pair) for pair in learnt["merges"]], model_max_length=77).save_pretrained(folder)
    CLIPImageProcessorPil().save_pretrained(folder)
    small = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config=small if tiny else {},
        vision_config={**(small if tiny else {}), "patch_size": 32},
        projection_dim=64 if tiny else 512,
    )
    CLIPModel(config).save_pretrained(folder)


class Clock:
    """Wall and CPU seconds of a block, all threads together."""

    def __enter__(self) -> Clock:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = round(time.perf_counter() - self._wall, 4)
        self.cpu = round(time.process_time() - self._cpu, 4)

    def per(self, count: int) -> dict[str, float]:
        return {"wall_s": self.wall / count, "cpu_s": self.cpu / count}

    def all(self) -> dict[str, float]:
        return {"wall_s": self.wall, "cpu_s": self.cpu}


def files(work: Path, count: int) -> list[Path]:
    return sorted((work / "images").glob("*.jpg"))[:count]


# Contenders: each returns {"text": seconds once, "image": seconds an image, "images": how many were run, ...}.


def run_pipeline(work: Path, images: int, templates: int) -> dict:
    from transformers import pipeline

    ask = pipeline("zero-shot-image-classification", model=str(work / "model"), device="cpu")
    labels = names(LABELS)
    prompts = [t.format(name) for name in labels for t in BANK[:templates]]
    paths = [str(path) for path in files(work, images)]
    ask(paths[0], candidate_labels=prompts[:2], hypothesis_template="{}")
    with Clock() as clock:
        for path in paths:
            ask(path, candidate_labels=prompts, hypothesis_template="{}")
    return {"text": {"wall_s": 0.0, "cpu_s": 0.0}, "image": clock.per(images), "images": images}


def run_pipeline_one_template(work: Path, images: int) -> dict:
    return run_pipeline(work, images, 1)


def run_pipeline_all_templates(work: Path, images: int) -> dict:
    return run_pipeline(work, images, TEMPLATES)


def run_plain_loop(work: Path, images: int) -> dict:
    """What a careful user writes: text once, batches of 32."""
    import torch
    from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

    model = CLIPModel.from_pretrained(work / "model").eval()
    processor = AutoImageProcessor.from_pretrained(work / "model", backend="pil")
    tokenizer = AutoTokenizer.from_pretrained(work / "model")
    unit = torch.nn.functional.normalize
    with torch.inference_mode():
        with Clock() as text:
            bank = torch.zeros(LABELS, 512)
            for template in BANK[:TEMPLATES]:
                tokens = tokenizer([template.format(n) for n in names(LABELS)], padding=True, return_tensors="pt")
                bank += unit(model.get_text_features(**tokens).pooler_output, dim=-1)
            bank = unit(bank, dim=-1)
        paths, scores = files(work, images), []
        with Clock() as clock:
            for start in range(0, images, 32):
                batch = [Image.open(path).convert("RGB") for path in paths[start : start + 32]]
                pixels = processor(batch, return_tensors="pt")["pixel_values"]
                vectors = unit(model.get_image_features(pixel_values=pixels).pooler_output, dim=-1)
                scores.append((model.logit_scale.exp() * vectors @ bank.T).softmax(-1).numpy())
    np.save(work / "plain.npy", np.concatenate(scores))
    return {"text": text.all(), "image": clock.per(images), "images": images}


def run_open_clip(work: Path, images: int) -> dict:
    import open_clip
    import torch

    model, _, transform = open_clip.create_model_and_transforms("ViT-B-32")
    model.eval()
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    with torch.inference_mode():
        with Clock() as text:
            rows = []
            for name in names(LABELS)[:10]:  # a tenth of the labels, and the seconds times ten
                vectors = model.encode_text(tokenizer([t.format(name) for t in BANK[:TEMPLATES]]), normalize=True)
                rows.append(torch.nn.functional.normalize(vectors.mean(0), dim=-1))
            bank = torch.stack(rows * 10)
        paths = files(work, images)
        with Clock() as clock:
            for start in range(0, images, 32):
                pixels = torch.stack([transform(Image.open(path)) for path in paths[start : start + 32]])
                (100.0 * model.encode_image(pixels, normalize=True) @ bank.T).softmax(-1).numpy()
    return {
        "text": {key: 10 * value for key, value in text.all().items()},
        "image": clock.per(images),
        "images": images,
    }


def run_zorse(work: Path, images: int) -> dict:
    """Text, images, then new labels over what the store holds, and what decoding adds to encoding."""
    import torch

    from zorse import load_encoder
    from zorse.core import open_image
    from zorse.encoders.store import EmbeddingStore
    from zorse.jobs import Classifier, embed_stream

    encoder = load_encoder(str(work / "model"), device="cpu")
    paths = [str(path) for path in files(work, images)]
    templates = BANK[:TEMPLATES]
    with tempfile.TemporaryDirectory() as folder, EmbeddingStore(folder) as store:
        encoder.fingerprint  # noqa: B018 - reading a local checkpoint once more belongs to loading
        with Clock() as text:
            job = Classifier(names(LABELS), encoder, templates=templates, top_k=LABELS, store=store)
        with Clock() as clock:
            rows = list(job.predict(embed_stream(paths, encoder, store=store)))
        order = {name: i for i, name in enumerate(names(LABELS))}
        scores = np.zeros((images, LABELS))
        for row, kept in zip(scores, rows):
            for name, p in kept.top:
                row[order[name]] = p
        others = names(LABELS * 2)[LABELS:]
        with Clock() as new_text:
            job = Classifier(others, encoder, templates=templates, store=store)
        with Clock() as stored:
            list(job.predict(embed_stream(paths, encoder, store=store)))
        with Clock() as known_text:
            Classifier(others, encoder, templates=templates, store=store)

    with Clock() as decode:
        pixels = [encoder.preprocess(open_image(path)) for path in paths]
    with Clock() as encode:
        for start in range(0, images, 32):
            encoder.encode_pixels(torch.stack(pixels[start : start + 32]))
    plain = np.load(work / "plain.npy") if (work / "plain.npy").exists() else None
    n = min(images, len(plain)) if plain is not None else 0
    return {
        "text": text.all(),
        "image": clock.per(images),
        "images": images,
        "max_probability_difference_from_plain_loop": float(np.abs(plain[:n] - scores[:n]).max()) if n else None,
        "new_labels": {
            "image_from_store": stored.per(images),
            "text": new_text.all(),
            "same_text_again": known_text.all(),
        },
        "decode_alone_an_image": decode.per(images),
        "encode_alone_an_image": encode.per(images),
    }


def run_text_bank(work: Path, prompts: int) -> dict:
    """A sample of the 1,000 x 80 prompts, through 77 positions and through Zorse, in turns."""
    import torch
    from transformers import AutoTokenizer, CLIPModel

    from zorse import load_encoder

    encoder = load_encoder(str(work / "model"), device="cpu")
    model = CLIPModel.from_pretrained(work / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(work / "model")
    rng = np.random.default_rng(2)
    every = [template.format(name) for name in names(1000) for template in BANK]
    sample = [every[i] for i in rng.choice(len(every), prompts, replace=False)]
    turns: dict[str, list[Clock]] = {"positions_77": [], "zorse": []}
    with torch.inference_mode():
        for start in range(0, prompts, prompts // 2):  # two turns each, so that a busy moment cannot decide
            part = sample[start : start + prompts // 2]
            with Clock() as clock:
                rows = []
                for at in range(0, len(part), 64):
                    tokens = tokenizer(part[at : at + 64], padding="max_length", max_length=77, return_tensors="pt")
                    vectors = model.get_text_features(**tokens).pooler_output
                    rows.append(torch.nn.functional.normalize(vectors, dim=-1).numpy())
            turns["positions_77"].append(clock)
            with Clock() as clock:
                ours = encoder.encode_text(part)
            turns["zorse"].append(clock)
            difference = float(np.abs(np.concatenate(rows) - ours).max())
    lengths = [len(ids) for ids in tokenizer(sample)["input_ids"]]
    seconds = {
        name: {"wall_s": sum(c.wall for c in clocks) / prompts, "cpu_s": sum(c.cpu for c in clocks) / prompts}
        for name, clocks in turns.items()
    }
    return {
        "prompts": prompts,
        "of": len(every),
        "mean_tokens": float(np.mean(lengths)),
        "a_prompt": seconds,
        "cpu_ratio": seconds["positions_77"]["cpu_s"] / seconds["zorse"]["cpu_s"],
        "wall_ratio": seconds["positions_77"]["wall_s"] / seconds["zorse"]["wall_s"],
        "max_vector_difference": difference,
    }


def run_memory(work: Path, images: int) -> dict:
    """Peak memory of the command itself, on small JPEGs with a small checkpoint."""
    listed = work / f"list-{images}.txt"
    listed.write_text("\n".join(str(work / "small" / f"{i:05d}.jpg") for i in range(images)) + "\n")
    command = [sys.executable, "-m", "zorse.cli", "classify", str(listed), "--model", str(work / "tiny")]
    command += ["--labels", ",".join(names(20)), "--output", str(work / "out.jsonl")]
    subprocess.run(command, check=True, capture_output=True)
    rows = sum(1 for _ in (work / "out.jsonl").open())
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {"images": images, "rows": rows, "peak_rss_mib": peak / 1024}


CONTENDERS = {
    "pipeline_one_template": run_pipeline_one_template,
    "pipeline_all_templates": run_pipeline_all_templates,
    "plain_loop": run_plain_loop,
    "open_clip": run_open_clip,
    "zorse": run_zorse,
    "text_bank": run_text_bank,
    "memory": run_memory,
}


def measured(contender: str, work: Path, count: int, threads: int | None) -> dict:
    """Run one contender in its own process."""
    command = [sys.executable, __file__, "--contender", contender, "--work", str(work), "--images", str(count)]
    load = os.getloadavg()[0]
    limit = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **limit})
    if done.returncode:
        return {"not_run": done.stderr.strip().splitlines()[-1] if done.stderr else f"exit {done.returncode}"}
    return {**json.loads(done.stdout.splitlines()[-1]), "load_average_before": round(load, 2)}


def machine() -> dict:
    model = ""
    if (info := Path("/proc/cpuinfo")).exists():
        model = next((row.split(":")[1].strip() for row in info.read_text().splitlines() if "model name" in row), "")
    return {
        "system": platform.system(),
        "processor": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    found = {}
    for package in ("zorse", "torch", "transformers", "tokenizers", "numpy", "pillow", "open_clip_torch"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def report(raw: dict, job: int) -> dict:
    """Tables of what was measured, for docs/benchmarks.md."""
    rows: list[dict] = []
    for name, found in raw.items():
        if "image" in found:
            row = {"contender": name.replace("_", " "), "measured_images": found["images"]}
            for key in ("cpu_s", "wall_s"):
                row |= {f"text_{key}": found["text"][key], f"image_{key}": found["image"][key]}
            row["job_cpu_s"] = found["text"]["cpu_s"] + job * found["image"]["cpu_s"]
            rows.append(row | {"load_average": found["load_average_before"]})
    ours = next((row for row in rows if row["contender"] == "zorse"), None)
    made: dict = {"contenders": rows}
    if ours:
        for row in rows:
            row["cpu_times_zorse"] = row["job_cpu_s"] / ours["job_cpu_s"]
        found = raw["zorse"]
        new = found["new_labels"]
        made["max_probability_difference_from_plain_loop"] = found["max_probability_difference_from_plain_loop"]
        made["decoding"] = {
            f"{said}_an_image_{key}": found[part][key]
            for said, part in (
                ("decoding", "decode_alone_an_image"),
                ("encoding", "encode_alone_an_image"),
                ("both_together", "image"),
            )
            for key in ("cpu_s", "wall_s")
        }
        made["new_labels"] = {
            "image_from_store_cpu_s": new["image_from_store"]["cpu_s"],
            "image_encoded_cpu_s": found["image"]["cpu_s"],
            "times_faster_an_image": found["image"]["cpu_s"] / new["image_from_store"]["cpu_s"],
            "text_of_new_labels_cpu_s": new["text"]["cpu_s"],
            "the_same_labels_again_cpu_s": new["same_text_again"]["cpu_s"],
        }
    for name in ("text_bank", "memory"):
        if name in raw:
            made[name] = raw[name]
    made["not_run"] = [f"{name}: {found['not_run']}" for name, found in raw.items() if "not_run" in found]
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=1000, help="500 x 375 JPEGs for the loops")
    parser.add_argument("--pipeline-images", type=int, default=16, help="for the slow pipelines")
    parser.add_argument("--prompts", type=int, default=640, help="sample of the text bank")
    parser.add_argument("--memory-images", type=int, nargs=2, default=[1000, 10000])
    parser.add_argument("--job", type=int, default=1000, help="images of the job that totals are given for")
    parser.add_argument("--threads", type=int, help="of torch; on a busy machine 1, since waiting threads spin")
    parser.add_argument("--only", nargs="*", choices=CONTENDERS, help="measure these, keep what --work has of others")
    parser.add_argument("--note", default="", help="what a reader must know of this run")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "classify.json")
    parser.add_argument("--work", type=Path, help="folder for images and checkpoints; kept")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.contender:
        print(json.dumps(CONTENDERS[args.contender](args.work, args.images)))
        return
    work = args.work or Path(tempfile.mkdtemp(prefix="zorse-benchmark-"))
    if len(list((work / "images").glob("*.jpg"))) < args.images:
        jpegs(work / "images", args.images, 500, 375)
    if len(list((work / "small").glob("*.jpg"))) < max(args.memory_images):
        jpegs(work / "small", max(args.memory_images), 96, 72)
    for folder, tiny in (("model", False), ("tiny", True)):
        if not (work / folder / "model.safetensors").exists():
            checkpoint(work / folder, tiny=tiny)
    measured_so_far = work / "measured.json"
    raw = json.loads(measured_so_far.read_text()) if args.only is not None and measured_so_far.exists() else {}
    for name in CONTENDERS if args.only is None else args.only:
        if name == "memory":
            raw[name] = [measured(name, work, count, args.threads) for count in args.memory_images]
        else:
            few = args.pipeline_images // (4 if name.endswith("all_templates") else 1)
            count = max(1, few) if name.startswith("pipeline") else args.prompts if name == "text_bank" else args.images
            raw[name] = measured(name, work, count, args.threads)
        print(name, json.dumps(raw[name]), flush=True)
        measured_so_far.write_text(json.dumps(raw))
    unsaid = ("--work", "--out", "--note")  # paths of this machine, and what the result says already
    said = [a for before, a in zip(sys.argv, sys.argv[1:]) if a not in unsaid and before not in unsaid]
    result = {
        "what": f"{args.job:,} JPEGs of 500 x 375, {LABELS} labels x {TEMPLATES} templates, ViT-B/32, random weights",
        "note": args.note,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "python benchmarks/classify.py " + " ".join(said),
        "torch_threads": args.threads or "torch's default",
        **report(raw, args.job),
        "versions": versions(),
        "machine": machine(),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
