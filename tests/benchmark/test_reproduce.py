"""The framework of claims, on claims made for the purpose."""

import json
import sys
from importlib import import_module

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from zorse.benchmark import claim_names, reproduce, table, tune
from zorse.benchmark.reproduce import CLAIMS, RESULTS
from zorse.benchmark.tasks import load_task, resplit, thinned, with_unit_features
from zorse.catalogue import entries
from zorse.core import NotAvailableError, UnknownNameError
from zorse.data import toy_zsl
from zorse.methods.compatibility.eszsl import ESZSL

CLAIM = '''"""A claim for the tests."""
from zorse.benchmark.reproduce import Agreement
CLAIM, BASELINE, METRIC = "Ours is better.", "theirs", "share"
TASKS = {tasks}
SEEDS = {seeds}
def run(task, seed):
    with open({log!r}, "a") as log:
        log.write(f"{{task.name}} {{seed}}\\n")
    if seed == {fails}:
        raise RuntimeError("interrupted")
    return {gain} + 0.01 * seed, 0.01 * seed * seed
def compare():
    return Agreement("a reference", "everything", 1e-9, 1e-6)
'''


@pytest.fixture
def claim(tmp_path, monkeypatch):
    """Write a claim module that the framework finds; returns a function that (re)writes it."""
    folder = tmp_path / "claims"
    folder.mkdir()
    package = import_module(CLAIMS)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    log = tmp_path / "log"

    def write(name="better", tasks=("digits", "procedural"), seeds=3, gain=0.5, fails=-1, extra=""):
        text = CLAIM.format(tasks=tasks, seeds=seeds, gain=gain, fails=fails, log=str(log)) + extra
        (folder / f"{name}.py").write_text(text)
        sys.modules.pop(f"{CLAIMS}.{name}", None)
        log.write_text("")
        return log

    return write


def test_cells_are_run_anew_when_their_inputs_change(claim, tmp_path):
    log = claim(tasks=("digits",), extra='def inputs():\n    return "one"\n')
    reproduce("better", folder=tmp_path)
    reproduce("better", folder=tmp_path)
    assert len(log.read_text().splitlines()) == 3
    import_module(f"{CLAIMS}.better").inputs = lambda: "two"
    reproduce("better", folder=tmp_path)
    assert len(log.read_text().splitlines()) == 6


def test_cells_interval_and_verdict(claim, tmp_path):
    claim()
    result = reproduce("better", folder=tmp_path)
    assert json.loads((tmp_path / "better.json").read_text()) == result
    assert [(c["task"], c["seed"]) for c in result["cells"]] == [
        (t, s) for t in ("digits", "procedural") for s in range(3)
    ]
    differences = [0.5 + 0.01 * s - 0.01 * s * s for s in range(3)]
    interval = ttest_1samp(differences, 0).confidence_interval(0.95)
    found = result["claim"]
    assert found["difference"] == pytest.approx(np.mean(differences), abs=1e-4)
    assert found["interval"] == pytest.approx(tuple(interval), abs=1e-4)
    assert found["held"] is True
    assert found["tasks"]["digits"]["ours"] == pytest.approx(0.51)
    assert result["compared"]["agrees"] is True
    assert result["run"]["command"] == "zorse reproduce better"
    assert {"numpy", "torch"} <= set(result["run"]["versions"])


def test_a_claim_whose_interval_reaches_zero_did_not_hold(claim, tmp_path):
    claim(gain=0.0)
    result = reproduce("better", folder=tmp_path)
    assert result["claim"]["held"] is False
    rows = table([result])
    assert [row["task"] for row in rows] == ["all", "digits", "procedural"]
    assert {row["held"] for row in rows} == {"did not hold"}


def test_a_single_seed_never_holds(claim, tmp_path):
    claim(seeds=1)
    claim_ = reproduce("better", folder=tmp_path)["claim"]
    assert claim_["interval"] == [-1, 1]
    assert claim_["held"] is False


def test_an_interrupted_run_goes_on_where_it_stopped(claim, tmp_path):
    log = claim(fails=1)
    with pytest.raises(RuntimeError, match="interrupted"):
        reproduce("better", folder=tmp_path)
    assert json.loads((tmp_path / "better.json").read_text())["claim"] is None
    before = log.read_text().splitlines()
    log = claim()  # what runs has changed: everything anew
    reproduce("better", folder=tmp_path)
    assert len(log.read_text().splitlines()) == 6
    assert before == ["digits 0", "digits, split 1 1"]


