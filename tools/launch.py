"""Write the copies of the chapters that "Open in Colab" opens: each with a first cell that fetches the rest.

In: the folder of built pages, and repository.url in _config.yml. Out: launch/*.ipynb in that folder, or nothing where
no repository is set. Colab opens one file of a repository and has neither scopekit nor the data beside it. Binder
needs no copies: it has the whole repository, and .binder/ says what to install.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent

FETCH = """\
# On a machine that has this notebook alone: fetch the book, once, and stand where its chapters are.
import os, subprocess, sys
from pathlib import Path

book = Path.home() / "whose-weights"
if not book.exists():
    subprocess.run(["git", "clone", "--quiet", "--depth=1", {url!r}, str(book)], check=True)
os.chdir(book / "chapters")
sys.path[:0] = [str(book), str(book / "chapters")]
os.environ["PYTHONPATH"] = str(book)  # for the programs that a cell starts"""


def repository() -> str:
    """Return the repository's address, as its owner set it; empty where it is not set."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return str((config.get("repository") or {}).get("url") or "").rstrip("/")


def copy(notebook: str, url: str) -> str:
    """Return the text of a notebook with the cell in front that fetches the book from `url`."""
    content = json.loads(notebook)
    source = FETCH.format(url=url).splitlines(keepends=True)
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "fetch",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }
    content["cells"].insert(0, cell)
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def main(html: Path) -> None:
    """Write the copies, if there is a repository."""
    if not (url := repository()):
        return
    (html / "launch").mkdir(exist_ok=True)
    for path in sorted((html / "_sources" / "chapters").glob("*.ipynb")):
        (html / "launch" / path.name).write_text(copy(path.read_text(encoding="utf-8"), url), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
