import json

import pytest

from zorse import catalogue


@pytest.mark.parametrize(("query", "slug"), [("platypus", "cupl"), ("pratt", "cupl"), ("romera paredes", "eszsl")])
def test_papers_are_found(zorse_, query, slug):
    code, out, _ = zorse_("papers", *query.split(), "--json")
    assert code == 0
    found = json.loads(out)
    assert slug in [paper["slug"] for paper in found]
    assert all(
        list(paper) == ["seed", "title", "venue", "year", "slug", "module", "family", "tags", "state", "claim"]
        for paper in found
    )


def test_papers_without_a_query_are_all(zorse_):
    assert len(json.loads(zorse_("papers", "--json")[1])) == len(catalogue.entries())
    code, out, _ = zorse_("papers")
    assert code == 0
    assert all(entry.slug in out for entry in catalogue.entries())


def test_papers_are_found_by_what_they_learn_from(zorse_):
    for tag, holds in (("training-free", lambda t: not t.trained), ("transductive", lambda t: t.needs_unlabelled)):
        found = {paper["slug"] for paper in json.loads(zorse_("papers", tag, "--json")[1]) if tag in paper["tags"]}
        assert found == {slug for slug, cls in catalogue.all_methods().items() if holds(cls.traits)}


def test_no_paper_matches(zorse_):
    code, out, err = zorse_("papers", "zzzz")
    assert (code, out) == (1, "")
    assert "'zzzz'" in err
    assert zorse_("papers", "zzzz", "--json") == (0, "[]\n", "")


def test_models(zorse_):
    code, out, _ = zorse_("models", "--json")
    models = json.loads(out)
    assert code == 0
    assert models[0]["name"] == "mini"
    assert {"name", "parameters", "licence", "languages", "use"} <= models[0].keys()
    code, out, _ = zorse_("models")
    assert code == 0
    assert "mini" in out


def test_store_refuses_a_folder_that_is_none(zorse_, tmp_path):
    for command in ("info", "prune"):
        code, _, err = zorse_("store", command, tmp_path)
        assert code == 2
        assert err.splitlines() == [f"zorse: {tmp_path} holds no embedding store"]
    assert list(tmp_path.iterdir()) == []


def test_store_prune_needs_to_know_what(zorse_, tmp_path):
    import numpy as np

    from zorse.encoders import EmbeddingStore

    with EmbeddingStore(tmp_path) as store:
        store.put(["00" * 32], np.ones((1, 2), np.float32), "abc", name="clip")
    assert zorse_("store", "prune", tmp_path)[0] == 2
    code, _, err = zorse_("store", "prune", tmp_path, "--model", "klip")
    assert code == 2
    assert "'klip'" in err
    assert "clip" in err
    assert "1 embedding," in zorse_("store", "info", tmp_path)[1]
    assert zorse_("store", "prune", tmp_path, "--model", "clip")[1].startswith("1 embedding removed")


def test_reproduce_asks_which(zorse_):
    code, _, err = zorse_("reproduce")
    assert code == 2
    assert "--all" in err
    code, _, err = zorse_("reproduce", "ezsl")
    assert code == 2
    assert "eszsl" in err
