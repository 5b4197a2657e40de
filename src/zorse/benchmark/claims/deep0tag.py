"""Deep0Tag against the whole image's mean patch, mapped and trained alike."""

from zorse.benchmark.looking import tagging_unseen, tuned_tagger
from zorse.benchmark.patches import pooled, redrawn_tags
from zorse.data import TagTask
from zorse.methods.compatibility.deep0tag import Deep0Tag

CLAIM = "Tags that were never trained on are found better in a bag of windows than in the whole image."
BASELINE = "the same network on the mean patch"
METRIC = "mean average precision of an image's unseen tags (MiAP)"
TASKS = ("mosaic-tags", "coco-tags")
SEEDS = 3
NOTE = (
    "mosaic-tags are procedural scenes of four Tiny-ImageNet photographs, 800 to train on; coco-tags has 208 images to "
    "train on, where the paper has NUS-WIDE. Patches are those of the embedded model, 8 x 8 an image."
)
SCHEDULES = {"epochs": [5, 10], "weight_decay": [0.0, 1e-3]}


def run(task: TagTask, seed: int) -> tuple[float, float]:
    """Windows, epochs and weight decay are chosen on held-out training tags; so are those of the baseline."""
    task = redrawn_tags(task, seed)
    model = Deep0Tag(hidden=128, random_state=seed, device="cpu")
    bags = tuned_tagger(model, {**SCHEDULES, "windows": [(2,), (4,), (2, 8)]}, task, seed)
    whole = tuned_tagger(model, {**SCHEDULES, "windows": [(1,)]}, pooled(task), seed)
    return tagging_unseen(bags, task), tagging_unseen(whole, pooled(task))
