"""Write docs/benchmarks.md from benchmarks/results/*.json: ``python tools/benchmarks_page.py``.

A result says ``what`` was measured, with which ``versions``, on which ``machine``, perhaps with a ``note``. Everything
else in it is shown: a list of objects as a table with a column a key, anything else as name and value.
"""

import json
from pathlib import Path
from typing import Any

from zorse.benchmark.exposure import exposure_hint

ROOT = Path(__file__).parents[1]
INTRO = """# Benchmarks

Written by `make bench-page` from `benchmarks/results`, which the programs in `benchmarks/` write. Each row of a
comparison comes from one run on one machine, so ratios carry over to other machines better than seconds do.
`make bench` times the library's parts.
"""


def page(results: Path) -> str:
    """The whole page as Markdown."""
    return "\n".join([INTRO, *(section(json.loads(file.read_text())) for file in sorted(results.glob("*.json")))])


def section(result: dict[str, Any]) -> str:
    """One result: heading, figures, versions and machine."""
    tables, facts = [], []
    for key, value in result.items():
        if key in ("what", "versions", "machine", "note") or value in ([], {}):
            continue
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            columns = list(dict.fromkeys(column for row in value for column in row))
            tables.append(
                table([named(c) for c in columns], [[shown(row.get(c, "")) for c in columns] for row in value])
            )
        elif isinstance(value, dict):
            facts += [[f"{named(key)}: {named(inner)}", shown(one)] for inner, one in value.items()]
        else:
            facts.append([named(key), shown(value)])
    if facts:
        tables.append(table(["figure", "value"], facts))
    said = [result["note"]] if "note" in result else []
    rows = [row for value in result.values() if isinstance(value, list) for row in value if isinstance(row, dict)]
    if hint := exposure_hint(str(row["task"]) for row in rows if "task" in row):
        said.append(f"{hint[0].upper()}{hint[1:]}.")
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return "\n\n".join([f"## {result['what']}", *said, *tables, f"{versions}; {shown(result['machine'])}."]) + "\n"


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def named(key: str) -> str:
    """``images_per_second`` as a reader says it."""
    return key.replace("_", " ")


def shown(value: Any) -> str:
    """A value as text: four figures, thousands apart."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{named(key)} {shown(one)}" for key, one in value.items())
    return str(value)


if __name__ == "__main__":
    (ROOT / "docs/benchmarks.md").write_text(page(ROOT / "benchmarks/results"))
