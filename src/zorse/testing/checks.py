"""Each check states one promise a method makes; :func:`contract_of` picks those that apply by its traits.

A check takes an unfitted model and raises AssertionError when the promise is broken::

    for model in examples_of(MyMethod):
        for check in contract_of(model):
            check(model)
"""

from __future__ import annotations

import inspect
import re
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.base import clone

from zorse.core import InputError, ZeroShotClassifier, load, save
from zorse.core.persist import digest, duplicate
from zorse.data import ZeroShotTask, toy_zsl

MAX_LINES = 250
Check = Callable[[ZeroShotClassifier], None]


def examples_of(cls: type[ZeroShotClassifier]) -> list[ZeroShotClassifier]:
    """One unfitted model for each of the class's ``example_params``."""
    return [cls(**params) for params in cls.example_params()]


def contract_of(model: ZeroShotClassifier) -> Iterator[Check]:
    """The checks that apply to ``model`` given its traits."""
    traits = model.traits
    yield check_paper_card
    yield check_docstring
    yield check_module_is_short
    yield check_is_not_another_methods_child
    yield check_constructor_is_the_configuration
    yield check_fit_leaves_inputs_alone
    yield check_global_random_state_is_left_alone
    yield check_same_seed_same_scores
    yield check_columns_follow_classes
    yield check_permuting_the_table_permutes_columns
    yield check_unknown_label_is_named
    yield check_values_that_are_not_finite_are_located
    yield check_saving_keeps_scores
    yield check_predicting_changes_nothing
    yield check_with_candidates_leaves_the_model_alone
    yield check_unlabelled_samples_are_asked_for_or_refused
    if not traits.trained:
        yield check_descriptions_are_enough
    if traits.independent_samples:
        yield check_samples_are_scored_independently
    if traits.open_candidates:
        yield check_restricting_candidates_slices_scores
    if traits.learns_unseen:
        yield check_beats_chance_on_unseen_classes


# The toy task and one fit for each model, shared by the checks; every check gets a copy of its own.
_fits: dict[tuple[type, str], ZeroShotClassifier] = {}


def task_for(model: ZeroShotClassifier) -> ZeroShotTask:
    """A toy task in the space the method lives in."""
    return toy_zsl(aligned=model.traits.aligned_space, random_state=0)


def fit_anew(model: ZeroShotClassifier) -> ZeroShotClassifier:
    """A clone of ``model`` fitted on its toy task."""
    task = task_for(model)
    X, y = task.train
    return clone(model).fit(X.copy(), y.copy(), classes=task.classes, **_unlabelled(model, task))


def fitted(model: ZeroShotClassifier) -> ZeroShotClassifier:
    """A private copy of the fitted model; the fit itself happens once."""
    key = (type(model), repr(model))
    if key not in _fits:
        _fits[key] = fit_anew(model)
    return duplicate(_fits[key])


def _unlabelled(model: ZeroShotClassifier, task: ZeroShotTask) -> dict:
    return {"unlabelled": task.X[task.test_unseen_index]} if model.traits.needs_unlabelled else {}


def _assert_same(ours: np.ndarray, theirs: np.ndarray) -> None:
    # Scores are float64, but networks compute in float32.
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def _refusal(call: Callable[[], object], error: type[Exception], what: str) -> str:
    """The message of the ``error`` that ``call`` raises."""
    try:
        call()
    except error as raised:
        return str(raised)
    raise AssertionError(f"{what} was accepted")


def check_paper_card(model):
    """The class names its paper completely."""
    paper = model.paper
    for name in ("title", "authors", "venue", "url"):
        assert getattr(paper, name).strip(), f"paper.{name} is empty"
    assert 1990 <= paper.year <= 2100, f"paper.year is {paper.year}"
    assert paper.url.startswith("https://"), f"paper.url is {paper.url}"
    assert paper.aka, "paper.aka names no alias"


def check_docstring(model):
    """The docstring tells parameters, attributes, cost, what differs from the paper, and where it stands."""
    text = inspect.getdoc(type(model)) or ""
    for title in ("Parameters", "Attributes", "Notes", "References"):
        assert re.search(rf"^{title}\n-+$", text, re.M), f"the docstring has no section {title}"
    assert "Differs from the paper:" in text, "Notes don't say 'Differs from the paper: ...'"
    assert "Cost:" in text, "Notes don't say 'Cost: ...'"
    parameters = text[text.index("Parameters") : text.index("Attributes\n")]
    missing = [p for p in model.get_params(deep=False) if not re.search(rf"\b{p}\b", parameters)]
    assert not missing, f"parameters without a description: {missing}"


