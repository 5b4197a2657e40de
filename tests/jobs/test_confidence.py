import csv
import json

import numpy as np
import pytest
from scipy.special import softmax

import zorse
from zorse.core import CapabilityError, InputError, UnknownNameError
from zorse.jobs import Classifier
from zorse.jobs.confidence import Groups, Probabilities, calibrate
from zorse.methods.pretraining.clip import CLIP

LABELS = ["red", "green", "blue"]


@pytest.fixture
def sample(paint):
    """Twenty labelled images of their own colours, each a little different so that each is encoded."""
    for i in range(20):
        channel = i % 3
        colour = tuple(200 + i if c == channel else 20 * (i % 5) for c in range(3))
        root = paint(f"sample/{LABELS[channel]}/{i}.png", colour).parent.parent
    return root


def test_a_sample_tells_the_temperature_from_a_folder_and_from_a_file_alike(colours, sample, paint, tmp_path):
    table = tmp_path / "sample.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label"])
        writer.writerows([f"sample/{p.parent.name}/{p.name}", p.parent.name] for p in sorted(sample.rglob("*.png")))
    found = [zorse.classify([paint("a.png", "red")], LABELS, colours, calibrate=s) for s in (sample, table)]
    first, second = (table.summary.calibration for table in found)
    assert first.n == second.n == 20
    assert first.fitted == second.fitted
    assert found[0][0].score > zorse.classify([paint("a.png", "red")], LABELS, colours)[0].score  # every one is right
    assert found[0].summary.as_dict()["calibration"]["fitted_on"] == 20


def test_sets_hold_every_label_that_fits_about_as_well(colours, sample, paint):
    images = [paint("red.png", "red"), paint("grey.png", "grey")]
    clear, grey = zorse.classify(images, LABELS, colours, calibrate=sample, sets=0.1)
    assert clear.answers == ("red",)
    assert grey.answers[0] == grey.label
    assert grey.as_dict(("answers",))["answers"] == list(grey.answers)


def test_sets_say_what_they_need(colours, sample, paint):
    with pytest.raises(InputError, match="labelled sample; give --calibrate"):
        Classifier(LABELS, colours, sets=0.05)
    classifier = Classifier(LABELS, colours, sets=0.01, calibrate=sample)
    with pytest.raises(InputError, match=r"at least 99 labelled images.*has 20"):
        classifier.learn()
    for wrong in ({"sets": 2}, {"sets_by": "x"}, {"multi_label": "auto"}, {"multi_label": "x"}, {"sure": 0}):
        with pytest.raises(InputError):
            Classifier(LABELS, colours, **wrong)
    with pytest.raises(InputError, match="exclude each other"):
        Classifier(LABELS, colours, multi_label=0.5, tree={"a": LABELS})
    with pytest.raises(CapabilityError, match="others of the same run"):
        Classifier(LABELS, colours, method=Together(), calibrate=sample)


class Together(CLIP):
    """Works on the images of a run together."""

    traits = CLIP.traits.__class__(trained=False, aligned_space=True, independent_samples=False)


def test_a_sample_with_other_labels_is_refused_by_name(colours, sample, tmp_path):
    (tmp_path / "s.csv").write_text("image,class\nsample/red/0.png,reed\n")
    with pytest.raises(UnknownNameError, match=r"unknown label .reed."):
        Classifier(LABELS, colours, calibrate=tmp_path / "s.csv")
    (tmp_path / "s.csv").write_text("name,kind\na.png,red\n")
    with pytest.raises(InputError, match="columns name, kind; expected path and label"):
        Classifier(LABELS, colours, calibrate=tmp_path / "s.csv")
    told = r"its images are called blue, green, red, the labels are cyan, yellow; 1 could not be read"
    (sample / "red" / "broken.png").write_bytes(b"no")
    with pytest.raises(InputError, match=told):
        zorse.classify([sample / "red" / "0.png"], ["cyan", "yellow"], colours, calibrate=sample)


def test_images_of_a_sample_that_have_no_label_are_told_by_name(colours, sample, zorse_):
    learned = zorse.classify([sample / "red" / "0.png"], ["red", "green"], colours, calibrate=sample)
    assert learned.summary.calibration.strangers == {"blue": 6}
    assert learned.summary.as_dict()["calibration"]["not_a_label"] == {"blue": 6}
    code, _, err = zorse_("classify", sample / "red" / "0.png", "--labels", "red, green", "--calibrate", sample)
    assert code == 0
    assert "6 images of the sample had no label (blue)" in err


def test_images_of_the_sample_in_the_run_are_counted(colours, sample):
    table = zorse.classify(sample / "red", LABELS, colours, calibrate=sample)
    assert table.summary.in_sample == len(table) == 7