def test_finished_cells_are_kept_while_what_runs_is_the_same(claim, tmp_path):
    claim()
    first = reproduce("better", folder=tmp_path)
    cut = first | {"cells": first["cells"][:4], "claim": None}
    (tmp_path / "better.json").write_text(json.dumps(cut))
    log = claim(extra='NOTE = "a word in passing"\n')
    again = reproduce("better", folder=tmp_path)
    assert (
        log.read_text().splitlines() == ["procedural, split 1 1", "toy, split 2 2"]
        or len(log.read_text().splitlines()) == 2
    )
    assert again["claim"] == first["claim"] | {"note": "a word in passing"}
    log = claim(extra='NOTE = "a word in passing"\n')
    assert reproduce("better", folder=tmp_path) == again
    assert log.read_text() == ""
    reproduce("better", folder=tmp_path, again=True)
    assert len(log.read_text().splitlines()) == 6


def test_what_the_absent_pack_holds_is_left_out_and_named(claim, tmp_path, monkeypatch):
    monkeypatch.setenv("ZORSE_DATA", str(tmp_path / "nowhere"))
    claim(tasks=("awa19", "digits"))
    told = []
    result = reproduce("better", folder=tmp_path, progress=told.append)
    assert result["run"]["left_out"] == ["awa19"]
    assert list(result["claim"]["tasks"]) == ["digits"]
    assert "awa19 is left out" in told[0]
    claim("only", tasks=("awa19",))
    with pytest.raises(NotAvailableError, match="need the data pack"):
        reproduce("only", folder=tmp_path)


def test_unknown_names_offer_the_nearest():
    with pytest.raises(UnknownNameError, match="eszsl"):
        reproduce("ezsl")
    with pytest.raises(UnknownNameError, match="tiny160"):
        load_task("tiny16")


def test_another_split_holds_out_as_many_other_classes():
    task = toy_zsl()
    assert resplit(task, 0) is task
    other = resplit(task, 1)
    assert len(other.unseen) == len(task.unseen)
    assert set(other.unseen) != set(task.unseen)
    used = np.concatenate([other.train_index, other.test_seen_index, other.test_unseen_index])
    assert sorted(used) == list(range(len(task.y)))
    np.testing.assert_array_equal(other.unseen, resplit(task, 1).unseen)


def test_tuning_sees_no_test_sample():
    task = toy_zsl(n_seen=8)
    grid = {"gamma": [0.01, 1.0, 100.0], "lam": [0.01, 1.0, 100.0]}
    X = task.X.copy()
    X[task.test_unseen_index] = np.nan
    X[task.test_seen_index] = np.nan
    blind = type(task)(X, task.y, task.classes, task.train_index, task.test_seen_index, task.test_unseen_index)
    for per_class in (None, 4):
        chosen = tune(ESZSL(), grid, task, per_class=per_class)
        np.testing.assert_array_equal(tune(ESZSL(), grid, blind, per_class=per_class).weights_, chosen.weights_)


def test_thinning_takes_from_training_alone():
    task = toy_zsl()
    thin = thinned(task, 4)
    assert np.unique(thin.train[1], return_counts=True)[1].tolist() == [4] * len(task.seen)
    assert set(thin.train_index) < set(task.train_index)
    np.testing.assert_array_equal(thin.test_unseen_index, task.test_unseen_index)
    np.testing.assert_array_equal(thinned(task, 99).train_index, task.train_index)


def test_unit_features():
    np.testing.assert_allclose(np.linalg.norm(with_unit_features(toy_zsl()).X, axis=1), 1)


@pytest.mark.parametrize("name", claim_names())
def test_every_claim_is_complete_and_named_after_a_paper(name):
    claim = import_module(f"{CLAIMS}.{name}")
    assert name in {entry.slug for entry in entries()}
    for word in (claim.CLAIM, claim.BASELINE, claim.METRIC, claim.TASKS):
        assert word
    assert callable(claim.run)


@pytest.mark.parametrize("name", sorted(path.stem for path in RESULTS.glob("*.json")))
def test_committed_results_follow_from_their_cells(name):
    result = json.loads((RESULTS / f"{name}.json").read_text())
    for task, figures in result["claim"]["tasks"].items():
        differences = [c["ours"] - c["baseline"] for c in result["cells"] if c["task"] == task]
        interval = ttest_1samp(differences, 0).confidence_interval(0.95)
        assert figures["interval"] == pytest.approx(np.clip(tuple(interval), -1, 1), abs=1e-4)
        assert figures["held"] == (interval.low > 0)


@pytest.mark.parametrize("name", [n for n in claim_names() if hasattr(import_module(f"{CLAIMS}.{n}"), "compare")])
def test_every_reference_is_agreed_with(name):
    agreement = import_module(f"{CLAIMS}.{name}").compare()
    assert agreement.agrees, agreement
