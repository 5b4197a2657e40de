"""What the front pages say holds: their Python runs, their commands and options exist, their links lead somewhere."""

import functools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import zorse

ROOT = Path(__file__).parents[1]
FRONT = [p for p in (ROOT / "README.md", *sorted((ROOT / "docs/guide").glob("*.md"))) if "```python" in p.read_text()]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
ZORSE = shutil.which("zorse", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S)


def name(page):
    return str(page.relative_to(ROOT))


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """The folder the examples speak of, as the working directory's ``photos``."""
    from PIL import Image
    from skimage import data

    (tmp_path / "photos").mkdir()
    for kind in ("coffee", "chelsea", "rocket"):
        Image.fromarray(getattr(data, kind)()).save(tmp_path / "photos" / f"{kind}.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


@pytest.mark.parametrize("page", FRONT, ids=name)
def test_python_examples_run(page, photos):
    scope = {}
    for example in blocks(page, "python"):
        exec(compile(example, str(page), "exec"), scope)


def commands(page):
    """``(subcommand words, options)`` of every zorse command in a page's shell blocks."""
    text = "\n".join(blocks(page, "(?:sh|bash|console|shell)?")).replace("\\\n", " ")
    for line in text.splitlines():
        for part in re.split(r"&&|\||;", line.partition(" #")[0]):
            words = part.strip().removeprefix("$ ").split()
            if words[:1] == ["zorse"]:
                yield " ".join(words[1:3]), [w.partition("=")[0] for w in words if re.match(r"--?[a-z]", w)]


@functools.cache
def help_of(*command):
    env = {**os.environ, "COLUMNS": "300", "TERM": "dumb", "NO_COLOR": "1"}
    return subprocess.run([ZORSE, *command, "--help"], capture_output=True, text=True, env=env)


def known(command, options):
    first, *second = command.split() or [""]
    if first.startswith("-") or not first:
        return set(options) <= set(re.findall(r"--?[a-z][a-z-]*", help_of().stdout))
    page = help_of(first)
    if page.returncode:
        return False
    text = page.stdout
    if second and re.search(rf"^\W*{re.escape(second[0])}\s", text, re.M):
        text += help_of(first, second[0]).stdout
    return set(options) <= set(re.findall(r"--?[a-z][a-z-]*", text))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_and_options_exist(page):
    unknown = [(c, o) for c, o in commands(page) if not known(c, o)]
    assert not unknown


def test_an_unknown_command_or_option_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\nzorse clasify photos\nzorse classify photos --lables x\nzorse classify photos --labels x\n```\n"
    )
    assert [known(c, o) for c, o in commands(page)] == [False, False, True]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s#]+)[^)]*\)|<img[^>]+src=\"([^\"]+)\"", page.read_text())
    paths = [a or b for a, b in links if not re.match(r"https?:", a or b)]
    missing = [p for p in paths if not (page.parent / p).exists()]
    assert not missing


def test_the_first_screen_gives_the_two_commands():
    first = (ROOT / "README.md").read_text()[:2500]
    assert "\npip install -c constraints.txt . && zorse demo\n" in first
    assert '\npip install -c constraints.txt ".[test]" && pytest\n' in first


def test_extras_that_pages_name_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for page in PAGES:
        for group in re.findall(r"(?:\.|zorse)\[([a-z,-]+)\]", page.read_text()):
            assert set(group.split(",")) <= set(extras), f"{name(page)}: [{group}]"


def test_the_citation_states_the_version():
    assert f"\nversion: {zorse.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_every_direct_dependency_of_ci_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + [r for e in ("test", "lint", "docs") for r in project["optional-dependencies"][e]]
    plain = {re.split(r"[\[>=<~! ]", r)[0].lower().replace("_", "-") for r in asked}
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.M)
    assert plain <= {p.lower().replace("_", "-") for p in pinned}


def test_every_decision_is_listed():
    folder = ROOT / "docs/decisions"
    listed = set(re.findall(r"\]\(([^)]+)\)", (folder / "index.md").read_text()))
    assert listed == {page.name for page in folder.glob("*.md")} - {"index.md"}
