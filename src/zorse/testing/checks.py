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
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from sklearn.base import clone

from zorse.core import CapabilityError, InputError, ZeroShotMethod, ZeroShotTagger, load, save
from zorse.core.persist import digest, duplicate
from zorse.data import TagTask, ZeroShotTask, toy_patches, toy_tags, toy_zsl
from zorse.evaluation import mean_image_average_precision
from zorse.nn.retriever import Retriever
from zorse.templates.encoder_trainer import EncoderTrainer, weights_of
from zorse.testing.retrieval import retriever_checks
from zorse.testing.tiny import TinyEncoder, tiny_pictures

MAX_LINES = 250
Check = Callable[[Any], None]


def examples_of(cls: type[ZeroShotMethod]) -> list[Any]:
    """One unfitted model for each of the class's ``example_params``."""
    return [cls(**params) for params in cls.example_params()]


def contract_of(model: Any) -> Iterator[Check]:
    """The checks that apply to ``model``, a classifier, a tagger, a retriever or a trainer of encoders."""
    if isinstance(model, Retriever):
        if isinstance(model, ZeroShotMethod):
            yield from (check_paper_card, check_docstring, check_module_is_short, check_is_not_another_methods_child)
            yield check_constructor_is_the_configuration
        yield from retriever_checks(model)
        return
    if isinstance(model, EncoderTrainer):
        yield from (check_paper_card, check_docstring, check_module_is_short, check_is_not_another_methods_child)
        yield from (check_constructor_is_the_configuration, check_training_leaves_the_encoder_given_alone)
        yield from (check_same_seed_same_encoder, check_an_encoder_without_texts_is_refused)
        yield from (check_trained_weights_are_saved, check_labels_that_do_not_fit_are_refused)
        return
    traits, tagger = model.traits, isinstance(model, ZeroShotTagger)
    yield check_paper_card
    yield check_docstring
    yield check_module_is_short
    yield check_is_not_another_methods_child
    yield check_constructor_is_the_configuration
    yield check_fit_leaves_inputs_alone
    yield check_global_random_state_is_left_alone
    yield check_same_seed_same_scores
    yield check_columns_follow_classes if not tagger else check_tags_follow_classes
    yield check_permuting_the_table_permutes_columns
    yield check_unknown_label_is_named
    yield check_values_that_are_not_finite_are_located
    yield check_saving_keeps_scores
    yield check_predicting_changes_nothing
    yield check_with_candidates_leaves_the_model_alone
    if tagger:
        yield check_unseen_tags_are_unknown_not_absent
    else:
        yield check_unlabelled_samples_are_asked_for_or_refused
    if traits.takes == "patches":
        yield check_other_shapes_than_grids_are_refused
    if hasattr(model, "explain"):
        yield check_explains_where_it_looks
    if not traits.trained:
        yield check_descriptions_are_enough
    if traits.independent_samples:
        yield check_samples_are_scored_independently
    if traits.open_candidates:
        yield check_restricting_candidates_slices_scores
    if traits.learns_unseen:
        yield check_beats_chance_on_unseen_classes if not tagger else check_beats_chance_on_unseen_tags


# The toy task and one fit for each model, shared by the checks; every check gets a copy of its own.
_fits: dict[tuple[type, str], Any] = {}


def task_for(model: ZeroShotMethod) -> Any:
    """A toy task in the space the method lives in: a ZeroShotTask, or a TagTask for a tagger."""
    return _toy(model)[0]


def _toy(model: ZeroShotMethod) -> tuple[ZeroShotTask | TagTask, np.ndarray | None]:
    """The task, and what each patch shows (a row of the table, or -1) where there are patches."""
    aligned, grids = model.traits.aligned_space, model.traits.takes == "patches"
    if isinstance(model, ZeroShotTagger):
        task, evidence = toy_tags(aligned=aligned, random_state=0)
        # Without patches what lies in them is added up; the background is the same for all on average.
        return (task, evidence) if grids else (replace(task, X=task.X.sum(axis=(1, 2))), None)
    return toy_patches(aligned=aligned, random_state=0) if grids else (toy_zsl(aligned=aligned, random_state=0), None)


