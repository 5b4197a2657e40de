import base64
import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from PIL import Image

from zorse.jobs.classification import Prediction, Summary
from zorse.jobs.report import NOTABLE, SPREAD, Report
from zorse.jobs.truth import Agreement

EVIL = "<script>alert(1)</script>\"'&.jpg"


def summary_of(rows, labels=("cat", "dog"), truth=False):
    summary = Summary(labels, "mini", "CLIP", agreement=Agreement(labels) if truth else None)
    for row in rows:
        summary.add(row)
    return summary


def page_of(rows, truth=False, image=None):
    report = Report()
    for row in rows:
        report.add(row, image)
    return report.html(summary_of(rows, truth=truth))


class Reader(HTMLParser):
    """Counts elements, keeps the text, and refuses tags that do not close."""

    VOID = frozenset({"meta", "img", "input", "br"})

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.text, self.attributes = Counter(), [], "", []
        self.feed(page)
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def row(i=0, label="cat", score=0.75, truth=None, path=None, rank=None):
    top = ((label, score), ("dog" if label == "cat" else "cat", 1 - score))
    return Prediction(path or f"photos/{i}.jpg", label, score, top, None, truth, rank)


def test_every_string_is_escaped():
    bad = "<b>label</b>"
    rows = [
        row(path=EVIL, label=bad, truth=EVIL),
        Prediction(EVIL, None, None, (), "<i>broken</i>"),
        row(1, label=bad, truth=bad, rank=1),
    ]
    report = Report(title="<u>title</u>", note="<s>note</s>")
    for r in rows:
        report.add(r)
    reader = Reader(report.html(summary_of(rows, labels=(bad, "dog"), truth=True)))
    assert reader.tags["script"] == 1  # our own
    assert not {"b", "u", "s"} & reader.tags.keys()
    assert reader.tags["i"] == len(re.findall(r'<i style="--p:', report.html(summary_of(rows, labels=(bad,)))))
    for text in (bad, "<i>broken</i>", "<u>title</u>"):
        assert text in reader.text


def test_a_script_in_a_name_could_not_run_and_nothing_is_loaded():
    page = page_of([row(path=EVIL)])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy
    assert "http://" not in page
    assert "https://" not in page


def test_thumbnails_are_small_jpegs_with_alternative_text():
    page = page_of([row(path="a/cat.jpg")], image=lambda: Image.new("RGB", (2000, 1000), "red"))
    (picture,) = [a for tag, a in Reader(page).attributes if tag == "img"]
    kind, _, data = picture["src"].partition(",")
    assert kind == "data:image/jpeg;base64"
    assert len(base64.b64decode(data)) < 5000
    assert "cat.jpg" in picture["alt"]
    assert "called cat" in picture["alt"]


def test_tables_have_captions_and_headers():
    reader = Reader(
        page_of([row(0, truth="cat", rank=1), row(1, truth="dog", rank=2), row(2, truth="dog", rank=2)], truth=True)
    )
    assert reader.tags["table"] == reader.tags["caption"] == 2
    assert all("scope" in a for tag, a in reader.attributes if tag == "th")


def test_a_long_run_is_shown_evenly_and_stays_small():
    asked = []

    def picture(i):
        return lambda: asked.append(i) or Image.new("RGB", (64, 64))

    report, rows = Report(), []
    for i in range(5000):
        r = row(i, score=0.5 + (i * 37 % 1000) / 2001)
        rows.append(r)
        report.add(r, picture(i))
    page = report.html(summary_of(rows))
    shown = re.findall(r'title="photos/(\d+)\.jpg"', page)
    spread = sorted({int(i) for i in shown[NOTABLE:]})
    assert SPREAD / 2 <= len(spread) <= SPREAD
    assert len({b - a for a, b in pairwise(spread)}) == 1  # even
    least = sorted(rows, key=lambda r: r.score)[:NOTABLE]
    assert {r.score for r in rows if r.path in {f"photos/{i}.jpg" for i in shown[:NOTABLE]}} == {r.score for r in least}
    assert len(asked) < 2500  # pictures nobody sees are not opened
    assert len(page) < 3_000_000
    assert re.search(r"of 5,000 images", page)


def test_few_images_are_all_shown_once():
    page = page_of([row(i) for i in range(SPREAD)])
    assert sorted(map(int, re.findall(r'title="photos/(\d+)\.jpg"', page))) == list(range(SPREAD))


def test_most_confident_mistakes_come_first():
    rows = [row(i, truth="cat", rank=1) for i in range(SPREAD + 1)]
    rows += [row(i, truth="dog", rank=2, score=0.6 + i / 10**4) for i in range(1000, 1200)]
    page = page_of(rows, truth=True)
    first = re.findall(r'title="photos/(\d+)\.jpg"', page)[:NOTABLE]
    assert list(map(int, first)) == list(range(1199, 1199 - NOTABLE, -1))


def test_confusion_picture_counts():
    rows = [row(i, truth="cat", rank=1) for i in range(3)] + [row(9, truth="dog", rank=2)]
    page = page_of(rows, truth=True)
    assert "cat, called cat: 3 of 3" in page
    assert "dog, called cat: 1 of 1" in page
    assert "75.0 %" in page


def test_a_picture_that_cannot_be_opened_again_is_left_out():
    def gone():
        raise FileNotFoundError

    assert "no picture" in page_of([row()], image=gone)


def test_only_failures_and_nothing_else():
    rows = [Prediction("a.jpg", None, None, (), "empty file")]
    page = page_of(rows, truth=True)
    assert "empty file" in page
    Reader(page)


def test_written_whole_or_not_at_all(tmp_path):
    rows = [row()]
    report = Report()
    report.add(rows[0])
    size = report.write(tmp_path / "x.html", summary_of(rows))
    assert (tmp_path / "x.html").stat().st_size == size
    assert [p.name for p in tmp_path.iterdir()] == ["x.html"]
    from zorse.core import NotAvailableError

    with pytest.raises(NotAvailableError, match="missing"):
        report.write(tmp_path / "missing" / "x.html", summary_of(rows))


def test_a_file_name_that_is_not_utf8(tmp_path):
    rows = [row(path="caf\udce9.jpg")]
    report = Report()
    report.add(rows[0])
    report.write(tmp_path / "x.html", summary_of(rows))
    assert r"caf\udce9.jpg" in (tmp_path / "x.html").read_text()
