"""The picture: variables in their scopes, ops in theirs, and a curve from each variable to each call.

In: a `Sharing`. Out: SVG or DOT, and the same in words; the same graph gives the same bytes on every machine.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from scopekit.graph import ScopeGraph, ScopekitError
from scopekit.sharing import Readers, below, sharing_of
from scopekit.show.boxes import Box, fold, measure
from scopekit.show.text import clean, count, esc, read_from, rows, shape, shorten, who_reads

# In CSS pixels. No font is measured: a letter of a monospace font is at most 0.61 of its size wide.
ROW, HEAD, GAP, PAD, EDGE, GUTTER, TOP = 24, 26, 4, 8, 10, 70, 52
LETTER, SMALL, BADGE = 8.6, 7.4, 22
NARROW, WIDE, DEEP = 132, 284, 6

# The drawing brings its background, and two colours for each thing: light and, where the page says so, dark.
_STYLE = """
.sk text{font:14px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1f2328}.sk .h{font-weight:bold}
.sk .t{font-size:12px;fill:#57606a}.sk .w{font-weight:bold;fill:#fff;text-anchor:middle}.sk .bg,.sk .l{fill:#fff}
.sk .b{fill:#57606a;fill-opacity:.07}.sk .b,.sk .l{stroke:#8c959f}.sk .n{stroke-dasharray:2 3}
.sk .k{stroke:#1f2328;stroke-width:2}.sk path{fill:none;stroke:#6e7781;stroke-dasharray:5 4}.sk .m{fill:#b7330b}
.sk .s .l{stroke:#b7330b;stroke-width:2}.sk .s path{stroke:#b7330b;stroke-width:2.5;stroke-dasharray:none}
.sk:has(.v:hover) .v:not(:hover) path{opacity:.15}.sk .v:hover path{stroke-width:4}
.sk:root{color-scheme:light dark}.sk text{fill:light-dark(#1f2328,#e6edf3)}.sk .t{fill:light-dark(#57606a,#a9b1ba)}
.sk .bg,.sk .l,.sk .w{fill:light-dark(#fff,#161b22)}.sk .b{fill:light-dark(#57606a,#a9b1ba)}
.sk .b,.sk .l{stroke:light-dark(#8c959f,#6e7781)}.sk .k{stroke:light-dark(#1f2328,#e6edf3)}
.sk path{stroke:light-dark(#6e7781,#8c959f)}.sk .m{fill:light-dark(#b7330b,#ff9e64)}
.sk .s path,.sk .s .l{stroke:light-dark(#b7330b,#ff9e64)}
"""


@dataclass(frozen=True)
class Picture:
    """A drawing (`svg`, `width` units wide), and what it shows in words (`text`)."""

    svg: str
    text: str
    width: int

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        # The book and a trusted notebook show the inline SVG: real text, tooltips, hover, the page's light or dark.
        # A notebook that is not trusted loses <style> and <svg>: the bare words left of it stay hidden, and the
        # <img> shows. An output of image/svg+xml would be refused there, and loses its words in the book.
        # The book's theme lays a light box behind each output in dark mode; this one brings its own background.
        html = (
            '<div style="overflow-x:auto"><style>'
            ".sk-live{height:auto!important;visibility:visible!important;overflow:visible!important}"
            ".sk-still{display:none!important}.text_html:has(.sk-live){background:none!important}</style>"
            f'<div class="sk-live" style="height:0;overflow:hidden;visibility:hidden">{self.svg}</div>'
            f'<img class="sk-still" alt="{_line(self.text)}" width="{self.width}" style="{_size(self.width)}" '
            f'src="data:image/svg+xml,{quote(self.svg)}"></div>'
        )
        return {"text/plain": self.text, "text/html": html}


def _line(words: str) -> str:
    return esc(" ".join(words.split()), 4000)


def _size(width: int) -> str:
    """Return the style that shrinks a drawing to its page, but not its letters below 8.5 px: then it scrolls."""
    return f"max-width:100%;min-width:{width * 71 // 100}px;height:auto"


def _plan(
    shown: list[Readers], boxes: int | None, gathered: bool = False
) -> tuple[Box, Box, list[tuple[Box, Box, bool]]]:
    """Choose what is drawn: at most `boxes` boxes, half of them on each side where both are full.

    Where their curves would be a tangle, variables with the same readers are gathered in their scopes, and the ops
    of one call in its box. Returns the variables' forest, the ops' forest, and the curves: from, to, whether shared.
    """
    if boxes is not None and boxes < 2:
        raise ScopekitError(f"boxes is {boxes!r}; a picture needs 2 or more (None draws them all)")
    left, right, pairs = Box(""), Box(""), []
    for each in shown:
        start = left.add(each.variable.name, each.shared, shape(each.variable))
        start.title = f"{clean(each.variable.name)} {shape(each.variable)}, read by {read_from(each)}"
        start.who = tuple(call.name for call in each.calls)
        for call in each.calls:
            # One curve to each call: of the ops that read in it, to the first.
            end = right.add(call.ops[0] if call.ops else call.name, each.shared)
            end.who = call.name
            pairs.append((start, end, each.shared))
    measure(left)
    measure(right)
    room = left.size + right.size if boxes is None else boxes
    of_left = min(left.size, max(room // 2, room - right.size))
    fold(left, of_left, DEEP, gathered)
    fold(right, room - of_left, DEEP, gathered)
    curves = dict.fromkeys((start.face or start, end.face or end, shared) for start, end, shared in pairs)
    tangled = boxes is not None and 3 * sum(shared for *_, shared in curves) > boxes
    return _plan(shown, boxes, True) if tangled and not gathered else (left, right, list(curves))


def _cells(text: str) -> int:
    """Return the width of `text` in letters; what is not ASCII may be twice as wide, and fonts disagree."""
    return len(text) if text.isascii() else sum(1 if letter < "\x7f" or letter in "×…" else 2 for letter in text)


def _tag(box: Box, what: str) -> str:
    """Return what stands at the right of a box: a variable's shape, or how much a folded box holds."""
    return "" if box.shown else box.note if box.leaf else count(box.total, what)


def _wish(box: Box, what: str) -> float:
    """Return the width that a box would like to have."""
    label = _cells(box.label) * LETTER + (_cells(_tag(box, what)) + 1) * SMALL + 2 * EDGE + BADGE * (box.shared > 0)
    return max([label + 1, *(_wish(inner, what) + 2 * PAD for inner in box.shown)])


def _high(box: Box) -> int:
    if not box.high:
        box.high = HEAD + sum(_high(inner) + GAP for inner in box.shown) + PAD - GAP if box.shown else ROW
    return box.high


# A box, its full name, and its place: x, y, width.
_Place = tuple[Box, str, int, int, int]


def _lay(boxes: Sequence[Box], x: int, y: int, w: int, path: str = "") -> list[_Place]:
    places = []
    for box in boxes:
        full = box.label if box.hidden else path + clean(box.name)
        places += [(box, full, x, y, w), *_lay(box.shown, x + PAD, y + HEAD, w - 2 * PAD, full + "/")]
        y += _high(box) + GAP
    return places


def _frame(place: _Place, what: str, style: str) -> str:
    """Return one box: its frame, its name, its tag, and the letter S where a shared variable is in it."""
    box, full, x, y, w = place
    label, tag, badge = box.label, _tag(box, what), BADGE if box.shared and not box.shown else 0
    on_left = badge if what == "op" else 0
    room = w - 2 * EDGE - badge
    # The name goes before the tag, which the tooltip has too.
    if room < (_cells(tag) + 1) * SMALL + min(_cells(label), 99 if box.hidden else 14) * LETTER:
        tag = ""
    if box.hidden and _cells(label) * LETTER > room:
        label = label.partition(" like ")[0]
    cells = fit = max(int((room - (_cells(tag) + 1) * SMALL * bool(tag)) / LETTER), 1)
    while _cells(short := shorten(label, cells)) > fit and cells > 1:
        cells -= 1
    parts = [f'<rect class="{style}" x="{x}" y="{y}" width="{w}" height="{_high(box)}" rx="4"/>']
    parts += [_badge(x + 4 if on_left else x + w - BADGE, y + 3)] if badge else []
    parts.append(f'<text class="{"h" if box.shown else "f"}" x="{x + EDGE + on_left}" y="{y + 17}">{esc(short)}</text>')
    if tag:
        end = x + w - EDGE - badge + on_left
        parts.append(f'<text class="t" x="{end}" y="{y + 17}" text-anchor="end">{esc(tag)}</text>')
    title = box.title or (full if box.leaf else f"{full}: {count(box.total, what)}")
    return "".join([*parts, f"<title>{esc(title, 900)}</title>"])


def _badge(x: int, y: int) -> str:
    frame = f'<rect class="m" x="{x}" y="{y}" width="18" height="18" rx="3"/>'
    return f'{frame}<text class="w" x="{x + 9}" y="{y + 14}">S</text>'


def _legend(shown: list[Readers], y: int) -> tuple[str, int]:
    """Return what the signs mean, with how many there are, and where they end."""
    shared, unread = sum(each.shared for each in shown), sum(not each.calls for each in shown)
    private = len(shown) - shared - unread
    one_value = any(each.kind == "one value" for each in shown)
    why = "several calls, or one value" if one_value else "read by two or more calls"
    line, sign = f'<path d="M{EDGE + 24} 9h30"/>', f'x="{EDGE + 1}" y="2" width="52" height="14" rx="3"'
    signs = [(f'<g class="s">{_badge(EDGE, 0)}{line}</g>', f"{shared:,} shared: {why}")]
    signs += [(line, f"{private:,} private: read by one call")] if private else []
    signs += [(f'<rect class="l n" {sign}/>', f"{unread:,} read by no call")] if unread else []
    signs += [(f'<rect class="b k" {sign}/>', "a call")] if unread < len(shown) else []
    drawn = ""
    for i, (sign, words) in enumerate(signs):
        text = f'<text class="t" x="{EDGE + 62}" y="13">{words}</text>'
        drawn += f'<g transform="translate(0 {y + 22 * i})">{sign}{text}</g>'
    return drawn, y + 22 * len(signs) + 6


def picture(g: ScopeGraph | object | None = None, boxes: int | None = 40) -> Picture:
    """Draw variables in their scopes, ops in theirs, and a curve from each variable to each call that reads it.

    Args:
        g: a `ScopeGraph`, or what `scopekit.read` takes; the current graph where it is left out.
        boxes: how many boxes at most; what is left out is counted in the picture. None: all of them. Where the
            curves of the shared would be more than a third as many, variables with the same readers are one box.

    Returns:
        A `Picture`: a notebook shows it; `svg` is the drawing, `text` says the same in words.

    Raises:
        ScopekitError: if `g` cannot be read, or `boxes` is less than 2.

    >>> from scopekit.graph import Read, ScopeGraph, Variable
    >>> w = Variable("net/w", "resource", (2, 3), "float32", True)
    >>> reads = (Read("net/w", "net/MatMul", "forward"), Read("net/w", "net_1/MatMul", "forward"))
    >>> picture(ScopeGraph("a graph", ("net/MatMul", "net_1/MatMul"), ("MatMul", "MatMul"), (w,), reads))
    Who reads which variable in a graph: 1 variable, 2 calls
    S 1 variable read by both net and net_1 (called again):
        net/w  2×3
    """
    sharing = sharing_of(g)
    shown = rows(sharing)
    left, right, curves = _plan(shown, boxes)
    calls = {call.name: False for each in shown for call in each.calls}
    calls |= {call.name: True for each in shown if each.shared for call in each.calls}
    # The outermost scope, by which a private variable's call is named, may hold the calls that are looked for.
    names = sorted(calls)
    framed = {clean(name) for name, of_shared in calls.items() if of_shared or not below(names, name)}
    wide = int(min(WIDE, max([NARROW, *(_wish(box, "variable") for box in left.shown)])))
    far = EDGE + wide + GUTTER
    wide_right = int(min(WIDE, max([NARROW, *(_wish(box, "op") for box in right.shown)])))
    width = far + wide_right + EDGE
    high, high_right = (sum(_high(box) + GAP for box in side.shown) for side in (left, right))
    tall = max(high, high_right, ROW)
    lefts = _lay(left.shown, EDGE, TOP + (tall - high) // 2, wide)
    rights = _lay(right.shown, far, TOP + (tall - high_right) // 2, wide_right)

    starts = {box: (x + w, y + ROW // 2) for box, _, x, y, w in lefts}
    ends = {box: (x, y + ROW // 2) for box, _, x, y, _ in rights}
    drawn: dict[Box, dict[bool, str]] = {box: {True: "", False: ""} for box, *_ in lefts}
    for start, end, shared in curves:
        (x, y), (to_x, to_y) = starts[start], ends[end]
        middle = (x + to_x) // 2
        drawn[start][shared] += f'<path d="M{x} {y}C{middle} {y} {middle} {to_y} {to_x} {to_y}"/>'
    back, front = [], []
    for place in rights:
        box, full = place[:2]
        style = ("b" if box.shown else "l n" if box.hidden else "l") + (" k" if full in framed else "")
        back.append(f'<g class="{"s" if box.shared and not box.shown else "p"}">{_frame(place, "op", style)}</g>')
    for place in lefts:
        box, of = place[0], drawn[place[0]]
        if box.shown:
            back.append(f"<g>{_frame(place, 'variable', 'b')}</g>")
            continue
        part = _frame(place, "variable", "l" if of[True] or of[False] else "l n")
        front.append(f'<g class="v">{of[False]}<g class="{"s" if box.shared else "p"}">{of[True]}{part}</g></g>')

    legend, bottom = _legend(shown, TOP + tall + 8)
    title = f"Who reads which variable in {clean(sharing.graph.source)}"
    words = [f"{title}: {count(len(shown), 'variable')}, {count(len(calls), 'call')}", *who_reads(shown)]
    empty = "" if shown else f'<text class="t" x="{EDGE}" y="{TOP + 17}">no variables</text>'
    body = (
        f"<title>{esc(title)}</title><desc>{_line(' '.join(words))}</desc><style>{_STYLE}</style>"
        f'<rect class="bg" width="{width}" height="{bottom}"/><text class="h" x="{EDGE}" y="20">variables</text>'
        f'<text class="t" x="{EDGE}" y="38">in variable scopes</text>'
        f'<text class="t" x="{far - PAD}" y="20" text-anchor="end">read by →</text>'
        f'<text class="h" x="{far}" y="20">ops</text><text class="t" x="{far}" y="38">in name scopes</text>'
        f"{empty}{''.join(back + front)}{legend}"
    )
    # Two pictures of one page need ids of their own, and the same picture the same ids everywhere.
    mark = f"sk-{zlib.crc32(body.encode()):08x}"
    body = body.replace("<title>", f'<title id="{mark}-t">', 1).replace("<desc>", f'<desc id="{mark}-d">', 1)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="sk" role="img" aria-labelledby="{mark}-t {mark}-d" '
        f'viewBox="0 0 {width} {bottom}" width="{width}" height="{bottom}" style="{_size(width)}">{body}</svg>\n'
    )
    return Picture(svg, "\n".join(words), width)


def dot(g: ScopeGraph | object | None = None, boxes: int | None = None) -> str:
    """Return what `picture` draws as DOT text, for those who want another layout: ``dot -Tsvg``.

    Args:
        g: a `ScopeGraph`, or what `scopekit.read` takes; the current graph where it is left out.
        boxes: as for `picture`.

    Raises:
        ScopekitError: if `g` cannot be read, or `boxes` is less than 2.

    >>> from scopekit.graph import Read, ScopeGraph, Variable
    >>> w = Variable("w", "resource", (2, 3), "float32", True)
    >>> print(dot(ScopeGraph("a graph", ("MatMul",), ("MatMul",), (w,), (Read("w", "MatMul", "forward"),))))
    digraph {
    rankdir=LR; node [shape=box];
    n0 [label="w"];
    n1 [label="MatMul"];
    n0 -> n1 [style=dashed];
    }
    """
    left, right, curves = _plan(rows(sharing_of(g)), boxes)
    names: dict[Box, str] = {}

    def nodes(box: Box) -> list[str]:
        name = names[box] = f"n{len(names)}"
        text = (box.label + (" S" if box.shared and not box.shown else "")).replace("\\", "\\\\").replace('"', '\\"')
        if not box.shown:
            return [f'{name} [label="{text}"];']
        return [f'subgraph cluster_{name} {{ label="{text}";', *inside(box), "}"]

    def inside(box: Box) -> list[str]:
        return [line for each in box.shown for line in nodes(each)]

    lines = inside(left) + inside(right)
    for start, end, shared in curves:
        style = 'color="#b7330b", penwidth=2.5, label=S' if shared else "style=dashed"
        lines.append(f"{names[start]} -> {names[end]} [{style}];")
    return "\n".join(["digraph {", "rankdir=LR; node [shape=box];", *lines, "}"]) + "\n"