def fit_anew(model: ZeroShotMethod) -> Any:
    """A clone of ``model`` fitted on its toy task."""
    task = task_for(model)
    X, y = task.train
    return clone(model).fit(X.copy(), y.copy(), classes=task.classes, **_unlabelled(model, task))


def fitted(model: ZeroShotMethod) -> Any:
    """A private copy of the fitted model; the fit itself happens once."""
    key = (type(model), repr(model))
    if key not in _fits:
        _fits[key] = fit_anew(model)
    return duplicate(_fits[key])


def _unlabelled(model: ZeroShotMethod, task: Any) -> dict:
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


def check_tags_follow_classes(model):
    """Columns are ordered as ``classes_``; a tag is given where its score reaches the threshold, for all or its own."""
    task, m = task_for(model), fitted(model)
    scores = m.decision_function(task.X)
    assert scores.shape == (len(task.X), task.classes.n_classes), f"scores are {scores.shape}"
    assert scores.dtype == np.float64, f"scores are {scores.dtype}"
    assert np.isfinite(scores).all(), "a score is not finite"
    np.testing.assert_array_equal(m.classes_, task.classes.labels)
    np.testing.assert_array_equal(m.predict(task.X), scores >= m.threshold_)
    own = np.median(scores, axis=0)
    np.testing.assert_array_equal(m.predict(task.X, threshold=own), scores >= own)
    # Whether the columns belong to the tags they stand under: training samples rank their own tags high.
    X, Y = task.train
    seen = np.isin(task.classes.labels, task.seen)
    told = mean_image_average_precision(Y[:, seen], m.scores(X)[:, seen])
    assert told > 0.7, f"the average precision of the training samples' own tags is only {told:.2f}"


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
    if isinstance(model, ZeroShotTagger):
        y = [task.classes.labels[row] for row in y]
    lost = np.ravel(next(labels for labels in y if np.size(labels)))[:1]
    table = task.classes.without(lost)
    told = _refusal(
        lambda: clone(model).fit(X, y, classes=table, **_unlabelled(model, task)), ValueError, "an unknown label"
    )
    assert lost[0] in told, f"the error does not name {lost[0]}: {told}"
    told = _refusal(lambda: fitted(model).with_candidates(["no such class"]), ValueError, "an unknown candidate")
    assert "no such class" in told, f"the error does not name the class: {told}"


def check_values_that_are_not_finite_are_located(model):
    """NaN or infinity in X is refused, in fit and predict, by kind and place: row and column, or sample and patch."""
    task, m = task_for(model), fitted(model)
    X, y = task.train
    for value, kind in ((np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "inf")):
        bad = X.copy()
        at: tuple[int, ...] = (3, 2)
        parts: tuple[str, ...] = ("row 3", "column 2")
        if X.ndim == 4:
            at, parts = (3, 0, 1, 2), ("sample 3", "grid row 0", "grid column 1", "feature 2")
        bad[at] = value
        fit = partial(clone(model).fit, bad, y, classes=task.classes, **_unlabelled(model, task))
        for call in (fit, partial(m.predict, bad)):
            told = _refusal(call, InputError, kind)
            for part in (kind, *parts):
                assert part in told, f"the error does not say {part}: {told}"


def check_saving_keeps_scores(model):
    """A model read back from disk gives the same scores, bit for bit; for other candidates, solved anew, to 1e-10."""
    task, m = task_for(model), fit_anew(model)
    with tempfile.TemporaryDirectory() as folder:
        save(m, Path(folder) / "model")
        again = load(Path(folder) / "model")
    np.testing.assert_array_equal(again.scores(task.X), m.scores(task.X))
    ours, theirs = (model.with_candidates(task.unseen).scores(task.X) for model in (again, m))
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)  # a BLAS's last bit depends on where arrays lie