def check_module_is_short(model):
    """One method fits in one file."""
    lines = len(Path(inspect.getfile(type(model))).read_text().splitlines())
    assert lines <= MAX_LINES, f"{lines} lines; a method's file has at most {MAX_LINES}"


def check_is_not_another_methods_child(model):
    """Methods share parts; they don't inherit from each other."""
    parents = [c.__name__ for c in type(model).__mro__[1:] if "paper" in vars(c)]
    assert not parents, f"inherits from the method {parents[0]}"


def check_constructor_is_the_configuration(model):
    """The constructor stores its arguments as they are and has a default for each."""
    signature = inspect.signature(type(model).__init__).parameters
    for name, parameter in list(signature.items())[1:]:
        assert parameter.default is not inspect.Parameter.empty, f"{name} has no default"
    params = model.get_params(deep=False)
    again = type(model)(**params)
    for name, value in params.items():
        assert getattr(again, name) is value, f"the constructor changes {name}"


def check_fit_leaves_inputs_alone(model):
    """Neither X, y nor the table is written to."""
    task = task_for(model)
    X, y = (a.copy() for a in task.train)
    X0, y0, vectors = X.copy(), y.copy(), task.classes.vectors.copy()
    clone(model).fit(X, y, classes=task.classes, **_unlabelled(model, task)).predict(X)
    assert np.array_equal(X, X0), "X was changed"
    assert np.array_equal(y, y0), "y was changed"
    assert np.array_equal(task.classes.vectors, vectors), "the class table was changed"


