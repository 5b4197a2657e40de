import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import zorse

ARGUMENTS = ["--labels", "red, green, blue", "--jobs", "1"]


def test_piped_rows_are_json_lines_and_stderr_is_quiet(zorse_, photos):
    code, out, err = zorse_("classify", photos, *ARGUMENTS, "--top-k", 2)
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert err == ""
    assert [list(row) for row in rows] == [["path", "label", "score", "top", "error"]] * 4
    assert [row["label"] for row in rows] == ["blue", "blue", "green", "red"]
    assert all(row["top"][0] == [row["label"], row["score"]] and len(row["top"]) == 2 for row in rows)


def test_json_is_one_summary_object(zorse_, photos, tmp_path):
    code, out, _ = zorse_("classify", photos, *ARGUMENTS, "--json", "--truth", "folder", "-o", tmp_path / "rows.csv")
    summary = json.loads(out)
    assert code == 0
    assert set(summary) == {
        *("images", "failed", "labels", "model", "method", "seconds", "images_per_second"),
        *("counts", "truth", "output", "report"),
    }
    assert summary["images"] == 4
    assert summary["counts"] == {"blue": 2, "green": 1, "red": 1}
    assert summary["truth"]["top1"] == 1.0
    assert 0 < summary["truth"]["top1_interval"][0] < summary["truth"]["top1_interval"][1] <= 1
    with (tmp_path / "rows.csv").open() as file:
        assert [row["truth"] for row in csv.DictReader(file)] == ["blue", "blue", "green", "red"]


def test_truth_is_printed_with_intervals_and_worst_classes(zorse_, photos, paint):
    paint("photos/blue/three.png", "red")
    paint("photos/elsewhere/x.png", "red")
    code, out, err = zorse_("classify", photos, *ARGUMENTS, "--truth", "folder")
    assert code == 0
    assert "top-1 80.0 % (95 % interval 37.6 % to 96.4 %), 5 images" in err
    assert "per-class mean 88.9 % over 3 classes" in err
    assert "blue 2 of 3 right, most often called red" in err
    assert "1 image not compared" in err
    assert "elsewhere" in err
    assert len(out.splitlines()) == 6


def test_some_images_fail(zorse_, photos):
    (photos / "red" / "broken.jpg").write_bytes(b"\xff\xd8 not really")
    code, out, err = zorse_("classify", photos, *ARGUMENTS)
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert len(err.splitlines()) == 1
    assert err.startswith("1 of 5 images could not be read, such as ")
    assert "broken.jpg" in err
    (failed,) = [row for row in rows if row["error"]]
    assert failed["path"].endswith("broken.jpg")
    assert failed["label"] is None


def test_output_and_report(zorse_, photos, tmp_path):
    code, out, _ = zorse_("classify", photos, *ARGUMENTS, "-o", tmp_path / "x.jsonl", "--report", tmp_path / "x.html")
    assert code == 0
    assert out == ""
    assert len((tmp_path / "x.jsonl").read_text().splitlines()) == 4
    assert (tmp_path / "x.html").read_text().count("data:image/jpeg") == 4
    assert not list(tmp_path.glob(".*"))


def test_stored_embeddings_serve_new_labels(zorse_, photos, tmp_path, colours):
    store = tmp_path / "store"
    assert zorse_("classify", photos, *ARGUMENTS, "--store", store)[0] == 0
    encoded = colours.encoded
    assert zorse_("classify", photos, "--labels", "yellow, cyan", "--store", store)[0] == 0
    assert colours.encoded == encoded == 4
    code, out, _ = zorse_("store", "info", store, "--json")
    assert code == 0
    assert sum(e["rows"] for e in json.loads(out)["encoders"] if e["fingerprint"] == "colours-image") == 4
    assert zorse_("store", "prune", store, "--model", "colours-image")[1].startswith("4 embeddings removed")


