"""fit, predict, info: what is written, what is told, and how a killed fit goes on."""

import csv
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet
import pytest

from zorse.catalogue import all_methods
from zorse.core import ClassTable, load, save
from zorse.data import ZeroShotTask, save_bundle, toy_zsl
from zorse.methods.compatibility.eszsl import ESZSL
from zorse.methods.generative.fclswgan import FCLSWGAN

TASK = toy_zsl()
GAN = "fclswgan:epochs=3,hidden=16,classifier_epochs=3,classifier_batch_size=32,n_synthetic=20"


@pytest.fixture
def features(tmp_path):
    path = tmp_path / "features.npz"
    np.savez(path, features=TASK.test_unseen[0])
    return path


@pytest.fixture
def model(tmp_path):
    save(ESZSL(gamma=10.0).fit(*TASK.train, classes=TASK.classes), tmp_path / "eszsl")
    return tmp_path / "eszsl"


def test_a_method_is_fitted_kept_and_answers_as_in_the_library(zorse_, tmp_path):
    code, out, err = zorse_("fit", "--method", GAN, "--task", "toy", "--out", tmp_path / "m", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    params = {"epochs": 3, "hidden": 16, "classifier_epochs": 3, "classifier_batch_size": 32, "n_synthetic": 20}
    ours = FCLSWGAN(**params, random_state=0, device="cpu").fit(*TASK.train, classes=TASK.classes)
    again = load(tmp_path / "m")
    np.testing.assert_array_equal(again.scores(TASK.X), ours.scores(TASK.X))
    assert (told["task"], told["seed"], told["samples"]) == ("toy", 0, len(TASK.train_index))
    assert set(told["figures"]) == {"zsl", "U", "S", "H", "AUSUC"}


def test_a_wrapper_takes_the_method_it_wraps(zorse_, tmp_path):
    args = ("fit", "-m", "calibrated_stacking:gamma=0.5,estimator=sae", "-t", "toy", "-o", tmp_path / "m")
    assert zorse_(*args)[0] == 0
    fitted = load(tmp_path / "m")
    assert type(fitted.estimator_).__name__ == "SAE"
    assert fitted.gamma == 0.5


def test_a_task_may_be_a_path_and_a_transductive_method_gets_its_samples(zorse_, tmp_path):
    aligned = toy_zsl(aligned=True)
    save_bundle(aligned, tmp_path / "task.npz")
    assert zorse_("fit", "-m", "zlap", "-t", tmp_path / "task.npz", "-o", tmp_path / "m")[0] == 0
    assert load(tmp_path / "m").predict(aligned.X).shape == (len(aligned.X),)


def fit_apart(*arguments):
    return subprocess.Popen([sys.executable, "-m", "zorse.cli", "fit", *map(str, arguments)], stderr=subprocess.PIPE)


def test_a_killed_fit_goes_on_and_ends_the_same(zorse_, tmp_path):
    gan = "fclswgan:epochs=200,hidden=16,classifier_epochs=3,n_synthetic=20"
    args = ("-m", gan, "-t", "toy", "-o", tmp_path / "resumed", "--checkpoint", tmp_path / "c")
    process = fit_apart(*args)
    deadline = time.monotonic() + 120
    while not (tmp_path / "c" / "training-01.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()
    assert not (tmp_path / "resumed").exists()
    code, _, err = zorse_("fit", *args)
    assert code == 2
    assert "--resume" in err
    code, _, err = zorse_("fit", *args, "--resume", "--seed", 1)
    assert code == 2
    assert "random_state" in err
    code, _, err = zorse_("fit", "-m", "ale", *args[2:], "--resume")
    assert code == 2
    assert "method differs" in err
    assert zorse_("fit", *args, "--resume")[0] == 0
    assert zorse_("fit", "-m", gan, "-t", "toy", "-o", tmp_path / "whole")[0] == 0
    resumed, whole = load(tmp_path / "resumed"), load(tmp_path / "whole")
    assert resumed.history_ == whole.history_
    np.testing.assert_array_equal(resumed.scores(TASK.X), whole.scores(TASK.X))


def test_resuming_ends_with_the_same_model_and_clears_the_checkpoint(zorse_, tmp_path, monkeypatch):
    args = ("fit", "-m", GAN, "-t", "toy", "--checkpoint", tmp_path / "c")
    kept = FCLSWGAN._real

    def dies(self, x):
        raise KeyboardInterrupt

    monkeypatch.setattr(FCLSWGAN, "_real", dies)  # after the GAN's training, before the model is whole
    code, _, err = zorse_(*args, "-o", tmp_path / "resumed")
    assert code == 130
    assert "--resume" in err
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == [
        "fit.json",
        "training-00.safetensors",
        "training-01.safetensors",
    ]
    monkeypatch.setattr(FCLSWGAN, "_real", kept)
    assert zorse_(*args, "-o", tmp_path / "resumed", "--resume")[0] == 0
    assert not (tmp_path / "c").exists()
    assert zorse_("fit", "-m", GAN, "-t", "toy", "-o", tmp_path / "whole")[0] == 0
    resumed, whole = load(tmp_path / "resumed"), load(tmp_path / "whole")
    np.testing.assert_array_equal(resumed.scores(TASK.X), whole.scores(TASK.X))


BAD_FITS = {
    "method": (("-m", "eszl", "-t", "toy"), "'eszl'; did you mean"),
    "parameter": (("-m", "eszsl:foo=1", "-t", "toy"), "no parameter 'foo'"),
    "value": (("-m", "fclswgan:scale=max", "-t", "toy"), "scale must be"),
    "impossible": (("-m", "fclswgan:hidden=-3", "-t", "toy"), "can't be fitted"),
    "task": (("-m", "eszsl", "-t", "toyy"), "did you mean toy"),
    "path": (("-m", "eszsl", "-t", "./nothing.npz"), "nothing.npz"),
    "space": (("-m", "clip", "-t", "toy"), "one space"),
    "diverging": (("-m", "fclswgan:lr=1e9,hidden=16", "-t", "toy"), "turn 'critic' is"),
    "resume": (("-m", "eszsl", "-t", "toy", "--resume"), "--checkpoint"),
}


@pytest.mark.parametrize(("arguments", "told"), BAD_FITS.values(), ids=BAD_FITS)
def test_a_fit_that_cannot_be_is_refused_in_one_line(zorse_, tmp_path, arguments, told):
    code, out, err = zorse_("fit", *arguments, "-o", tmp_path / "m")
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "m").exists()


def test_folders_that_are_something_else_are_refused(zorse_, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    code, _, err = zorse_("fit", "-m", "ale", "-t", "toy", "-o", tmp_path / "m", "--checkpoint", tmp_path / "full")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "no checkpoint" in err
    code, _, err = zorse_("fit", "-m", "eszsl", "-t", "toy", "-o", tmp_path / "full" / "thesis.tex")
    assert code == 2
    assert "is a file" in err


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_predictions_are_written_in_each_format(zorse_, tmp_path, model, features, suffix):
    path = tmp_path / f"out.{suffix}"
    code, out, _ = zorse_("predict", model, features, "--candidates", "unseen", "--output", path, "--top-k", 2)
    assert (code, out) == (0, "")
    if suffix == "csv":
        rows = list(csv.DictReader(path.open()))
        labels, scores = [r["label"] for r in rows], [float(r["score"]) for r in rows]
    elif suffix == "jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        labels, scores = [r["label"] for r in rows], [r["score"] for r in rows]
    else:
        table = pyarrow.parquet.read_table(path).to_pydict()
        labels, scores = table["label"], table["score"]
    expected = load(model).with_candidates(TASK.unseen)
    assert labels == list(expected.predict(TASK.test_unseen[0]))
    assert scores == pytest.approx(expected.predict_proba(TASK.test_unseen[0]).max(1), rel=1e-5)


def test_piped_predictions_are_json_lines_with_the_keys_of_embed(zorse_, tmp_path, model):
    np.savez(tmp_path / "v.npz", vectors=TASK.X[:3], keys=np.array(["a.jpg", "b.jpg", "c.jpg"]))
    code, out, _ = zorse_("predict", model, tmp_path / "v.npz")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["path"] for row in rows] == ["a.jpg", "b.jpg", "c.jpg"]
    assert all(len(row["top"]) == 5 for row in rows)


def test_candidates_may_be_listed_filed_or_numbers(zorse_, tmp_path, features):
    table = ClassTable(np.arange(TASK.classes.n_classes), TASK.classes.vectors)
    y = TASK.classes.rows(TASK.y)
    task = ZeroShotTask(TASK.X, y, table, TASK.train_index, TASK.test_seen_index, TASK.test_unseen_index)
    save(ESZSL().fit(*task.train, classes=task.classes), tmp_path / "m")
    (tmp_path / "some.txt").write_text("8\n9\n")
    for asked in ("8, 9", tmp_path / "some.txt"):
        out = zorse_("predict", tmp_path / "m", features, "-c", asked)[1]
        assert {json.loads(line)["label"] for line in out.splitlines()} <= {"8", "9"}
    np.save(tmp_path / "y.npy", task.test_unseen[1])
    out = zorse_("predict", tmp_path / "m", features, "-c", "unseen", "--truth", tmp_path / "y.npy", "--json")[1]
    assert json.loads(out)["mean_class_accuracy"] > 0.5
    code, _, err = zorse_("predict", tmp_path / "m", features, "-c", "eight")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "are numbers" in err


BAD_PREDICTIONS = {
    "no model": (("nowhere", "features.npz"), "no saved model"),
    "no features": (("eszsl", "nothing.npz"), "nothing.npz"),
    "other width": (("eszsl", "narrow.npz"), "fitted on 16 features"),
    "no matrix": (("eszsl", "words.npz"), "shape (n, d)"),
    "unknown label": (("eszsl", "features.npz", "-c", "unicorn"), "unicorn"),
    "format": (("eszsl", "features.npz", "-o", "a.txt"), "format"),
    "not finite": (("eszsl", "hole.npz"), "row 1, column 2"),
    "truth": (("eszsl", "features.npz", "--truth", "short.txt"), "2 labels"),
}


@pytest.mark.parametrize(("arguments", "told"), BAD_PREDICTIONS.values(), ids=BAD_PREDICTIONS)
def test_a_prediction_that_cannot_be_is_refused_in_one_line(
    zorse_, tmp_path, monkeypatch, model, features, arguments, told
):
    monkeypatch.chdir(tmp_path)
    X = TASK.test_unseen[0].copy()
    X[1, 2] = np.nan
    np.savez("hole.npz", X)
    np.savez("narrow.npz", X[:, :5])
    np.savez("words.npz", np.array(["a", "b"]))
    (tmp_path / "short.txt").write_text("a\nb\n")
    code, _, err = zorse_("predict", *arguments)
    assert (code, len(err.splitlines())) == (2, 1), err
    assert told in err


def test_info_tells_what_a_model_is(zorse_, tmp_path, model):
    code, out, _ = zorse_("info", model)
    assert code == 0
    assert "gamma=10.0" in out
    assert "11, 8 of them seen" in out
    zorse_("fit", "-m", GAN, "-t", "toy", "-o", tmp_path / "gan")
    told = json.loads(zorse_("info", tmp_path / "gan", "--json")[1])
    assert (told["method"], told["epochs"], set(told["losses"])) == ("FCLSWGAN", 3, {"critic", "generator"})
    assert (told["fit"]["task"], told["features"], told["semantics"]) == ("toy", 16, 6)
    assert "hidden" in told["changed"]
    code, _, err = zorse_("info", tmp_path)
    assert (code, len(err.splitlines())) == (2, 1)


def test_every_method_that_classifies_features_can_be_asked_for():
    from zorse.benchmark.cell import why_not

    aligned = toy_zsl(aligned=True)
    fits = [name for name in all_methods() if why_not(name, aligned) is None]
    assert {"eszsl", "fclswgan", "clip", "zlap", "calibrated_stacking"} <= set(fits)
