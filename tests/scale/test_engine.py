"""What is told before Ray starts; needs no Ray."""

import json
import sys

import pytest

from zorse.core import InputError, MissingDependencyError, NotAvailableError
from zorse.jobs.adapted import FORMAT, RECORD
from zorse.scale import engine, streaming


@pytest.fixture
def without_ray(monkeypatch):
    monkeypatch.setattr(engine, "find_spec", lambda name: None)


@pytest.mark.parametrize(
    "asked",
    [
        ("embed", "photos", "--out", "e"),
        ("classify", "photos", "--labels", "a,b"),
        ("index", "photos", "--index", "i"),
        ("bench", "--task", "toy"),
    ],
    ids=lambda asked: asked[0],
)
def test_what_is_missing_is_told_in_a_line(zorse_, asked, without_ray, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = zorse_(*asked, "--engine", "ray")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "zorse[scale]" in err
    code, _, err = zorse_(*asked, "--engine", "spark")
    assert (code, "local or ray" in err) == (2, True)
    code, _, err = zorse_(*asked, "--workers", "2")
    assert (code, "engine ray" in err) == (2, True)
    assert not list(tmp_path.iterdir())


def test_a_cluster_shares_no_store(monkeypatch):
    monkeypatch.setattr(engine, "find_spec", lambda name: name)
    with pytest.raises(InputError, match="one machine"):
        streaming("ray", "mini", "store", address="auto")
    with pytest.raises(InputError, match="at least 1"):
        streaming("ray", "mini", workers=0)


@pytest.mark.parametrize("moved", [False, True])
def test_workers_load_the_base_or_the_encoder_that_a_trainer_has_moved(monkeypatch, tmp_path, moved):
    monkeypatch.setattr(engine, "find_spec", lambda name: name)
    record = {"format": FORMAT, "base": "mini", "fingerprint": "f", "method": "m", "name": "mini", "labels": ["a", "b"]}
    (tmp_path / RECORD).write_text(json.dumps(record | ({"encoder": {"fingerprint": "g"}} if moved else {})))
    assert streaming("ray", tmp_path).keywords["model"] == (str(tmp_path) if moved else "mini")


def test_no_ray_is_an_error_of_ours(monkeypatch):
    from zorse.scale.actors import on_actors

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match="zorse\\[scale\\]"):
        next(on_actors(object, (), [1]))


@pytest.mark.filterwarnings("ignore")
def test_an_address_where_nothing_is_is_told_at_once():
    pytest.importorskip("ray", reason="needs the extra scale")
    from zorse.scale.actors import on_actors

    for address in ("127.0.0.1:1", "nonsense"):
        with pytest.raises(NotAvailableError, match=f"no Ray cluster at {address}: "):
            next(on_actors(object, (), [1], address=address))
