"""mkdocs hook for what would go stale if it stood twice: the README as first page, the commands' own help."""

import subprocess
import sys
from pathlib import Path

LINKS = {
    "](docs/": "](",
    "](METHODS.md)": "](methods.md)",
    "](CONTRIBUTING.md)": "](contributing.md)",
    "](src/zorse/encoders/mini/weights/README.md)": "](models/mini.md)",
}
COMMANDS = "<!-- every command with its options -->"


def on_page_markdown(markdown: str, page, config, files) -> str:
    """Text of a page before it is rendered."""
    if page.file.src_uri == "index.md":
        markdown = (Path(config.config_file_path).parent / "README.md").read_text()
        for link, target in LINKS.items():
            markdown = markdown.replace(link, target)
    return markdown.replace(COMMANDS, _commands()) if COMMANDS in markdown else markdown


def _commands() -> str:
    command = [sys.executable, "-m", "typer", "zorse.cli", "utils", "docs", "--name", "zorse"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return text.partition("\n## ")[1] + text.partition("\n## ")[2]
