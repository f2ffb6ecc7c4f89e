"""Run chapters again and store their outputs in canonical form: `make refresh CHAPTERS="image_filters"`.

In: notebooks under chapters/. Out: the same files, run from top to bottom in a fresh kernel, written so that
the same run gives the same bytes. A file is replaced only when the whole of it has run; a cell that fails
unannounced leaves the file as it was.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
README_PICTURE = (CHAPTERS / "image_filters.ipynb", ROOT / "_static" / "image_filters.svg")
KEPT_IN_CELL = ("tags", "jupyter")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def canonical(notebook: nbformat.NotebookNode) -> str:
    """Return the notebook as text: no clocks, no versions, no random ids; same cells, same bytes."""
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata = {key: cell.metadata[key] for key in KEPT_IN_CELL if key in cell.metadata}
        cell.source = "\n".join(line.rstrip() for line in cell.source.strip().splitlines())
        if cell.cell_type == "code":
            cell.outputs = joined_streams(cell.outputs)
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)) + "\n"


def joined_streams(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join neighbouring pieces of one stream: where a print is cut in two depends on timing."""
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        output.get("metadata", {}).clear()
        if joined and output.output_type == "stream" == joined[-1].output_type and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def refresh(path: Path) -> None:
    """Run one notebook and replace its file; raise what nbclient raises if a cell fails unannounced."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute(stderr=subprocess.DEVNULL)  # of the kernel's process; a cell's own stderr is an output
    replace(path, canonical(notebook))


def replace(path: Path, text: str) -> None:
    """Put `text` in the place of the file at once, so that no half of it is ever there."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".refresh-", suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)


def first_picture(path: Path) -> str:
    """Return the first SVG among a notebook's outputs: the README shows what the chapter drew."""
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            if found := re.search(r"<svg .*?</svg>", output.get("data", {}).get("text/html", ""), re.DOTALL):
                return found[0] + "\n"
    raise LookupError(f"{path.name} holds no SVG")


def main(names: list[str]) -> None:
    """Refresh the chapters named (`image_filters`, with or without folder and ending), or all of them."""
    known = {path.stem: path for path in sorted(CHAPTERS.glob("*.ipynb"))}
    wanted = [Path(name).stem for name in names] or list(known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        sys.exit(f"refresh: no chapter {unknown[0]!r}; there are: {', '.join(known)}")
    for name in wanted:
        print(f"refresh: {name}", flush=True)
        try:
            refresh(known[name])
            if known[name] == README_PICTURE[0]:
                replace(README_PICTURE[1], first_picture(known[name]))
            print(f"refresh: chapters/{name}.ipynb has its outputs", flush=True)
        except CellExecutionError as error:
            said = str(error) if sys.stderr.isatty() else re.sub("\x1b\\[[0-9;]*m", "", str(error))
            sys.exit(f"refresh: chapters/{name}.ipynb is left as it was, because a cell failed.\n{said}")
        except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
            sys.exit(f"refresh: chapters/{name}.ipynb is not a notebook: {str(error).splitlines()[0][:200]}")


if __name__ == "__main__":
    main(sys.argv[1:])
