"""The benchmarks page says what the results say."""

import json
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
tool = runpy.run_path(str(ROOT / "tools/benchmarks_page.py"))


def test_the_page_is_current():
    page = (ROOT / "docs/benchmarks.md").read_text()
    assert page == tool["page"](ROOT / "benchmarks/results"), "docs/benchmarks.md is stale; run: make bench-page"


def test_every_figure_of_a_result_is_on_the_page(tmp_path):
    result = {
        "what": "A against B",
        "note": "Two threads.",
        "runs": [{"who": "A", "images_per_second": 1234.5}, {"who": "B | C", "images_per_second": 3.14159, "peak": 7}],
        "times_faster": 2,
        "size": {"n": 1000, "exact": True},
        "versions": {"zorse": "9.8.7"},
        "machine": "x86_64, 2 cores",
    }
    (tmp_path / "one.json").write_text(json.dumps(result))
    text = tool["page"](tmp_path)
    for line in (
        "## A against B",
        "Two threads.",
        "| who | images per second | peak |",
        "| A | 1,234 |  |",
        "| B \\| C | 3.142 | 7 |",
        "| times faster | 2 |",
        "| size: n | 1,000 |",
        "| size: exact | yes |",
        "zorse 9.8.7; x86_64, 2 cores.",
    ):
        assert line in text.splitlines()


def test_a_table_on_an_encoder_that_may_have_seen_the_unseen_says_so(tmp_path):
    result = {"what": "A", "runs": [{"task": "digits", "H": 0.5}], "versions": {}, "machine": ""}
    (tmp_path / "one.json").write_text(json.dumps(result))
    assert "trained on" not in tool["page"](tmp_path)
    result["runs"] += [{"task": "tiny160", "H": 0.5}, {"task": "AWA2", "H": 0.5}, {"task": "tiny160", "H": 0.4}]
    (tmp_path / "one.json").write_text(json.dumps(result))
    told = "The encoder of tiny160 and AWA2 was trained on imagenet-1k, which may hold their unseen classes; "
    assert told + "zorse audit --task tiny160 tells." in tool["page"](tmp_path)
