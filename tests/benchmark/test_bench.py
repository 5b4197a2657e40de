"""The benchmark's cells, log, resumption and refusals."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, ParameterGrid

from zorse.benchmark import bench as module
from zorse.benchmark import cell as cell_module
from zorse.benchmark.bench import bench, chosen_methods
from zorse.benchmark.cell import Cell, build, digest_of_task, peak_memory, run_cell, scaled, thin, why_not
from zorse.benchmark.log import Log, read_log
from zorse.benchmark.recipe import MethodRecipe, Recipe, load_recipe
from zorse.benchmark.tasks import resplit
from zorse.benchmark.tune import choose, class_folds, unseen_accuracy
from zorse.core import InputError, NotAvailableError, UnknownNameError
from zorse.data import toy_compositional, toy_patches, toy_zsl
from zorse.evaluation import evaluate, harmonic_mean, mean_class_accuracy
from zorse.methods.compatibility.eszsl import ESZSL
from zorse.methods.compatibility.sae import SAE
from zorse.methods.gating.calibrated_stacking import CalibratedStacking
from zorse.training.validation import seen_unseen_curve

TASK = toy_zsl(n_seen=9, n_unseen=4, noise=0.4)


@pytest.fixture
def broken(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    yield "broken"
    sys.modules.pop("broken", None)


@pytest.fixture
def here(monkeypatch):
    """The cells that are run, in this process."""
    ran = []

    def noted(cell, *rest):
        ran.append(cell)
        return run_cell(cell, *rest)

    monkeypatch.setattr(module, "run_cell", noted)
    return ran


def cell(method, seed=0, recipe=None, **section):
    return Cell.of(method, "toy", seed, recipe or Recipe("r", {method: section}))


def test_the_choice_is_scikit_learns_over_held_out_classes():
    grid = {"gamma": [1e-2, 1.0, 1e2], "lam": [1e-2, 1e2]}
    X, y = TASK.train
    search = GridSearchCV(ESZSL(), grid, cv=GroupKFold(4), scoring=unseen_accuracy, refit=False)
    search.fit(X, y, groups=y, classes=TASK.classes)
    ours = choose(ESZSL(), grid, TASK)
    assert ours.params == search.best_params_
    assert ours.score == pytest.approx(search.best_score_)


@pytest.mark.parametrize(
    ("model", "grid"),
    [
        (ESZSL(lam=3.0), {"gamma": [1e-2, 1.0, 1e2], "negative": [0.0, -1.0]}),
        (SAE(), {"lam": [0.1, 10.0], "direction": ["encode", "decode"]}),
    ],
)
def test_a_path_is_as_good_as_a_fit_for_each_point(model, grid):
    X, y = TASK.train
    points = list(ParameterGrid(grid))
    many = list(model.fit_many(X, y, TASK.classes, points))
    assert len(many) == len(points)
    for point, found in zip(points, many, strict=True):
        alone = clone(model).set_params(**point).fit(X, y, classes=TASK.classes)
        np.testing.assert_allclose(found.scores(X), alone.scores(X), rtol=1e-8, atol=1e-10)
        assert found.get_params() == alone.get_params()


def test_every_class_plays_unseen_once_and_never_trains_meanwhile():
    y = np.repeat(list("abcdefg"), [5, 4, 9, 5, 2, 7, 3])
    met = []
    for fold in class_folds(y, 3, held_out=0.25):
        assert not set(y[fold.train]) & set(y[fold.test_unseen])
        assert set(y[fold.test_seen]) == set(y[fold.train])
        assert sorted(np.concatenate(fold)) == list(range(len(y)))
        met += set(y[fold.test_unseen])
    assert sorted(met) == list("abcdefg")
    with pytest.raises(InputError, match="one"):
        next(class_folds(np.zeros(5), 3))


def test_choice_by_area_depends_on_no_calibration():
    model = CalibratedStacking(ESZSL(negative=0.0))
    same = choose(model, {"gamma": [-9.0, 0.3, 9.0]}, TASK, criterion="area")
    assert np.ptp([score for _, score in same.tried]) < 1e-9


def test_harmonic_choice_weighs_both_kinds():
    best = choose(CalibratedStacking(ESZSL(negative=0.0)), {"gamma": [-99.0, 0.3, 99.0]}, TASK, criterion="harmonic")
    assert best.params == {"gamma": 0.3}  # the others answer with one kind alone
    assert [score for params, score in best.tried if params["gamma"] != 0.3] == [0.0, 0.0]


def test_a_point_that_fails_is_never_chosen():
    best = choose(SAE(), {"lam": [-1.0, 1.0]}, TASK)
    assert best.params == {"lam": 1.0}
    assert best.tried[0] == ({"lam": -1.0}, -np.inf)
    with pytest.raises(InputError, match="lam"):
        choose(SAE(), {"lam": [-1.0, -2.0]}, TASK)


def test_a_cell_says_what_evaluate_says():
    line = run_cell(cell("eszsl", params={"gamma": 2.0}), TASK)
    report = evaluate(ESZSL(gamma=2.0).fit(*TASK.train, classes=TASK.classes), TASK)
    assert line["status"] == "ok"
    for name, value in report.as_dict().items():
        assert line["figures"][name] == pytest.approx(value, abs=1e-6)
    assert line["by_class"]["unseen"] == pytest.approx(report.unseen_by_class, abs=1e-5)
    assert line["sizes"]["train"] == len(TASK.train_index)
    json.dumps(line, allow_nan=False)


def test_calibration_by_folds_of_training_classes():
    line = run_cell(cell("eszsl"), TASK)
    X, y = TASK.train
    model, table, curves = ESZSL(), TASK.classes.select(TASK.seen), []
    for fold in class_folds(y, 4, held_out=0.2):
        again = model.fit(X[fold.train], y[fold.train], classes=table)
        test = np.concatenate([fold.test_seen, fold.test_unseen])
        curves.append(
            seen_unseen_curve(again.scores(X[test]), table.rows(y[test]), np.isin(table.labels, y[fold.train]))
        )

    def mean_harmonic(gamma):
        return np.mean([harmonic_mean(*map(float, curve.at(gamma))) for curve in curves])

    gamma = line["calibrated"]["gamma"]
    assert all(mean_harmonic(gamma) >= mean_harmonic(other) - 1e-9 for other in np.linspace(-3, 3, 301))
    stacked = CalibratedStacking(ESZSL(), gamma=gamma).fit(X, y, classes=TASK.classes)
    assert line["calibrated"]["H"] == pytest.approx(evaluate(stacked, TASK).harmonic, abs=1e-6)


def test_a_wrappers_estimator_is_searched_alone():
    grid = {"estimator__gamma": [0.01, 1.0, 100.0], "estimator__lam": [0.01, 100.0]}
    params = {"estimator": {"method": "eszsl", "negative": 0.0}}
    line = run_cell(cell("calibrated_stacking", params=params, grid=grid, search="estimator"), TASK)
    alone = choose(ESZSL(negative=0.0), {"gamma": [0.01, 1.0, 100.0], "lam": [0.01, 100.0]}, TASK)
    assert line["chosen"] == {f"estimator__{k}": v for k, v in alone.params.items()}
    # Stacking keeps the order of unseen classes, so the whole would have been chosen alike.
    whole = run_cell(cell("calibrated_stacking", params=params | {"gamma": 0.5}, grid=grid), TASK)
    assert whole["chosen"] == line["chosen"]
    assert whole["validation"] == line["validation"]


def test_seeds_draw_other_classes_or_only_seed_the_method():
    drawn = run_cell(cell("eszsl", seed=3), TASK)
    assert set(drawn["by_class"]["zsl"]) == set(resplit(TASK, 3).unseen)
    fixed = run_cell(cell("eszsl", seed=3, recipe=Recipe("r", {}, split="fixed")), TASK)
    assert set(fixed["by_class"]["zsl"]) == set(TASK.unseen)
    assert build(CalibratedStacking, {}, 5).random_state == 5


def test_a_transductive_method_gets_test_samples_without_labels_and_folds_get_theirs(broken):
    from broken import Peeks

    Peeks.given.clear()
    line = run_cell(cell("broken:Peeks", grid={"scale": [1.0, 2.0]}), TASK)
    assert line["status"] == "ok"
    assert line["transductive"]
    *folds, (X, labels, unlabelled) = Peeks.given
    assert np.array_equal(unlabelled, TASK.test_unseen[0])
    assert len(folds) == 8
    for X_fold, table_labels, held_out in folds:
        assert len(X_fold) + len(held_out) == len(X)
        assert table_labels == set(TASK.seen)  # nothing of a test class is known while choosing
        assert not {x.tobytes() for x in held_out} & {x.tobytes() for x in TASK.test_unseen[0]}
    assert labels == set(TASK.classes.labels)


def test_what_a_method_cannot_take_is_said(broken):
    assert "takes images" in why_not("broken:Images", TASK)
    assert "one space" in why_not("clip", TASK)
    assert why_not("clip", toy_zsl(aligned=True)) is None
    assert "by words that it shares" in why_not("visprod", TASK)
    assert why_not("visprod", toy_compositional()) is None
    assert run_cell(cell("clip"), TASK)["status"] == "skipped"


def test_of_a_grid_of_patches_a_method_of_features_gets_the_mean():
    grids, _ = toy_patches()
    line = run_cell(cell("eszsl", features="unit"), grids)
    pooled = replace(grids, X=grids.X.mean(axis=(1, 2)))
    assert line["figures"] == run_cell(cell("eszsl", features="unit"), pooled)["figures"]
    assert why_not("vse", grids) is None
    assert "takes patches" in why_not("vse", TASK)


@pytest.mark.parametrize("task", [TASK, toy_patches()[0]], ids=["features", "patches"])
def test_scaling(task):
    unit = scaled(task, "unit").X
    np.testing.assert_allclose(np.linalg.norm(unit, axis=-1), 1, rtol=1e-6)
    standard = scaled(task, "standard")
    train = standard.train[0].reshape(-1, task.X.shape[-1])
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(train.std(axis=0), 1, rtol=1e-5)
    assert scaled(task, "raw") is task


def test_errors_become_lines(broken):
    line = run_cell(cell("broken:Raises"), TASK)
    assert (line["status"], line["why"].split(" (")[0]) == ("failed", "ZeroDivisionError: by nothing")
    line = run_cell(cell("broken:Refuses"), TASK)
    assert (line["status"], line["why"]) == ("refused", "wants more")
    line = run_cell(cell("eszsl", params={"gama": 1}), TASK)
    assert line["status"] == "refused"
    assert "gama" in line["why"]
    line = run_cell(cell("eszsl", grid={"gama": [1]}), TASK)
    assert "gama" in line["why"]


def test_finished_cells_are_not_run_again(here, tmp_path):
    out = tmp_path / "log.jsonl"
    first = bench(["procedural"], "sae,eszsl,clip", 2, out)
    assert [c.seed for c in here] == [0, 0, 1, 1]  # all methods of a seed come first
    assert [line["status"] for line in first].count("skipped") == 2
    again = bench(["procedural"], "sae,eszsl,clip", 2, out)
    assert len(here) == 4
    assert sorted(line["key"] for line in again) == sorted(line["key"] for line in first)
    bench(["procedural"], "eszsl", 3, out)
    assert [(c.method, c.seed) for c in here[4:]] == [("eszsl", 2)]


def test_a_torn_last_line_is_ignored_and_done_again(here, tmp_path):
    out = tmp_path / "log.jsonl"
    bench(["procedural"], "eszsl,sae", 1, out)
    whole = out.read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in (1, len(lines[1]) // 2, len(lines[1]) - 1):
        out.write_bytes(lines[0] + lines[1][:cut])
        assert [line["method"] for line in read_log(out)] == ["eszsl"]
        here.clear()
        bench(["procedural"], "eszsl,sae", 1, out)
        assert [c.method for c in here] == ["sae"]
        assert len(read_log(out)) == 2
        assert out.read_bytes().count(b"\n") == 2


def test_another_recipe_is_another_cell(here, tmp_path):
    out, recipe = tmp_path / "log.jsonl", tmp_path / "r.toml"
    bench(["procedural"], "eszsl", 1, out)
    recipe.write_text("[methods.eszsl]\nparams = {gamma = 3.0}\n")
    (line,) = bench(["procedural"], "eszsl", 1, out, recipe=recipe)
    assert len(here) == 2
    assert line["params"]["params"] == {"gamma": 3.0}


def test_a_cell_is_known_by_the_code_of_what_it_wraps_unasked(monkeypatch):
    cells = [cell("cosmo"), cell("calibrated_stacking"), cell("sae")]
    before = [one.key("") for one in cells]
    of = cell_module.code_of
    monkeypatch.setattr(cell_module, "code_of", lambda name: "new" if name == "eszsl" else of(name))
    assert [one.key("") != key for one, key in zip(cells, before, strict=True)] == [True, True, False]


def test_failed_cells_wait_for_retry(here, broken, tmp_path):
    out = tmp_path / "log.jsonl"
    for _ in range(2):
        (line,) = bench(["procedural"], "broken:Raises", 1, out)
        assert line["status"] == "failed"
    assert len(here) == 1
    bench(["procedural"], "broken:Raises", 1, out, retry=True)
    assert len(here) == 2
    assert len(read_log(out)) == 1


def test_a_broken_line_in_the_middle_is_named(tmp_path):
    out = tmp_path / "log.jsonl"
    out.write_text('{"key": "a", "status": "skipped"}\n{"key": \n{"key": "b", "status": "skipped"}\n')
    with pytest.raises(InputError, match="line 2"):
        read_log(out)
    with pytest.raises(NotAvailableError, match="cannot read"):
        read_log(tmp_path / "none")


def test_two_runs_cannot_share_a_log(tmp_path):
    with Log(tmp_path / "log.jsonl"), pytest.raises(NotAvailableError, match="another run"):
        Log(tmp_path / "log.jsonl")


def test_methods_are_named_by_slug_alias_class_and_family(broken):
    assert chosen_methods("ESZSL, sae") == ["eszsl", "sae"]
    assert {"eszsl", "ale", "sae"} <= set(chosen_methods("compatibility"))
    assert set(chosen_methods("compatibility,gating")) < set(chosen_methods("all"))
    assert chosen_methods("broken:Constant") == ["broken:Constant"]
    with pytest.raises(UnknownNameError, match="eszsl"):
        chosen_methods("eszl")
    with pytest.raises(InputError, match="imported"):
        chosen_methods("nowhere:Method")


def test_tasks_without_features_are_refused(tmp_path):
    with pytest.raises(InputError, match="unknown task"):
        bench(["digts"], "eszsl", 1, tmp_path / "log")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("split = 'random'", "redrawn or fixed"),
        ("folds = 1", "at least 2"),
        ("featurs = 'unit'", "featurs"),
        ("features = 'whitened'", "whitened"),
        ("[methods.sae]\ngrid = {lam = 1.0}", "list"),
        ("[methods.sae]\nparams = 3", "params"),
        ("[methods.sae]\ncriterion = 'test'", "unseen or harmonic"),
        ("methods = {sae = 3}", "section"),
        ("[methods.sae]\nsearch = 'estimator'\ngrid = {lam = [1.0]}", "estimator's"),
        ("folds = ", "not TOML"),
    ],
)
def test_a_wrong_recipe_is_told(tmp_path, text, told):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(InputError, match=told):
        load_recipe("digits", tmp_path / "r.toml")


def test_recipes_of_the_package_fit_their_methods():
    folder = Path(module.__file__).parent / "recipes"
    for path in folder.glob("*.toml"):
        recipe = load_recipe(path.stem)
        for slug in recipe.methods:
            (name,) = chosen_methods(slug)
            found = recipe.of(name)
            assert isinstance(found, MethodRecipe)
            model = build(module.find_method(name), found.params, 0)
            assert set(found.grid) <= set(model.get_params()), f"{path.name}: {slug}"


def test_a_data_sets_recipe_goes_before_the_default():
    default, own = load_recipe("no such"), load_recipe("some/folder/digits.npz")
    assert own.name == "digits.toml"
    assert own.per_class == 40
    assert own.of("eszsl").grid == default.of("eszsl").grid
    assert own.of("eszsl").features == ("raw",)


def test_digest_of_a_task_sees_every_part():
    X = TASK.X.copy()
    X[0, 0] += 1e-9
    vectors = TASK.classes.vectors.copy()
    vectors[0, 0] += 1e-9
    others = [
        replace(TASK, X=X),
        replace(TASK, classes=replace(TASK.classes, vectors=vectors)),
        replace(TASK, train_index=TASK.train_index[1:]),
        resplit(TASK, 1),
    ]
    digests = {digest_of_task(task) for task in [TASK, *others]}
    assert len(digests) == 5
    assert digest_of_task(replace(TASK, name="renamed")) == digest_of_task(TASK)


def test_a_thinned_curve_is_the_curve():
    rng = np.random.RandomState(0)
    rows, seen = rng.randint(10, size=2000), np.arange(10) < 6
    curve = seen_unseen_curve(rng.randn(2000, 10) + 2 * np.eye(10)[rows], rows, seen)
    points = np.array(thin(curve))
    assert len(points) <= 101
    assert points[0].tolist() == pytest.approx([curve.unseen[0], curve.seen[0]], abs=1e-4)
    assert points[-1].tolist() == pytest.approx([curve.unseen[-1], 0], abs=1e-4)
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(curve.area, abs=0.01)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc")
def test_memory_is_the_blocks_own_peak():
    with peak_memory() as first:
        np.ones(20_000_000).sum()  # 160 MB, freed again
    with peak_memory() as second:
        np.ones(5_000_000).sum()
    assert 140 < first["mb"] < 200
    assert 30 < second["mb"] < 60


def test_processes_die_alone(broken, tmp_path):
    """One worker is killed, one is too slow; the others' cells are all there."""
    out = tmp_path / "log.jsonl"
    told = []
    wanted = "broken:Dies,broken:Sleeps,broken:Constant,broken:Raises"
    lines = bench(["procedural"], wanted, 1, out, jobs=2, timeout=8.0, progress=lambda line, *at: told.append(at))
    found = {line["method"].split(":")[1]: line for line in lines}
    assert "SIGKILL" in found["Dies"]["why"]
    assert "longer than 8 s" in found["Sleeps"]["why"]
    assert found["Constant"]["status"] == "ok"
    assert found["Constant"]["figures"]["zsl"] == pytest.approx(0.1)  # one class of ten is always named
    assert "ZeroDivisionError" in found["Raises"]["why"]
    assert sorted(at[0] for at in told) == [1, 2, 3, 4]
    assert {line["key"] for line in read_log(out)} == {line["key"] for line in lines}


def test_by_class_means_are_the_figures():
    report = evaluate(ESZSL().fit(*TASK.train, classes=TASK.classes), TASK)
    X, y = TASK.test_unseen
    model = ESZSL().fit(*TASK.train, classes=TASK.classes)
    assert report.unseen == pytest.approx(mean_class_accuracy(y, model.predict(X)))
    assert report.worst == min(report.zsl_by_class.values())