def check_predicting_changes_nothing(model):
    """Predicting changes no byte of the model."""
    task, m = task_for(model), fitted(model)
    m.predict(task.X)
    before = digest(m), sorted(vars(m))
    m.predict(task.X[:3])
    m.decision_function(task.X[1:])
    for verb in ("predict_proba", "explain"):
        if hasattr(m, verb):
            getattr(m, verb)(task.X[:4])
    assert (digest(m), sorted(vars(m))) == before, "predicting changed the model"


def check_with_candidates_leaves_the_model_alone(model):
    """``with_candidates`` gives a new object; the old one answers as before."""
    task, m = task_for(model), fitted(model)
    scores, state = m.scores(task.X), digest(m)
    narrowed = m.with_candidates(task.unseen)
    assert narrowed is not m, "with_candidates returned the model itself"
    np.testing.assert_array_equal(narrowed.classes_, task.unseen)
    predicted = narrowed.predict(task.X)
    if isinstance(model, ZeroShotTagger):
        assert predicted.shape == (len(task.X), len(task.unseen)), f"of the candidates {predicted.shape} are answered"
    else:
        assert set(predicted) <= set(task.unseen), "a label outside the candidates was predicted"
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


def check_unseen_tags_are_unknown_not_absent(model):
    """Labels are told as an indicator or as lists; tags that no sample has change nothing in what is learned."""
    task, m = task_for(model), fitted(model)
    X, Y = task.train
    lists = clone(model).fit(X, [task.classes.labels[row] for row in Y], classes=task.classes)
    np.testing.assert_array_equal(lists.scores(task.X), m.scores(task.X))
    np.testing.assert_array_equal(np.sort(m.seen_), np.sort(task.seen))
    known = np.isin(task.classes.labels, task.seen)
    seen = clone(model).fit(X, Y[:, known], classes=task.classes.select(task.classes.labels[known]))
    _assert_same(seen.with_candidates(task.classes).scores(task.X), m.scores(task.X))


def check_other_shapes_than_grids_are_refused(model):
    """Samples that are no grids of patches, or of another length, are refused with their shape."""
    task, m = task_for(model), fitted(model)
    X, y = task.train
    for bad in (X[:, 0, 0], X[:, 0], X[:, :0]):
        for call in (partial(clone(model).fit, bad, y, classes=task.classes), partial(m.predict, bad)):
            told = _refusal(call, InputError, f"X of shape {bad.shape}")
            assert str(bad.shape) in told, f"the error does not say {bad.shape}: {told}"
    told = _refusal(lambda: m.predict(X[..., 1:]), InputError, "a shorter feature")
    assert all(str(d) in told for d in (X.shape[3], X.shape[3] - 1)), f"the error does not say both lengths: {told}"


def check_explains_where_it_looks(model):
    """``explain`` gives each patch a share of the attention; what shows the label outranks background.

    Shares are from 0 to 1 and sum to 1 over the grid. Without labels it explains the predicted one.
    """
    (task, shown), m = _toy(model), fitted(model)
    before = digest(m)
    assert shown is not None, "explain is for methods that take patches"
    places = [(i, row) for i, grid in enumerate(shown) for row in np.unique(grid[grid >= 0])]
    samples, rows = np.array(places).T
    maps = m.explain(task.X[samples], task.classes.labels[rows])
    assert maps.shape == (len(samples), *shown.shape[1:]), f"the maps are {maps.shape}"
    assert np.isfinite(maps).all(), "a map is not finite"
    assert maps.min() >= 0, f"a share is {maps.min():.3g}"
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), 1, rtol=1e-4)
    best = task.classes.labels[m.scores(task.X[:5]).argmax(axis=1)]
    np.testing.assert_array_equal(m.explain(task.X[:5]), m.explain(task.X[:5], best))
    np.testing.assert_array_equal(m.explain(task.X[:2], best[0]), m.explain(task.X[:2], best[[0, 0]]))
    told = _refusal(lambda: m.explain(task.X[:1], "no such class"), ValueError, "an unknown label")
    assert "no such class" in told, f"the error does not name the class: {told}"
    assert digest(m) == before, "explaining changed the model"
    hits = shown[samples] == rows[:, None, None]
    background = shown[samples] == -1
    outranks = [(one[hit][:, None] > one[other]).mean() for one, hit, other in zip(maps, hits, background, strict=True)]
    assert np.mean(outranks) > 0.75, f"the label's patches outrank background in only {np.mean(outranks):.0%} of pairs"


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


