"""The form that every chapter's notebook keeps: what nbval does not look at, or passes over in silence.

In: a notebook file. Out: its faults, each naming the notebook and the cell; none when it is sound. Cells with code
are counted from 0, as nbval counts them: cell 4 is Jupyter's [5]. Text is named by the code below it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat

Cell = Any  # nbformat's own node: a dictionary whose keys are attributes too

MACHINE_PATH = re.compile(
    r"(?<![\w.:/-])/(?:home|root|Users|tmp|work|usr|opt|private|var/folders|mnt|content)/[\w.-]"
    r"|\b[A-Za-z]:\\\\?(?:Users|Windows|Program)|site-packages|<ipython-input|ipykernel_\d+"
)
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{4,}|object at 0x")
WIDEST = 79  # columns of code that the page shows without scrolling, at desk width
IGNORED_OUTPUT = re.compile(r"nbval-ignore-output|nbval-skip|NBVAL_IGNORE_OUTPUT|NBVAL_SKIP|PYTEST_VALIDATE_IGNORE")
REASON = re.compile(r"#\s*output ignored because \w+", re.IGNORECASE)
RASTER = ("image/png", "image/jpeg", "image/gif")


def faults(path: Path) -> list[str]:
    """Return what is wrong with the form of one notebook, a line each; an empty list when nothing is."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # each way of being no notebook is one fault
        reason = (str(error).splitlines() or [repr(error)])[0][:200]
        return [f"{path.name}: cannot be read as a notebook: {reason}"]
    found = [f"{path.name}: {fault}" for fault in _notebook_faults(notebook)]
    number = 0
    for cell in notebook.cells:
        is_code = cell.cell_type == "code"
        place, check = (f"cell {number}", _code_faults) if is_code else (f"text above cell {number}", _text_faults)
        found += [f"{path.name}, {place}: {fault}" for fault in check(cell)]
        number += is_code
    return list(dict.fromkeys(found))


def _notebook_faults(notebook: Any) -> Iterator[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not code:
        yield "no code cell; a page without one is a .md file"
    if not any(cell.outputs for cell in code):
        yield "no cell has an output; nothing here is proved"
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(code) + 1)):
        yield f"not run from top to bottom in one go: counts {counts}; run `make refresh`"
    if notebook.metadata.get("language_info", {}).get("version"):
        yield "language_info.version differs from machine to machine; run `make refresh`"


def _code_faults(cell: Cell) -> Iterator[str]:
    tags = cell.metadata.get("tags", [])
    source = cell.source
    if not source.strip():
        yield "an empty code cell"
    if cell.execution_count is None:
        yield "not run (nbval passes over it in silence); run `make refresh`"
    if wide := [line for line in source.splitlines() if len(line) > WIDEST]:
        yield f"a line of {len(wide[0])} columns, over {WIDEST}, runs off the page: {wide[0].strip()[:40]!r}…"
    if source.rstrip().endswith(";"):
        yield "a trailing ';' hides the output in Jupyter, not under nbval"
    try:
        program = ast.parse(source)
    except SyntaxError:  # a cell that shows one is announced, and nbval compares it
        program = ast.Module([], [])
    if any(_swallows(node) for node in ast.walk(program)):
        yield "swallows its error; let it raise, and tag the cell raises-exception"
    if re.search(r"^\s*%|^\s*!", source, re.MULTILINE):
        yield "a magic or a shell line; nbval passes an unknown one and runs nothing after it"
    if IGNORED_OUTPUT.search(" ".join([*tags, source])) and not REASON.search(source):
        yield "its output is not compared; say '# output ignored because …' in the cell, or let it be"
    if "execution" in cell.metadata:
        yield "metadata.execution holds clock times; run `make refresh`"
    errors = [output for output in cell.outputs if output.output_type == "error"]
    if "raises-exception" in tags and not errors:
        yield "tagged raises-exception, but no error is stored"
    if errors and "raises-exception" not in tags:
        yield f"stores {errors[0].ename}, but is not tagged raises-exception"
    if not cell.outputs and _shows(program):
        yield "ends in a value, but stores no output"
    for output in cell.outputs:
        yield from _output_faults(output)


def _swallows(node: ast.AST) -> bool:
    """Return whether `node` takes an error away unseen: a handler that neither raises nor names it."""
    if isinstance(node, ast.ExceptHandler):
        inside = [inner for statement in node.body for inner in ast.walk(statement)]
        names = {inner.id for inner in inside if isinstance(inner, ast.Name)}
        return not any(isinstance(inner, ast.Raise) for inner in inside) and node.name not in names
    return isinstance(node, ast.Name | ast.Attribute) and "suppress" in (
        getattr(node, "id", getattr(node, "attr", "")),
    )


def _shows(program: ast.Module) -> bool:
    """Return whether the cell ends in a value that a kernel always shows: one that cannot be None."""
    if not program.body or not isinstance(program.body[-1], ast.Expr):
        return False
    return isinstance(
        program.body[-1].value, ast.Tuple | ast.List | ast.Dict | ast.Compare | ast.JoinedStr | ast.ListComp
    )


def _output_faults(output: Any) -> Iterator[str]:
    if output.output_type == "stream" and output.name == "stderr":
        yield f"stores stderr: {output.text.strip()[:80]!r}"
    data = output.get("data", {})
    for kind in RASTER:
        if kind in data:
            yield f"stores {kind}, which nbval does not compare; show an SVG, or photos of drawing.py"
    if "application/vnd.jupyter.widget-view+json" in data:
        yield "stores a widget, which differs from run to run"
    if "image/svg+xml" in data and "text/html" not in data:
        yield "stores a bare SVG, whose text alternative the page loses; bring it as text/html"
    texts = [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", [])]
    texts += [value for kind, value in data.items() if kind.startswith("text/") or kind == "image/svg+xml"]
    for text in texts:
        if hit := MACHINE_PATH.search(text):
            yield f"holds a path of a machine: {text[max(0, hit.start() - 20) : hit.end() + 40]!r}"
        if hit := ADDRESS.search(text):
            yield f"holds an object's address: {text[max(0, hit.start() - 40) : hit.end()]!r}"
    yield from _picture_faults(data.get("text/html", ""))


def _text_faults(cell: Cell) -> Iterator[str]:
    if not cell.source.strip():
        yield "an empty text cell"
    for alternative, target in re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", cell.source):
        if not alternative.strip():
            yield f"the picture {target!r} has no text alternative"
    yield from _picture_faults(cell.source)


class _Pictures(HTMLParser):
    """Collects the pictures of a piece of HTML that have no text alternative, and what leaves the page."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if tag == "img" and not (has.get("alt") or "").strip():
            self.faults.append("an <img> has no text alternative")
        if tag == "svg" and has.get("aria-hidden") != "true":
            named = has.get("aria-labelledby") or has.get("aria-label")
            if has.get("role") != "img" or not named:
                self.faults.append('an <svg> needs role="img" and a name (aria-labelledby or aria-label)')
        if tag == "object" and not ((has.get("data") or "").startswith("data:image/") and has.get("aria-label")):
            self.faults.append("an <object> needs a picture's data address and an aria-label")
        if tag in ("script", "iframe", "link", "embed"):
            self.faults.append(f"an output holds <{tag}>")
        if tag == "img" and re.match(r"(?:https?:)?//", has.get("src") or ""):
            self.faults.append(f"a picture is fetched from outside: {has['src']!r}")


def _picture_faults(html: str) -> Iterator[str]:
    parser = _Pictures()
    parser.feed(html)
    yield from parser.faults