def test_labels_from_files(zorse_, photos, tmp_path):
    (tmp_path / "lines.txt").write_text("red\n\n green \nblue, or so\n")
    (tmp_path / "list.json").write_text('["red", "green", "blue"]')
    (tmp_path / "ontology.json").write_text('{"a red thing": "r", "a green thing": "g", "something blue": "b"}')
    (tmp_path / "cupl.json").write_text('{"r": ["It is red."], "g": ["It is green."], "b": ["It is blue."]}')
    for arguments, expected in [
        (("--labels-file", tmp_path / "lines.txt"), ["blue, or so", "blue, or so", "green", "red"]),
        (("--labels-file", tmp_path / "list.json"), ["blue", "blue", "green", "red"]),
        (("--labels-file", tmp_path / "ontology.json"), ["b", "b", "g", "r"]),
        (("--descriptions", tmp_path / "cupl.json", "--method", "cupl"), ["b", "b", "g", "r"]),
    ]:
        code, out, err = zorse_("classify", photos, *arguments)
        assert (code, err) == (0, "")
        assert [json.loads(line)["label"] for line in out.splitlines()] == expected


def test_a_label_without_description_is_said(zorse_, photos, tmp_path):
    (tmp_path / "some.json").write_text('{"red": ["red as blood."], "green": ["green as grass."]}')
    code, out, err = zorse_("classify", photos, *ARGUMENTS, "--descriptions", tmp_path / "some.json")
    assert code == 0
    assert len(err.splitlines()) == 1
    assert "blue" in err
    assert len(out.splitlines()) == 4


BAD = {
    "no images": (["{empty}", *ARGUMENTS], "no images.*empty"),
    "no such file": (["{tmp}/nowhere", *ARGUMENTS], "nowhere"),
    "no labels": (["{photos}"], "--labels"),
    "blank labels": (["{photos}", "--labels", " , "], "labels"),
    "one label": (["{photos}", "--labels", "cat"], "'cat'"),
    "duplicate labels": (["{photos}", "--labels", "cat, dog, CAT "], "'CAT'"),
    "both kinds of labels": (["{photos}", *ARGUMENTS, "--labels-file", "{tmp}/x.txt"], "not both"),
    "no labels file": (["{photos}", "--labels-file", "{tmp}/nowhere.txt"], r"nowhere\.txt"),
    "labels file is an image": (["{photos}", "--labels-file", "{photos}/red/one.png"], r"one\.png"),
    "unknown method": (["{photos}", *ARGUMENTS, "--method", "klip"], "'klip'.*clip"),
    "method that must learn": (["{photos}", *ARGUMENTS, "--method", "eszsl"], "(?i)eszsl.*clip"),
    "unknown parameter": (["{photos}", *ARGUMENTS, "--method", "clip:skale=3"], "'skale'.*scale"),
    "parameter of another type": (["{photos}", *ARGUMENTS, "--method", "clip:scale=big"], "scale.*number.*'big'"),
    "unknown model": (["{photos}", *ARGUMENTS, "--model", "minni"], "'minni'.*mini"),
    "unknown classes described": (["{photos}", *ARGUMENTS, "--descriptions", "{tmp}/told.json"], "'blu'.*blue"),
    "descriptions not JSON": (["{photos}", *ARGUMENTS, "--descriptions", "{tmp}/bad.json"], r"bad\.json.*line 1"),
    "no output folder": (["{photos}", *ARGUMENTS, "--output", "{tmp}/no/x.csv"], "no"),
    "output under a file": (["{photos}", *ARGUMENTS, "--output", "{photos}/red/one.png/x.csv"], r"x\.csv"),
    "output is a folder": (["{photos}", *ARGUMENTS, "--output", "{tmp}/folder.csv"], r"folder\.csv is a folder"),
    "output of no known kind": (["{photos}", *ARGUMENTS, "--output", "{tmp}/x.xls"], r"x\.xls.*\.csv"),
    "no report folder": (["{photos}", *ARGUMENTS, "--report", "{tmp}/no/x.html"], "no"),
    "template without a hole": (["{photos}", *ARGUMENTS, "--templates", "{tmp}/templates.txt"], r"line 2.*'a photo'"),
    "unknown templates": (["{photos}", *ARGUMENTS, "--templates", "ensembel"], "'ensembel'.*ensemble"),
    "probability out of range": (["{photos}", *ARGUMENTS, "--unknown-below", "2"], "unknown_below.*2"),
    "top-k out of range": (["{photos}", *ARGUMENTS, "--top-k", "0"], "top_k.*0"),
    "truth of another kind": (["{photos}", *ARGUMENTS, "--truth", "file"], "'file'"),
    "unknown device": (["{photos}", *ARGUMENTS, "--model", "{tmp}", "--device", "tpu9"], "tpu9|config"),
    "unknown option": (["{photos}", "--lables", "a, b"], "--lables"),
    "no source": ([*ARGUMENTS], "SOURCE"),
}