def check_beats_chance_on_unseen_tags(model):
    """On an easy task, unseen tags are ranked better than at random."""
    task = task_for(model)
    X, Y = task.test
    unseen = np.isin(task.classes.labels, task.unseen)
    Y, scores = Y[:, unseen], fitted(model).scores(X)[:, unseen]
    told = mean_image_average_precision(Y, scores)
    rng = np.random.default_rng(0)
    chance = np.mean([mean_image_average_precision(Y, rng.permuted(scores, axis=1)) for _ in range(20)])
    assert told - chance > 0.25 * (1 - chance), f"average precision {told:.2f} on unseen tags, {chance:.2f} at random"


def trained(model: EncoderTrainer) -> tuple[Any, Any]:
    """A clone of ``model`` fitted on pictures of three colours, and the tiny encoder it was given."""
    encoder, (images, y) = TinyEncoder(), tiny_pictures()
    again = clone(model).set_params(encoder=encoder)
    return again.fit(images, y if "y" in model.needs else None, again.example_texts(y)), encoder


def check_training_leaves_the_encoder_given_alone(model):
    """The encoder given keeps its weights, the new one has others and another fingerprint; no generator is touched."""
    before, state = TinyEncoder(), torch.get_rng_state()
    fitted, given = trained(model)
    assert torch.equal(state, torch.get_rng_state()), "torch's global generator was touched"
    weights = [weights_of(encoder) for encoder in (before, given, fitted.encoder_)]
    assert all(torch.equal(weights[0][name], p) for name, p in weights[1].items()), "the encoder given has changed"
    assert any(not torch.equal(weights[0][name], p) for name, p in weights[2].items()), "no weight has moved"
    assert given.fingerprint == before.fingerprint != fitted.encoder_.fingerprint
    assert not any(p.requires_grad for p in weights[2].values())
    assert len(fitted.history_) == model.epochs


def check_same_seed_same_encoder(model):
    """Two fits with one seed agree to the last bit."""
    ours, theirs = (trained(model)[0].encoder_.fingerprint for _ in range(2))
    assert ours == theirs


def check_an_encoder_without_texts_is_refused(model):
    """A model without a text tower is refused, by name."""

    class Seeing:
        name = "seeing alone"

    images, y = tiny_pictures()
    blind = clone(model).set_params(encoder=Seeing())
    told = _refusal(lambda: blind.fit(images, y, model.example_texts(y)), CapabilityError, "no text tower")
    assert "seeing alone" in told


def check_trained_weights_are_saved(model):
    """What ``save`` writes are the trained weights."""
    fitted, _ = trained(model)
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(folder)
        kept = load_file(Path(folder) / "model.safetensors")
    assert kept
    assert all(torch.equal(kept[name], p) for name, p in fitted.encoder_.parts.state_dict().items())


def check_labels_that_do_not_fit_are_refused(model):
    """Fewer labels or captions than images are an error that counts both."""
    images, y = tiny_pictures()
    few = clone(model).set_params(encoder=TinyEncoder())
    texts = model.example_texts(y)
    short = texts[:-1] if isinstance(texts, list) else texts
    told = _refusal(lambda: few.fit(images, y[:-1] if "y" in model.needs else None, short), InputError, "a short list")
    assert str(len(images)) in told
