"""Every chapter keeps the form, and each rule of the form can fail: a sound notebook is broken on purpose."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from form import faults
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from chapter import TEMPLATE  # noqa: E402

CHAPTERS = sorted((ROOT / "chapters").rglob("*.ipynb"))


def test_there_are_chapters() -> None:
    assert CHAPTERS


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_keeps_the_form(path: Path) -> None:
    if found := faults(path):
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_is_in_the_book(path: Path) -> None:
    line = f"      - file: chapters/{path.stem}"
    if line not in (ROOT / "_toc.yml").read_text(encoding="utf-8").splitlines():
        pytest.fail(f"{path.name}: no page leads to it; _toc.yml needs the line '{line.strip()}'", pytrace=False)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_nothing_of_the_template_is_left(path: Path) -> None:
    text = "".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    if left := [words for words in re.findall("<[^<>]+>", TEMPLATE) if words in text]:
        pytest.fail(f"{path.name}: still to write: {', '.join(left)}", pytrace=False)


def sound() -> Any:
    """Return a notebook without a fault: text, a printed line, a value, an announced error, a picture."""
    error = new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
    picture = '<svg role="img" aria-labelledby="t"><title id="t">two boxes</title></svg>'
    cells = [
        new_markdown_cell("# A title\n\n![a cat](data/cat.png)"),
        new_code_cell("print('a')", execution_count=1, outputs=[new_output("stream", name="stdout", text="a\n")]),
        new_code_cell("x = 1\nx, x", execution_count=2, outputs=[result("(1, 1)", 2)]),
        new_code_cell(
            "raise ValueError('no')",
            execution_count=3,
            outputs=[error],
            metadata={"tags": ["raises-exception"]},
        ),
        new_code_cell("draw()", execution_count=4, outputs=[html(picture)]),
    ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number:02d}"
    return new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


def result(text: str, count: int) -> Any:
    return new_output("execute_result", data={"text/plain": text}, execution_count=count)


def html(source: str) -> Any:
    return new_output("display_data", data={"text/plain": "a picture", "text/html": source})


def at(number: int, **changes: object) -> Callable[[Any], None]:
    """Return what changes attributes of one cell."""
    return lambda notebook: notebook.cells[number].update(changes)


def add_output(number: int, output: Any) -> Callable[[Any], None]:
    return lambda notebook: notebook.cells[number].outputs.append(output)


def only_text(notebook: Any) -> None:
    del notebook.cells[1:]


def empty(notebook: Any) -> None:
    notebook.cells.clear()


def no_outputs(notebook: Any) -> None:
    for cell in notebook.cells[1:]:
        cell.outputs = []


def swapped(notebook: Any) -> None:
    notebook.cells[1], notebook.cells[2] = notebook.cells[2], notebook.cells[1]


def with_version(notebook: Any) -> None:
    notebook.metadata.language_info.version = "3.11.7"


def clocked(notebook: Any) -> None:
    notebook.cells[1].metadata["execution"] = {"iopub.execute_input": "2026-01-01T00:00:00Z"}


SWALLOW = "try:\n    raise ValueError\nexcept ValueError:\n    pass\nprint('a')"
PNG = new_output("display_data", data={"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})
SVG = new_output("display_data", data={"image/svg+xml": "<svg/>", "text/plain": "<Figure>"})
WIDGET = new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}, "text/plain": "x"})

BROKEN: dict[str, tuple[Callable[[Any], None], str]] = {
    "empty notebook": (empty, "no code cell"),
    "text alone": (only_text, "no code cell"),
    "outputs cleared": (no_outputs, "no cell has an output"),
    "unrun cell": (at(2, execution_count=None), "cell 1: not run"),
    "run out of order": (swapped, "not run from top to bottom"),
    "run twice": (at(4, execution_count=9), "not run from top to bottom"),
    "empty cell": (at(1, source=" \n"), "cell 0: an empty code cell"),
    "empty text": (at(0, source=""), "text above cell 0: an empty text cell"),
    "trailing semicolon": (at(2, source="x = 1\nx;"), "cell 1: a trailing ';'"),
    "swallowed error": (at(1, source=SWALLOW), "cell 0: swallows its error"),
    "error replaced by a word": (
        at(1, source=SWALLOW.replace("pass", "print('a')")),
        "cell 0: swallows its error",
    ),
    "suppressed error": (
        at(1, source="with suppress(ValueError):\n    raise ValueError"),
        "cell 0: swallows its error",
    ),
    "magic": (at(1, source="%matplotlib inline\nprint('a')"), "cell 0: a magic"),
    "shell line": (at(1, source="!ls"), "cell 0: a magic"),
    "ignored output": (
        at(1, metadata={"tags": ["nbval-ignore-output"]}),
        "cell 0: its output is not compared",
    ),
    "skipped cell": (at(1, source="# NBVAL_SKIP\nprint('a')"), "cell 0: its output is not compared"),
    "long line": (at(1, source="print('a')  # " + "a" * 70), "cell 0: a line of 84 columns"),
    "clock": (clocked, "cell 0: metadata.execution"),
    "Python's version": (with_version, "language_info.version"),
    "announced error missing": (at(3, outputs=[]), "cell 2: tagged raises-exception"),
    "error not announced": (at(3, metadata={}), "cell 2: stores ValueError"),
    "value not stored": (at(2, outputs=[]), "cell 1: ends in a value"),
    "stderr": (add_output(1, new_output("stream", name="stderr", text="oh")), "cell 0: stores stderr"),
    "PNG": (add_output(1, PNG), "cell 0: stores image/png"),
    "widget": (add_output(1, WIDGET), "cell 0: stores a widget"),
    "bare SVG": (add_output(1, SVG), "cell 0: stores a bare SVG"),
    "machine path": (add_output(1, result("/home/me/x.py", 1)), "cell 0: holds a path of a machine"),
    "Windows path": (add_output(1, result(r"C:\Users\me", 1)), "cell 0: holds a path of a machine"),
    "path in an error": (
        at(3, outputs=[new_output("error", ename="E", evalue="", traceback=["File /usr/lib/x.py"])]),
        "cell 2: holds a path of a machine",
    ),
    "address": (add_output(1, result("<object object at 0x7f00aa>", 1)), "cell 0: holds an object's address"),
    "picture without words": (add_output(4, html("<img src='data:,'>")), "cell 3: an <img> has no text"),
    "markdown picture without words": (
        at(0, source="![](data/cat.png)"),
        "text above cell 0: the picture 'data/cat.png'",
    ),
    "nameless SVG": (add_output(4, html("<svg></svg>")), "cell 3: an <svg> needs"),
    "nameless object": (add_output(4, html("<object data='data:image/svg+xml,x'></object>")), "cell 3: an <object>"),
    "object from outside": (
        add_output(4, html("<object aria-label='a' data='https://example.org/a'></object>")),
        "cell 3: an <object>",
    ),
    "script": (add_output(4, html("<script>1</script>")), "cell 3: an output holds <script>"),
    "picture from outside": (
        add_output(4, html('<img alt="a" src="https://example.org/a.svg">')),
        "cell 3: a picture is fetched",
    ),
}


def test_the_sound_notebook_is_sound(tmp_path: Path) -> None:
    nbformat.write(sound(), tmp_path / "sound.ipynb")
    assert faults(tmp_path / "sound.ipynb") == []


@pytest.mark.parametrize("name", BROKEN)
def test_each_rule_can_fail(name: str, tmp_path: Path) -> None:
    breaks, message = BROKEN[name]
    notebook = sound()
    breaks(notebook)
    nbformat.write(notebook, tmp_path / "broken.ipynb")
    found = faults(tmp_path / "broken.ipynb")
    assert any(message in fault for fault in found), found
    assert all(fault.startswith("broken.ipynb") for fault in found)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 3}', "\x00\x01"])
def test_a_broken_file_is_one_clear_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "broken.ipynb").write_text(content)
    (fault,) = faults(tmp_path / "broken.ipynb")
    assert fault.startswith("broken.ipynb: cannot be read as a notebook: ")
    assert "\n" not in fault


def test_an_ignored_output_with_its_reason_is_allowed(tmp_path: Path) -> None:
    notebook = sound()
    notebook.cells[1].metadata["tags"] = ["nbval-ignore-output"]
    notebook.cells[1].source = "# output ignored because it is a time\nprint('a')"
    nbformat.write(notebook, tmp_path / "sound.ipynb")
    assert faults(tmp_path / "sound.ipynb") == []
