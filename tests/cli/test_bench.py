"""``zorse bench`` and ``zorse table`` as a person runs them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    from zorse.cli import main

    path = tmp_path_factory.mktemp("bench") / "log.jsonl"
    assert main(["bench", "--task", "toy", "--methods", "eszsl,clip", "--seeds", "2", "-j", "1", "-o", str(path)]) == 0
    return path


def test_bench_again_runs_nothing_and_shows_the_table(log, zorse_):
    before = log.read_bytes()
    code, out, err = zorse_("bench", "--task", "toy", "--methods", "eszsl,clip", "--seeds", "2", "--out", log)
    assert code == 0
    assert log.read_bytes() == before
    assert "eszsl" in out
    assert "skipped: compares" in " ".join(out.split())
    assert err.strip().endswith(f"4 cells -> {log}")


def test_table(log, zorse_, tmp_path):
    code, out, _ = zorse_("table", log, "--json")
    assert code == 0
    by_method = {row["method"]: row for row in json.loads(out)}
    assert by_method["eszsl"]["seeds"] == [0, 1]
    assert 0 < by_method["eszsl"]["figures"]["zsl"]["mean"] <= 1
    assert by_method["clip"]["status"] == "skipped"
    code, out, err = zorse_("table", log, "--html", tmp_path / "r.html", "--by", "zsl")
    assert code == 0
    assert f"report: {tmp_path / 'r.html'}" in err
    assert "ZSL on toy" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["bench", "--task", "digts", "--out", "x.jsonl"], "digits"),
        (["bench", "--task", "toy", "--methods", "eszl", "--out", "x.jsonl"], "eszsl"),
        (["bench", "--task", "toy", "--split", "random", "--out", "x.jsonl"], "redrawn or fixed"),
        (["bench", "--task", "toy", "--seeds", "0", "--out", "x.jsonl"], "at least 1"),
        (["bench", "--task", "toy", "--recipe", "none.toml", "--out", "x.jsonl"], "none.toml"),
        (["bench", "--task", "toy", "--out", "no/such/folder/x.jsonl"], "cannot write"),
        (["table", "none.jsonl"], "cannot read"),
    ],
)
def test_bad_requests_are_one_line(zorse_, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    code, out, err = zorse_(*arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert told in err


def test_a_log_without_cells_is_refused(zorse_, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    code, _, err = zorse_("table", tmp_path / "empty.jsonl")
    assert code == 2
    assert "no finished cell" in err
    assert zorse_("table", tmp_path / "empty.jsonl", "--html", tmp_path / "x.pdf")[0] == 2


BROKEN = Path(__file__).parents[1] / "benchmark"


def started(out):
    """Two methods in one process each: one is done at once, the other sleeps for a minute."""
    environment = os.environ | {"PYTHONPATH": f"{BROKEN}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    words = ["bench", "--task", "toy", "--methods", "broken:Constant,broken:Sleeps", "--seeds", "1", "-j", "2"]
    run = subprocess.Popen(
        [sys.executable, "-m", "zorse.cli", *words, "--out", str(out)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a background job ignores it
    )
    for _ in range(600):
        if out.exists() and out.read_bytes().endswith(b"\n"):
            return run
        time.sleep(0.1)
    run.kill()
    raise AssertionError(f"no cell was finished: {run.communicate()[1]}")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_what_is_finished_survives(tmp_path, zorse_, monkeypatch, how):
    out = tmp_path / "log.jsonl"
    run = started(out)
    run.send_signal(how)
    told = run.communicate(timeout=30)[1]
    if how == signal.SIGINT:
        assert run.returncode == 130
        assert f"interrupted; 1 cell in {out}; the same command goes on from there" in told
    monkeypatch.syspath_prepend(str(BROKEN))
    code, printed, _ = zorse_("table", out, "--json")
    assert code == 0
    assert [row["method"] for row in json.loads(printed)] == ["broken:Constant"]
    before = out.read_bytes()
    assert zorse_("bench", "--task", "toy", "--methods", "broken:Constant", "--seeds", "1", "--out", out)[0] == 0
    assert out.read_bytes() == before
    sys.modules.pop("broken", None)
