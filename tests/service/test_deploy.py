"""The examples for running the service speak of commands and options that exist, and package data that is packed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["Containerfile", "zorse.service"])
def test_options_exist(name):
    text = (ROOT / "deploy" / name).read_text()
    started = "".join(re.findall(r"^(?:ENTRYPOINT|CMD|ExecStart)\b.*$", text, re.M))
    options = re.findall(r"--[a-z][a-z-]+", started)
    told = subprocess.run([sys.executable, "-m", "zorse.cli", "serve", "--help"], capture_output=True, text=True).stdout
    assert options
    assert set(options) <= set(re.findall(r"--[a-z][a-z-]+", told))


def test_the_container_runs_as_nobody_of_note_and_needs_a_token():
    text = (ROOT / "deploy" / "Containerfile").read_text()
    assert re.search(r"^USER zorse$", text, re.M)
    assert text.index("USER zorse") < text.index("ENTRYPOINT")
    assert not re.search(r"^ENV .*ZORSE_TOKEN|--token", text, re.M)
    done = subprocess.run(
        [sys.executable, "-m", "zorse.cli", "serve", "--host", "0.0.0.0", "--port", "0"],
        capture_output=True,
        text=True,
        env={"PATH": ""},
    )
    assert done.returncode == 2
    assert "set a token" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("absent", ["fastapi", "uvicorn", "prometheus_client", "python_multipart"])
def test_without_the_extra_it_says_how_to_get_it(absent):
    code = (
        f"import sys; sys.modules[{absent!r}] = None; from zorse.cli import main; sys.exit(main(['serve', '-p', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'zorse[serve]'" in done.stderr
    assert "Traceback" not in done.stderr