ALONE = {
    "cupl": (["--method", "cupl"], "CuPL reads sentences.*no descriptions.*zorse describe.*--descriptions"),
    "dclip": (["--method", "dclip"], "DCLIP reads features.*no descriptions"),
    "cupl with templates": (["--method", "cupl", "--templates", "ensemble"], "no descriptions.*--method clip"),
    "fudd": (["--method", "fudd"], "FuDD needs texts.*--descriptions"),
    "weights of one": (["--method", "autoclip", "--templates", "a {}."], "AutoCLIP weighs the prompts.*ensemble"),
    "one context": (["--method", "perceptionclip", "--templates", "a {}."], "each class has one"),
    "sets-by": (["--sets-by", "lac"], "--sets ERROR with lac"),
    "sure": (["--sure", "0.9"], "--tree FILE with 0.9"),
    "sure and sets": (["--tree", "{tmp}/t.json", "--sure", "0.9", "--calibrate", "{photos}", "--sets", "0.5"], "sure"),
    "unknown-below": (["--multi-label", "0.5", "--unknown-below", "0.5"], "multi_label.*ood='mcm'"),
    "sets": (["--sets", "0.1"], "give --calibrate"),
}


@pytest.mark.parametrize("name", ALONE)
def test_an_option_without_what_it_needs_is_refused(zorse_, photos, tmp_path, name, colours):
    (tmp_path / "t.json").write_text('{"colour": ["red", "green", "blue"]}')
    arguments, told = ALONE[name]
    arguments = [a.format(tmp=tmp_path, photos=photos) if a.startswith("{") else a for a in arguments]
    code, out, err = zorse_("classify", photos, *ARGUMENTS, *arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert re.search(told, err), err
    assert colours.encoded == 0


def test_prompts_of_a_labels_file_are_not_dropped_for_descriptions(zorse_, photos, tmp_path):
    (tmp_path / "ontology.json").write_text('{"a red thing": "r", "something blue": "b"}')
    (tmp_path / "cupl.json").write_text('{"r": ["It is red."], "b": ["It is blue."]}')
    arguments = ("--labels-file", tmp_path / "ontology.json", "--descriptions", tmp_path / "cupl.json")
    code, _, err = zorse_("classify", photos, *arguments)
    assert code == 2
    assert "not both" in err


def test_a_method_without_its_memory_says_so(zorse_, photos):
    code, out, err = zorse_("classify", photos, *ARGUMENTS, "--method", "tip_x")
    assert (code, len(out.splitlines()), len(err.splitlines())) == (0, 4, 1)
    assert "TipX is given no memory" in err
    assert "--method tip_x:memory=FOLDER" in err


def test_kinds_from_wordnet_are_told(zorse_, photos, wordnet_folder, monkeypatch):
    monkeypatch.setenv("WNSEARCHDIR", str(wordnet_folder))
    code, _, err = zorse_("classify", photos, "--labels", "dog, cat", "--method", "chils")
    assert (code, len(err.splitlines())) == (0, 1)
    assert "WordNet's kinds of 1 of 2 labels are taken, such as puppy of dog" in err
    code, _, err = zorse_("classify", photos, "--labels", "red, cat", "--method", "chils")
    assert code == 2
    assert "WordNet knows no kinds of any label" in err


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_exit_code_2(zorse_, photos, tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "told.json").write_text('{"red": ["a."], "blu": ["b."]}')
    (tmp_path / "bad.json").write_text("{,}")
    (tmp_path / "templates.txt").write_text("a photo of a {}\na photo\n")
    arguments, told = BAD[name]
    places = {"tmp": tmp_path, "photos": photos, "empty": tmp_path / "empty"}
    code, out, err = zorse_("classify", *(a.format(**places) if "{" in a else a for a in arguments))
    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1, err
    assert re.search(told, err), err


def test_an_output_that_cannot_be_written_is_found_before_encoding(zorse_, photos, tmp_path, colours):
    assert zorse_("classify", photos, *ARGUMENTS, "-o", tmp_path / "no" / "x.csv")[0] == 2
    assert zorse_("classify", photos, *ARGUMENTS, "--report", tmp_path / "no" / "x.html")[0] == 2
    assert colours.encoded == 0


def test_a_run_that_breaks_off_keeps_its_rows_and_the_old_file(zorse_, photos, tmp_path, colours, monkeypatch):
    output = tmp_path / "rows.csv"
    output.write_text("old")
    encode = colours.encode_pixels

    def interrupted(pixels):
        if colours.encoded == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return encode(pixels)

    monkeypatch.setattr(colours, "encode_pixels", interrupted)
    store = tmp_path / "store"
    code, _, err = zorse_("classify", photos, *ARGUMENTS, "-o", output, "--batch-size", 1, "--store", store)
    assert code == 130
    assert "interrupted after" in err
    assert output.read_text() == "old"
    kept = (tmp_path / "rows.interrupted.csv").read_text().splitlines()
    assert 1 <= len(kept) - 1 < 4
    monkeypatch.setattr(colours, "encode_pixels", encode)
    assert zorse_("classify", photos, *ARGUMENTS, "-o", output, "--store", store)[0] == 0
    assert colours.encoded == 4  # nothing that was finished is encoded again
    assert len(output.read_text().splitlines()) == 5


def run(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "zorse.cli", *map(str, arguments)], capture_output=True, **options)


