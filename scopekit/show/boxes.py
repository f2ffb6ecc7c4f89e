"""Nested boxes, and the folding that keeps them few: the shape behind the tree, the picture and the page.

In: names with their scopes (``image_filters/conv1/weights``). Out: a `Box` for each scope and each name, and,
where there are too many, boxes that say how many are left out.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scopekit.show.text import clean

# A name may hold a million slashes; below this depth the rest of it is one name.
DEEPEST = 32


@dataclass(eq=False, slots=True)
class Box:
    """A scope, a name in it (`leaf`), or what stands for the boxes that are left out (`hidden`)."""

    name: str
    leaf: bool = False
    total: int = 0
    """Names in it."""
    shared: int = 0
    note: str = ""
    """What is said of it beside its name; `title` is said when the mouse rests on it."""
    title: str = ""
    high: int = 0
    """Its height in a picture."""
    size: int = 0
    """Boxes in it."""
    build: int = 0
    """Equal for boxes that differ in the digits of their names alone."""
    who: object = None
    """Who reads it, or the call that it is of, where that is one answer for all that is shared in it, or for all."""
    like: str = ""
    inside: dict[str, Box] = field(default_factory=dict)
    shown: Sequence[Box] = ()
    """The boxes drawn in it: none in a folded scope."""
    hidden: Sequence[Box] = ()
    face: Box | None = None
    """The box that is drawn for this one: itself, or the folded one around it."""

    def scope(self, parts: Iterable[str]) -> Box:
        """Return the scope that `parts` lead to; it is made where it is missing."""
        box = self
        for part in parts:
            # A scope and a leaf of one name are two boxes.
            key = part + "/"
            if key not in box.inside:
                box.inside[key] = Box(part)
            box = box.inside[key]
        return box

    def add(self, path: str, shared: bool, note: str = "") -> Box:
        """Return the leaf `path`; it is made where it is missing."""
        *scopes, last = path.split("/", DEEPEST)
        leaf = self.scope(scopes).inside.setdefault(last, Box(last, True, 1, 0, note))
        leaf.shared |= shared
        return leaf

    @property
    def label(self) -> str:
        """What stands in the box: its name, or how many boxes it stands for."""
        like = f" like {clean(self.like)}" if self.like else ""
        return f"… {len(self.hidden):,} more{like}" if self.hidden else clean(self.name) or '""'


def measure(box: Box, builds: dict[tuple[object, ...], int] | None = None) -> None:
    """Fill in, once the forest is whole, what each box holds: `total`, `shared`, `size`, `build` and `who`."""
    builds = {} if builds is None else builds
    for inner in box.inside.values():
        measure(inner, builds)
        box.total += inner.total
        box.shared += inner.shared
        box.size += 1 + inner.size
    inside = tuple(inner.build for inner in box.inside.values())
    key = re.sub(r"\d+", "0", box.name), box.leaf, box.shared > 0, inside
    box.build = builds.setdefault(key, len(builds))
    answers = {inner.who for inner in box.inside.values() if inner.shared or not box.shared}
    if len(answers) > 1:
        answers.discard(())  # of what nobody reads
    if answers:
        box.who = answers.pop() if len(answers) == 1 else None


def fold(root: Box, room: int, deepest: int = DEEPEST, gathered: bool = False) -> None:
    """Choose what is shown: at most `room` boxes. One level after another is opened, all its scopes alike.

    Where there is not room for all, brothers built alike (``layer_0`` … ``layer_11``) are shown once, scopes with
    shared variables are opened before others, and what a scope has no room for is counted. `gathered` keeps the
    scopes closed whose insides have one answer to the question who reads them.
    """
    tight, level = root.size > room, [root]
    for _ in range(deepest):
        inner = {box: _alike(list(box.inside.values())) if tight else list(box.inside.values()) for box in level}
        for group in ([box for box in level if box.shared], [box for box in level if not box.shared]):
            most = max((len(inner[box]) for box in group), default=0)
            # The most boxes that each scope of the group can show, so that two calls of one function look alike.
            cap = bisect_right(range(most + 1), room, key=lambda n: sum(min(len(inner[box]), n) for box in group)) - 1
            for box in group:
                if len(inner[box]) <= cap or cap > 2 or box is root:
                    box.shown = _first(inner[box], max(cap, 1))
                    room -= len(box.shown)
        level = [each for box in level for each in box.shown if each.inside]
        level = [each for each in level if each.who is None] if gathered else level
    _settle(root, None)


def _more(hidden: list[Box], like: str = "") -> Box:
    total, shared = sum(each.total for each in hidden), sum(each.shared for each in hidden)
    return Box("", total=total, shared=shared, hidden=hidden, like=like)


def _alike(boxes: list[Box]) -> list[Box]:
    """Leave out all but the first of four or more boxes that are built alike."""
    alike: dict[int, list[Box]] = {}
    for box in boxes:
        alike.setdefault(box.build, []).append(box)
    kept = []
    for box in boxes:
        same = alike[box.build]
        if len(same) < 4:
            kept.append(box)
        elif box is same[0]:
            kept += [box, _more(same[1:], box.name)]
    return kept


def _first(boxes: list[Box], room: int) -> list[Box]:
    """Keep as many boxes as there is room for, those with shared variables before others; count the rest."""
    if len(boxes) <= room:
        return boxes
    ranked = sorted(range(len(boxes)), key=lambda i: (not boxes[i].shared, i))
    left_out = [boxes[i] for i in sorted(ranked[room - 1 :])]
    hidden = [each for box in left_out for each in box.hidden or [box]]
    return [*(boxes[i] for i in sorted(ranked[: room - 1])), _more(hidden)]


def _settle(box: Box, face: Box | None) -> None:
    box.face = face or box
    for inner in box.shown if face is None else ():
        for hidden in inner.hidden:
            _settle(hidden, inner)
        _settle(inner, None)
    for inner in box.inside.values() if face is not None or not box.shown else ():
        _settle(inner, box.face)