def test_the_promise_of_sets_holds_after_a_temperature_on_the_other_half():
    rng, missed = np.random.default_rng(0), []
    for seed in range(200):
        logits = rng.normal(scale=2, size=(160, 5))
        rows = (softmax(logits, axis=1).cumsum(axis=1) > rng.random((160, 1))).argmax(axis=1)
        present = np.eye(5, dtype=bool)[rows]
        learned = calibrate(3 * logits[:80], present[:80], Probabilities(), sets=0.1, seed=seed)
        inside = learned.sets(learned.fitted(3 * logits[80:]))
        missed.append(1 - inside[np.arange(80), rows[80:]].mean())
    assert np.mean(missed) <= 0.1 + 4 * np.std(missed) / 200**0.5


def test_several_labels_each_by_itself(colours, paint):
    yellow, black = paint("yellow.png", "yellow"), paint("black.png", "black")
    rows = zorse.classify([yellow, black], LABELS, colours, multi_label=0.15)  # nothing named is grey here
    assert set(rows[0].answers) == {"red", "green"}
    assert rows[1].answers == ()
    assert rows[1].label == "unknown"


def test_thresholds_of_a_sample_part_what_has_a_label_from_what_has_not(colours, paint):
    told = {}
    for i in range(30):
        chosen = [c for c in range(3) if i % 7 >> c & 1] or [0]
        colour = tuple(180 + i if c in chosen else 2 * i for c in range(3))
        told[str(paint(f"s/{i}.png", colour))] = [LABELS[c] for c in chosen]
    (row,) = zorse.classify([paint("c.png", "cyan")], LABELS, colours, calibrate=told, multi_label="auto")
    assert set(row.answers) == {"green", "blue"}


def test_groups_are_sums(colours, paint):
    groups = {"warm": ["Red"], "cold": ["green", "blue"]}
    (row,) = zorse.classify([paint("g.png", "grey")], LABELS, colours, groups=groups)
    assert dict(row.groups) == pytest.approx({"warm": 1 / 3, "cold": 2 / 3}, abs=1e-3)
    with pytest.raises(UnknownNameError, match="in group 'warm'"):
        Groups.read({"warm": ["rde"]}, LABELS)
    with pytest.raises(InputError, match="list of labels"):
        Groups.read({"warm": "red"}, LABELS)


def test_a_tree_is_answered_as_deep_as_is_sure_and_is_right_there(colours, paint):
    tree = {"colour": {"warm": ["red"], "cold": ["green", "blue"]}}
    paths = {str(paint("t/cyan.png", "cyan")): "blue", str(paint("t/red.png", "red")): "red"}
    table = zorse.classify(list(paths), LABELS, colours, tree=tree, truth=paths)
    assert table.labels == ["cold", "red"]
    assert [name for name, _ in table[0].branch] == ["colour", "cold", table[0].top[0][0]]
    assert table.summary.agreement.at_depth.value == 1.0


def test_an_image_of_nothing_named_is_unknown_by_mcm(colours, sample, paint):
    images = [paint("grey.png", "grey"), paint("red.png", "red")]
    grey, red = zorse.classify(images, LABELS, colours, ood="mcm")
    assert grey.known < red.known
    assert grey.label != "unknown"
    grey, red = zorse.classify(images, LABELS, colours, ood="mcm", calibrate=sample)
    assert (grey.label, red.label) == ("unknown", "red")
    with pytest.raises(CapabilityError, match="no patches"):
        Classifier(LABELS, colours, ood="glmcm")
    with pytest.raises(InputError, match="mcm or glmcm"):
        Classifier(LABELS, colours, ood="energy")


def test_the_prompts_of_an_answer_are_ranked_by_their_lead(colours, paint):
    told = {"red": ["a red thing.", "a yellow thing."], "green": ["a green thing."], "blue": ["a blue thing."]}
    (row,) = zorse.classify([paint("r.png", "red")], LABELS, colours, descriptions=told, explain=True)
    assert [text for text, _ in row.because] == ["a red thing.", "a yellow thing."]
    assert row.because[0][1] > row.because[1][1]


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet"])
def test_every_column_is_written(colours, sample, paint, tmp_path, name):
    (sample / "red" / "bad.png").write_bytes(b"no")
    options = {"sets": 0.1, "calibrate": sample, "ood": "mcm", "groups": {"g": ["red"]}, "tree": {"x": LABELS}}
    table = zorse.classify(sample / "red", LABELS, colours, explain=True, truth="folder", **options)
    table.write(tmp_path / name)
    columns = ["path", "label", "score", "top", "error", "answers", "known", "groups", "branch", "because", "truth"]
    if name == "rows.csv":
        rows = list(csv.DictReader((tmp_path / name).read_text().splitlines()))
        assert json.loads(rows[0]["answers"]) == ["red"]
    elif name == "rows.jsonl":
        rows = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
    else:
        import pyarrow.parquet as pq

        rows = pq.read_table(tmp_path / name).to_pylist()
        assert rows[0]["branch"][-1]["label"] == "red"
    assert list(rows[0]) == columns
    assert len(rows) == 8
