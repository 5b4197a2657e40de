"""mkdocs hook: the README is the site's first page, its links turned to the pages of the site."""

from pathlib import Path

PAGES = {
    "](docs/": "](",
    "](METHODS.md)": "](methods.md)",
    "](CONTRIBUTING.md)": "](contributing.md)",
    "](src/zorse/encoders/mini/weights/README.md)": "](models/mini.md)",
}


def on_page_markdown(markdown: str, page, config, files) -> str:
    """Replace the first page's text by the README's."""
    if page.file.src_uri != "index.md":
        return markdown
    text = (Path(config.config_file_path).parent / "README.md").read_text()
    for link, target in PAGES.items():
        text = text.replace(link, target)
    return text