def check_global_random_state_is_left_alone(model):
    """Fitting and predicting neither seed nor advance the generators of numpy and torch."""
    kept = torch.get_rng_state(), np.random.get_state(legacy=False)  # noqa: NPY002
    try:
        torch.manual_seed(7)
        np.random.seed(7)  # noqa: NPY002
        before = torch.get_rng_state(), str(np.random.get_state(legacy=False))  # noqa: NPY002
        fit_anew(model).predict(task_for(model).X)
        assert torch.equal(before[0], torch.get_rng_state()), "torch's global generator was touched"
        assert before[1] == str(np.random.get_state(legacy=False)), "numpy's global generator was touched"  # noqa: NPY002
    finally:
        torch.set_rng_state(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002


def check_same_seed_same_scores(model):
    """Two fits with one seed agree to the last bit."""
    X = task_for(model).X
    np.testing.assert_array_equal(fit_anew(model).scores(X), fit_anew(model).scores(X))


def check_columns_follow_classes(model):
    """Columns are ordered as ``classes_``; predict is their argmax; probabilities sum to 1; all is finite."""
    task, m = task_for(model), fitted(model)
    scores, proba = m.decision_function(task.X), m.predict_proba(task.X)
    assert scores.shape == proba.shape == (len(task.X), task.classes.n_classes), f"scores are {scores.shape}"
    assert scores.dtype == np.float64, f"scores are {scores.dtype}"
    assert np.isfinite(scores).all(), "a score is not finite"
    np.testing.assert_array_equal(m.classes_, task.classes.labels)
    np.testing.assert_array_equal(m.predict(task.X), m.classes_[scores.argmax(1)])
    np.testing.assert_allclose(proba.sum(1), 1)
    # Whether the columns belong to the labels they stand under: seen samples find their own column.
    X, y = task.train
    seen = task.classes.labels[np.isin(task.classes.labels, task.seen)]  # in the table's order, which is not sorted
    accuracy = m.with_candidates(seen).score(X, y)
    assert accuracy > 0.5, f"only {accuracy:.0%} of the training samples find their label"


def check_permuting_the_table_permutes_columns(model):
    """The order of the rows of the class table means nothing."""
    task, m = task_for(model), fitted(model)
    order = np.random.RandomState(1).permutation(task.classes.n_classes)
    permuted = m.with_candidates(task.classes.labels[order])
    np.testing.assert_array_equal(permuted.classes_, m.classes_[order])
    if model.traits.open_candidates:
        _assert_same(permuted.scores(task.X), m.scores(task.X)[:, order])
    else:  # what is trained anew for a label space agrees in what it says, not in every digit
        agree = (permuted.predict(task.X) == m.predict(task.X)).mean()
        assert agree > 0.8, f"only {agree:.0%} of predictions survive another order of the table"


def check_unknown_label_is_named(model):
    """A label without a row in the table is an error that names it."""
    task = task_for(model)
    X, y = task.train
    table = task.classes.without(y[:1])
    told = _refusal(
        lambda: clone(model).fit(X, y, classes=table, **_unlabelled(model, task)), ValueError, "an unknown label"
    )
    assert str(y[0]) in told, f"the error does not name {y[0]}: {told}"
    told = _refusal(lambda: fitted(model).with_candidates(["no such class"]), ValueError, "an unknown candidate")
    assert "no such class" in told, f"the error does not name the class: {told}"


def check_values_that_are_not_finite_are_located(model):
    """NaN or infinity in X is refused, in fit and predict, by kind, row and column."""
    task, m = task_for(model), fitted(model)
    X, y = task.train
    for value, kind in ((np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "inf")):
        bad = X.copy()
        bad[3, 2] = value
        fit = partial(clone(model).fit, bad, y, classes=task.classes, **_unlabelled(model, task))
        for call in (fit, partial(m.predict, bad)):
            told = _refusal(call, InputError, kind)
            for part in (kind, "row 3", "column 2"):
                assert part in told, f"the error does not say {part}: {told}"


def check_saving_keeps_scores(model):
    """A model read back from disk gives the same scores, bit for bit, and takes other candidates."""
    task, m = task_for(model), fit_anew(model)
    with tempfile.TemporaryDirectory() as folder:
        save(m, Path(folder) / "model")
        again = load(Path(folder) / "model")
    np.testing.assert_array_equal(again.scores(task.X), m.scores(task.X))
    np.testing.assert_array_equal(
        again.with_candidates(task.unseen).scores(task.X), m.with_candidates(task.unseen).scores(task.X)
    )


def check_predicting_changes_nothing(model):
    """Predicting changes no byte of the model."""
    task, m = task_for(model), fitted(model)
    m.predict(task.X)
    before = digest(m), sorted(vars(m))
    m.predict(task.X[:3])
    m.predict_proba(task.X)
    m.decision_function(task.X[1:])
    assert (digest(m), sorted(vars(m))) == before, "predicting changed the model"


def check_with_candidates_leaves_the_model_alone(model):
    """``with_candidates`` gives a new object; the old one answers as before."""
    task, m = task_for(model), fitted(model)
    scores, state = m.scores(task.X), digest(m)
    narrowed = m.with_candidates(task.unseen)
    assert narrowed is not m, "with_candidates returned the model itself"
    assert set(narrowed.predict(task.X)) <= set(task.unseen), "a label outside the candidates was predicted"
    np.testing.assert_array_equal(m.scores(task.X), scores)
    assert digest(m) == state, "with_candidates changed the model"


def check_unlabelled_samples_are_asked_for_or_refused(model):
    """Unlabelled samples are never ignored in silence."""
    task = task_for(model)
    given = {} if model.traits.needs_unlabelled else {"unlabelled": task.X[:5]}
    told = _refusal(
        lambda: clone(model).fit(*task.train, classes=task.classes, **given),
        TypeError,
        "fitting as if nothing were wrong",
    )
    assert "unlabelled" in told, f"the error does not speak of unlabelled samples: {told}"


def check_descriptions_are_enough(model):
    """A method that needs no samples is fitted from the class table alone."""
    task = task_for(model)
    alone = clone(model).fit(None, None, classes=task.classes, **_unlabelled(model, task))
    _assert_same(alone.scores(task.X), fitted(model).scores(task.X))


def check_samples_are_scored_independently(model):
    """Scoring one sample at a time gives the same scores: no statistics leak across the test set."""
    task, m = task_for(model), fitted(model)
    together = m.scores(task.X[:5])
    apart = np.concatenate([m.scores(task.X[i : i + 1]) for i in range(5)])
    _assert_same(together, apart)


def check_restricting_candidates_slices_scores(model):
    """The score of a class does not depend on the other candidates."""
    task, m = task_for(model), fitted(model)
    columns = task.classes.rows(task.unseen)
    _assert_same(m.with_candidates(task.unseen).scores(task.X), m.scores(task.X)[:, columns])


def check_beats_chance_on_unseen_classes(model):
    """On an easy task, unseen classes are told apart better than by guessing."""
    task = task_for(model)
    X, y = task.test_unseen
    accuracy = fitted(model).with_candidates(task.unseen).score(X, y)
    assert accuracy > 1.25 / len(task.unseen), f"accuracy {accuracy:.2f} on {len(task.unseen)} unseen classes"
