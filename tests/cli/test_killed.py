"""What kill -9 leaves behind, and what the next run makes of it."""

import json
import os
import signal
import time
import warnings

import numpy as np
import pytest

from zorse.core.files import atomic_path, leftovers
from zorse.jobs.folder import atomic_folder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks")


def forked(work):
    """The process id of a child that does ``work``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # none of pytest's threads holds a lock here
        pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(9)
    return pid


def killed(work, ready):
    """Do ``work`` in another process and kill it once ``ready``."""
    pid, deadline = forked(work), time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("command", ["classify", "embed"])
def test_what_killed_runs_left_goes_with_the_next(zorse_, photos, paint, tmp_path, colours, monkeypatch, command):
    for i in range(12):
        paint(f"photos/red/{i}.png", (200 + i, 0, 0))
    out = tmp_path / "out" / ("rows.jsonl" if command == "classify" else "x.npz")
    out.parent.mkdir()
    store = tmp_path / "store"
    arguments = [command, photos, "-o", out, "--store", store, "--batch-size", 1, "--jobs", 1]
    arguments += ["--labels", "red, green, blue"] if command == "classify" else []

    def partial():
        return list(out.parent.glob(".*.partial"))

    encode, save = colours.encode_pixels, np.savez
    for _ in range(2):  # the second finds what the first has left

        def slowly(pixels):
            time.sleep(0.02 if command == "classify" else 0)
            return encode(pixels)

        def hang(file, **parts):
            save(file, **parts)
            file.flush()
            time.sleep(60)

        with monkeypatch.context() as patch:
            patch.setattr(colours, "encode_pixels", slowly)
            patch.setattr(np, "savez", hang)
            mine = {path.name for path in partial()}
            killed(
                lambda: zorse_(*arguments),
                lambda mine=mine: any(path.name not in mine for path in partial()),
            )
        assert len(partial()) == 1
        assert not out.exists()
    assert zorse_(*arguments)[0] == 0
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    if command == "classify":
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert (len(rows), len({row["path"] for row in rows})) == (16, 16)


def test_what_a_living_process_writes_is_left_alone(tmp_path):
    out = tmp_path / "x.csv"
    pid = forked(lambda: time.sleep(60))
    try:
        theirs, odd = tmp_path / f".x.csv.{pid}.partial", tmp_path / ".x.csv.backup.partial"
        theirs.touch()
        odd.touch()
        with atomic_path(out) as scratch:
            scratch.write_text("new")
        assert theirs.exists()
        assert odd.exists()
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert leftovers(out, "partial") == [theirs]


@pytest.mark.parametrize("whole", [False, True])
def test_a_folder_that_was_killed_between_its_two_names_is_found_again(tmp_path, whole):
    pid = forked(lambda: None)
    os.waitpid(pid, 0)
    old, partial, out = tmp_path / f".model.{pid}.old", tmp_path / f".model.{pid}.partial", tmp_path / "model"
    for folder in (old, partial, *([out] if whole else [])):
        folder.mkdir()
        (folder / "x").write_text("old")

    def breaks_off():
        with atomic_folder(out):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        breaks_off()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (out / "x").read_text() == "old"
    with atomic_folder(out) as scratch:
        (scratch / "x").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (out / "x").read_text() == "new"
