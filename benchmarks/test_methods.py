"""How long each method takes to fit and to score, at its example parameters; `make bench` runs it."""

import pytest

from zorse.catalogue import all_methods
from zorse.core import ZeroShotTagger
from zorse.data import toy_patches, toy_tags, toy_zsl
from zorse.testing import examples_of

MODELS = [examples_of(cls)[0] for cls in all_methods().values()]


@pytest.fixture(scope="module")
def tasks():
    """As many classes as AwA2 has, twenty images of each; features in an aligned space and in two, patches, tags."""
    size = {"n_seen": 40, "n_unseen": 10, "n_per_class": 20, "dim": 256, "n_semantics": 85}
    features = {("features", aligned): toy_zsl(aligned=aligned, **size) for aligned in (False, True)}
    patches = {("patches", aligned): toy_patches(aligned=aligned, **size)[0] for aligned in (False, True)}
    return features | patches | {"tags": toy_tags(n_samples=1000, **size)[0]}


@pytest.fixture(params=MODELS, ids=lambda model: type(model).__name__)
def work(request, tasks):
    model, traits = request.param, request.param.traits
    task = tasks["tags" if isinstance(model, ZeroShotTagger) else (traits.takes, traits.aligned_space)]
    extra = {"unlabelled": task.test_unseen[0]} if model.traits.needs_unlabelled else {}
    return model, task, extra


def test_fit(benchmark, work):
    model, task, extra = work
    benchmark.pedantic(lambda: model.fit(*task.train, classes=task.classes, **extra), rounds=3)


def test_score(benchmark, work):
    model, task, extra = work
    fitted = model.fit(*task.train, classes=task.classes, **extra)
    benchmark(fitted.scores, task.X)
