import numpy as np
import pytest
from sklearn.base import clone

from zorse.core import ClassGraph, ClassTable, InputError


@pytest.fixture
def table():
    return ClassTable(
        ["zebra", "ant", "cow"],
        np.arange(6.0).reshape(3, 2),
        ("Zebra", "Ant", "Cow"),
        [np.ones((i + 1, 2)) for i in range(3)],
    )


def test_rows_follow_the_tables_order_not_the_alphabet(table):
    assert table.rows(["cow", "zebra", "cow", "ant"]).tolist() == [2, 0, 2, 1]
    assert table.rows([]).shape == (0,)


def test_select_keeps_the_order_asked_for_and_every_field(table):
    part = table.select(["cow", "zebra"])
    assert part.labels.tolist() == ["cow", "zebra"]
    assert part.names == ("Cow", "Zebra")
    assert [len(p) for p in part.prompts] == [3, 1]
    np.testing.assert_array_equal(part.vectors, table.vectors[[2, 0]])
    assert table.without(["ant"]).labels.tolist() == ["zebra", "cow"]


def test_an_unknown_label_is_named(table):
    with pytest.raises(InputError, match="yak"):
        table.rows(["cow", "yak"])
    with pytest.raises(InputError, match="3"):
        table.rows([3])
    with pytest.raises(InputError, match="cow"):
        ClassTable([0, 1], np.eye(2)).rows(["cow"])
    with pytest.raises(InputError, match="1"):
        ClassTable([], np.empty((0, 2))).rows([1])


def test_it_is_frozen_and_shared_by_clone(table):
    vectors = np.eye(2)
    mine = ClassTable([0, 1], vectors)
    vectors[0, 0] = 7
    assert mine.vectors[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        table.vectors[0, 0] = 1
    assert clone(table) is table


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a", "b"], np.eye(3)), "one row a class"),
        ((["a", "a"], np.eye(2)), "more than once: a"),
        ((["a", "b"], [[1, np.nan], [0, 1]]), "not so for a"),
        ((["a", "b"], np.eye(2), ("A",)), "2 names"),
        ((["a", "b"], np.eye(2), None, [np.ones((1, 2))]), "2 classes"),
        ((["a", "b"], np.eye(2), None, [np.ones((1, 2)), np.ones((0, 2))]), "class b"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(arguments, message):
    with pytest.raises(InputError, match=message):
        ClassTable(*arguments)


def test_one_hot_knows_only_identity():
    table = ClassTable.one_hot(["b", "a", "b"])
    assert table.labels.tolist() == ["a", "b"]
    np.testing.assert_array_equal(table.vectors, np.eye(2))


def test_select_cuts_views_and_keeps_what_stands_beside_the_classes(table):
    graph = ClassGraph(["zebra", "horse"], np.eye(2), [[0, 1]])
    rich = ClassTable(table.labels, table.vectors, views=[np.arange(9.0).reshape(3, 3)], graph=graph)
    part = rich.select(["cow", "zebra"])
    np.testing.assert_array_equal(part.views[0], [[6, 7, 8], [0, 1, 2]])
    assert part.graph is graph


@pytest.mark.parametrize(
    ("view", "told"),
    [(np.ones((2, 3)), r"view 0 .* \(3, k\)"), ([[1.0], [np.nan], [1.0]], "view 0 must be finite; not so for ant")],
)
def test_a_view_has_a_finite_row_a_class(table, view, told):
    with pytest.raises(InputError, match=told):
        ClassTable(table.labels, table.vectors, views=[view])


def test_every_semantic_space():
    table = ClassTable(["a", "b"], np.eye(2), views=([[1.0], [2.0]],))
    assert [space.shape for space in table.spaces] == [(2, 2), (2, 1)]
    assert len(ClassTable(["a"], [[1.0]]).spaces) == 1
