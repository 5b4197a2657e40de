"""Every method keeps every promise that applies to it."""

import re
from pathlib import Path

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import zorse.methods
from zorse.catalogue import all_methods, entries, find, markdown, method
from zorse.core import UnknownNameError, ZeroShotClassifier
from zorse.testing import contract_of, examples_of

EXAMPLES = [model for cls in all_methods().values() for model in examples_of(cls)]
# scikit-learn's checks make up features of their own, with one label each and no unlabelled samples beside them.
ORDINARY = [
    model
    for model in EXAMPLES
    if isinstance(model, ZeroShotClassifier) and model.traits.takes == "features" and not model.traits.needs_unlabelled
]
CELLS = [(model, check) for model in EXAMPLES for check in contract_of(model)]


def cell(model, check):
    reason = model.expected_failures.get(check.__name__)
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    return pytest.param(model, check, id=f"{type(model).__name__}-{check.__name__[6:]}", marks=marks)


@pytest.mark.parametrize(("model", "check"), [cell(*c) for c in CELLS])
def test_contract(model, check):
    check(model)


@parametrize_with_checks(ORDINARY, expected_failed_checks=lambda model: model.expected_failures)
def test_is_a_scikit_learn_classifier(estimator, check):
    check(estimator)


def test_expected_failures_name_checks_that_exist():
    known = {check.__name__ for _, check in CELLS}
    for model in EXAMPLES:
        ours = {name for name in model.expected_failures if not hasattr(estimator_checks, name)}
        assert ours <= known, ours - known


@pytest.mark.parametrize("entry", entries(), ids=lambda e: e.slug)
def test_found_by_every_name_in_the_paper(entry):
    for name in (*entry.paper.aka, entry.paper.title, entry.paper.authors.split(",")[0], str(entry.paper.year)):
        assert entry in find(name), name


def test_every_module_holds_one_method():
    modules = {p.stem for p in Path(zorse.methods.__file__).parent.glob("*/*.py") if not p.stem.startswith("_")}
    assert modules == set(all_methods())


@pytest.mark.parametrize("name", all_methods())
def test_module_is_named_after_the_class(name):
    assert name.replace("_", "") == all_methods()[name].__name__.lower()


def test_an_unknown_method_offers_the_nearest():
    with pytest.raises(UnknownNameError, match="eszsl"):
        method("ezsl")


def test_methods_page_is_current():
    page = Path(__file__).parents[1] / "METHODS.md"
    assert page.read_text() == markdown(), "METHODS.md is stale; run: make methods-page"


def test_methods_page_has_a_row_a_paper():
    assert len(re.findall(r"^\| \[", markdown(), re.M)) == len(entries())
