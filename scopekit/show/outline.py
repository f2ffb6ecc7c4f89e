"""The scope tree as text and as HTML: variables in their variable scopes, ops in their name scopes.

In: a `Sharing`. Out: an `Outline`. The ops that belong to a variable (its initializer, its reads) are counted and
not listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scopekit.graph import ScopeGraph
from scopekit.sharing import Sharing, sharing_of
from scopekit.show.boxes import DEEPEST, Box, fold, measure
from scopekit.show.text import clean, count, esc, listed, read_from, rows, shape


@dataclass(frozen=True)
class Outline:
    """Two trees, folded: text where text is shown, HTML that unfolds in a notebook."""

    forests: tuple[tuple[str, Box], ...]

    def __str__(self) -> str:
        return "\n".join(line for title, root in self.forests for line in (clean(title), *_lines(root, "")))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        # A small tree is shown unfolded.
        trees = "".join(_details(title, root, root.size <= 40) for title, root in self.forests)
        return f'<div style="font-family:monospace;white-space:pre-wrap">{trees}</div>'


def tree(g: ScopeGraph | object | None = None, boxes: int | None = 100) -> Outline:
    """Show the variables in their variable scopes, and the ops in their name scopes.

    Args:
        g: a `ScopeGraph`, or what `scopekit.read` takes; the current graph where it is left out.
        boxes: how many lines at most; the rest is counted (``… 11 more like layer_0``). None: all of them.

    Returns:
        An object that prints as text and unfolds in a notebook. Numbers count what is below; S marks the shared.

    Raises:
        ScopekitError: if `g` cannot be read.

    >>> from scopekit.graph import Read, ScopeGraph, Variable
    >>> w = Variable("net/w", "resource", (2, 3), "float32", True)
    >>> ops, read = ("net/w", "net/w/Assign", "net/MatMul"), Read("net/w", "net/MatMul", "forward")
    >>> tree(ScopeGraph("a graph", ops, ("VarHandleOp", "AssignVariableOp", "MatMul"), (w,), (read,)))
    1 variable, by its name
    └─ net  1
       └─ w  2×3  read by net
    1 op in name scopes, and 2 that belong to variables
    └─ net  1  (MatMul)
    """
    sharing, variables, ops = sharing_of(g), Box(""), Box("")
    shown = rows(sharing)
    for each in shown:
        note = f"  {shape(each.variable)}  {'S ' if each.shared else ''}read by {read_from(each)}"
        variables.add(each.variable.name, each.shared, note)
    own = _scopes(sharing, ops)
    forests = []
    for root in (variables, ops):
        measure(root)
        fold(root, root.size if boxes is None else max(boxes // 2, 1))
    slots = len(sharing.readers) - len(shown)
    left_out = f", and {count(slots, 'variable')} of the optimizer's" if slots else ""
    if sharing.readers:
        names = "its name" if len(shown) == 1 else "their names"
        forests.append((f"{count(len(shown), 'variable')}, by {names}{left_out}", variables))
    belong = f", and {own:,} that belong to variables" if own else ""
    forests.append((f"{count(ops.total, 'op')} in name scopes{belong}{ops.note}", ops))
    return Outline(tuple(forests))


def _scopes(sharing: Sharing, root: Box) -> int:
    """Put the ops into their scopes, and return how many were left out because they belong to a variable."""
    names = {each.variable.name for each in sharing.readers}
    boxes: dict[str, Box | None] = {}
    direct: dict[Box, list[str]] = {}
    own = 0
    for op, type_ in zip(sharing.graph.ops, sharing.graph.types, strict=True):
        scope, _, last = op.rpartition("/")
        mine = type_ == "ReadVariableOp" or op in names
        if scope not in boxes and not mine:
            parts = scope.split("/", DEEPEST) if scope else []
            owned = any("/".join(parts[:i]) in names for i in range(1, len(parts) + 1))
            boxes[scope] = None if owned else root.scope(parts)
        box = None if mine else boxes[scope]
        if box is None:
            own += 1
        else:
            box.total += 1
            direct.setdefault(box, []).append(last)
    for box, found in direct.items():
        box.note = f"  ({listed(found, 4)})"
    return own


def _line(box: Box) -> str:
    """Return a box in words: a variable and its readers, a scope and how much is in it."""
    if box.leaf:
        return f"{box.label}{box.note}"
    held = f"  {box.total:,}" + (f", S {box.shared:,}" if box.shared else "") if box.total else ""
    return f"{box.label}{held}{box.note}"


def _lines(box: Box, indent: str) -> Iterator[str]:
    for i, inner in enumerate(box.shown):
        last = i == len(box.shown) - 1
        yield f"{indent}{'└─ ' if last else '├─ '}{_line(inner)}"
        yield from _lines(inner, indent + ("   " if last else "│  "))


def _details(line: str, box: Box, unfolded: bool, top: bool = True) -> str:
    if not box.shown:
        return f"<div>{esc(line, 500)}</div>"
    inside = "".join(_details(_line(inner), inner, unfolded, False) for inner in box.shown)
    mark = " open" if top or unfolded else ""
    return f'<details{mark}><summary>{esc(line, 500)}</summary><div style="margin-left:1.2em">{inside}</div></details>'
