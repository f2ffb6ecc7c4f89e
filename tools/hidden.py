"""Say of each hidden cell what it hides: a solution, the proof of a chapter's key points, or code.

In: the pages while Sphinx reads them. Out: the same pages; the line *Solution* above a hidden cell becomes the words on
which one clicks. Sphinx loads this as an extension.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.transforms import SphinxTransform


def label(document: nodes.document) -> None:
    """Give each hidden cell of `document` its words."""
    for cell in list(document.findall(nodes.container)):
        if cell.get("hide_mode"):
            what = _what(cell)
            cell["prompt_show"], cell["prompt_hide"] = f"Show {what}", f"Hide {what}"


def _what(cell: nodes.container) -> str:
    before = cell.previous_sibling()
    if isinstance(before, nodes.paragraph) and before.astext() == "Solution":
        cell.parent.remove(before)
        return "the solution"
    if cell["hide_mode"] == "output":
        return "what it prints"
    if isinstance(cell.parent, nodes.section) and cell.parent[0].astext() == "Key points":
        return "the cell that checks these points"
    return "the code"


class HiddenCells(SphinxTransform):
    """Labels the cells of each chapter."""

    default_priority = 850

    def apply(self, **kwargs: Any) -> None:
        """Label the hidden cells of the page that is being read."""
        label(self.document)


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx when to call us, and that pages may be read side by side."""
    app.add_transform(HiddenCells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
