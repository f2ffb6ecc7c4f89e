"""Write the page that says what this copy of the book rests on: chapters/status.md, made anew at each build.

In: the locks, the chapters, the repository's last commit, what `make test` measured here and what `make prove` has
recorded. Out: the page. No clock is read, so that two builds of one commit give the same bytes.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "chapters" / "status.md"
TIMES = ROOT / ".times.json"  # written by tests/conftest.py; a measure of one machine, and so in no commit
PROVED = ROOT / "bench" / "proved.json"  # written by tests/prove_rules.py
SHOWN = ("tensorflow", "numpy", "pandas", "protobuf", "jupyter-book", "sphinx", "nbval")


def page() -> str:
    """Return the page."""
    chapters = [ROOT / f"{name}.ipynb" for name in re.findall(r"file: (\S+)", _text("_toc.yml"))]
    chapters = [path for path in chapters if path.exists()]
    times = json.loads(TIMES.read_text(encoding="utf-8")) if TIMES.exists() else {}
    rows, cells, errors, pictures = [], 0, 0, 0
    for path in chapters:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        raised = sum("raises-exception" in cell["metadata"].get("tags", []) for cell in code)
        drawn = sum(
            "<svg" in "".join(out.get("data", {}).get("text/html", "")) for cell in code for out in cell["outputs"]
        )
        cells, errors, pictures = cells + len(code), errors + raised, pictures + drawn
        seconds = f"{times[path.stem]:.0f} s" if path.stem in times else "not measured here"
        measured = f" {seconds} |" if times else ""
        rows.append(f"| [{_title(notebook)}]({path.name}) | {len(code)} | {raised} | {drawn} |{measured}")
    return "\n".join(
        [
            "# What this copy rests on",
            "",
            "Made by `make book` from the repository, its locks and its records; nothing here was typed.",
            "",
            "## Versions",
            "",
            "| what | version |",
            "|---|---|",
            f"| scopekit | {_version()} |",
            *(f"| {name} | {value} |" for name, value in _commit()),
            f"| Python | {_find(r'requires-python = .>=([0-9.]+)', 'pyproject.toml')} or newer |",
            *(f"| {name} | {version} |" for name, version in _locked()),
            "",
            "## What is run",
            "",
            f"{len(chapters)} chapters, {cells} cells, all run; {errors} of them end in an error, as the page shows; "
            f"{pictures} draw a picture. `make test` runs every cell again and compares what it prints.",
            "",
            "| chapter | cells | errors | pictures |" + " time of its cells |" * bool(times),
            "|---|---|---|---|" + "---|" * bool(times),
            *rows,
            "",
            "## What is proved",
            "",
            _proved(),
            "",
        ]
    )


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _find(pattern: str, name: str) -> str:
    found = re.search(pattern, _text(name), re.MULTILINE)
    return found[1] if found else "not found"


def _version() -> str:
    return _find(r'^__version__ = "(.+)"', "scopekit/__init__.py")


def _title(notebook: Any) -> str:
    text = "".join(next(cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")["source"])
    return re.sub(r"^#\s*", "", text.splitlines()[0])


def _locked() -> list[tuple[str, str]]:
    lock = _text("requirements/full.txt")
    found = [(name, re.search(rf"^{name}==(\S+)", lock, re.MULTILINE)) for name in SHOWN]
    return [(name, version[1]) for name, version in found if version]


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def _commit() -> list[tuple[str, str]]:
    commit, _, date = _git("log", "-1", "--format=%H %cs").partition(" ")
    if not commit:
        return [("commit", "not known: this copy is no repository")]
    changed = ", and changes since" if _git("status", "--porcelain", "--untracked-files=no") else ""
    return [("commit", f"`{commit[:10]}`{changed}"), ("date of the commit", date)]


def _proved() -> str:
    if not PROVED.exists():
        return "No run of `make prove` is recorded."
    run = json.loads(PROVED.read_text(encoding="utf-8"))
    rules = "" if run["commit"] == "not known" else f", on the rules of commit `{run['commit']}`"
    return (
        "The naming and sharing rules, written down as a program (`scopekit.rules`), and TensorFlow "
        f"{run['tensorflow']} agreed on all of {run['programs']:,} random programs (seeds {run['first']:,} to "
        f"{run['last']:,}): {run['events']:,} names, identities, flags and errors. {run['partial']:,} of "
        f"the programs come to something that the model leaves out, and agree until there. Run on {run['date']} "
        f"with Python {run['python']}{rules}. "
        "Again, and with other seeds: `make prove N=20000`."
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