def test_a_reader_that_has_had_enough_is_no_error():
    command = [sys.executable, "-m", "zorse.cli", "models", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() in (1, 141)


def test_help_is_quick_and_imports_no_torch():
    program = (
        "import sys; from zorse.cli import main; code = main(['--help']);"
        "print(code, [m for m in ('torch', 'numpy', 'sklearn', 'transformers') if m in sys.modules], file=sys.stderr)"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == "0 []\n"
    assert "classify" in done.stdout
    assert time.perf_counter() - began < 5  # a tenth of that on an idle machine


def test_version():
    done = run("--version", text=True)
    assert (done.returncode, done.stdout) == (0, f"zorse {zorse.__version__}\n")


def test_bad_input_in_a_process_of_its_own(tmp_path):
    done = run("classify", tmp_path / "nowhere", "--labels", "a, b", text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "nowhere" in done.stderr


def test_several_labels_without_a_sample_are_called_a_first_look(zorse_, photos, tmp_path):
    code, out, err = zorse_(
        "classify", photos, "--labels", "red, green", "--multi-label", 0.1, "-o", tmp_path / "m.csv"
    )
    assert code == 0
    assert "labels an image" in out + err
    assert "a first look" in out + err


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no user ids")
def test_a_store_that_cannot_be_written_costs_a_line_and_no_answer(zorse_, photos):
    with tempfile.TemporaryDirectory() as folder:
        store, images = Path(folder) / "store", shutil.copytree(photos, Path(folder) / "photos")
        for place in (Path(folder), *images.rglob("*")):
            place.chmod(0o755)
        assert zorse_("classify", images / "red", *ARGUMENTS, "--store", store)[0] == 0
        store.chmod(0o555)
        (store / "embeddings.sqlite").chmod(0o444)
        root = os.geteuid() == 0
        if root:  # may write anywhere, so becomes somebody else
            os.seteuid(65534)
        try:
            code, out, err = zorse_("classify", images, *ARGUMENTS, "--store", store)
        finally:
            if root:
                os.seteuid(0)
            store.chmod(0o755)
    assert (code, len(out.splitlines())) == (0, 4)
    assert len(err.splitlines()) == 1
    assert "cannot be written, so that nothing is kept" in err
