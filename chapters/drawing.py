"""What the chapters draw beside scopekit's own pictures: curves, and maps of labelled points.

In: numbers. Out: a `Picture`: inline SVG with a text alternative, and the same in words where no picture can be shown.
Coordinates are whole pixels, so numbers that differ by less than a pixel nearly always give the same bytes; `round_to`
rounds the numbers themselves first, for those that chance moves by more.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence

from scopekit.show.svg import Picture
from scopekit.show.text import count, esc

LETTER, LINE = 7.4, 18  # in CSS pixels: a letter of the monospace font below is at most this wide, a line this high
_DASHES = ("none", "8 4", "2 3", "9 3 2 3", "1 5")
# In light and in dark: readable as text on both backgrounds. More lines or labels than colours begin again.
_COLOURS = ("#b7330b,#ff9e64", "#0550ae,#79c0ff", "#116329,#7ee787", "#6639ba,#d2a8ff", "#57606a,#a9b1ba")
_STYLE = """
.drawn{font:12px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;color:#1f2328;background:#fff}
.drawn:root{color-scheme:light dark}.drawn{color:light-dark(#1f2328,#e6edf3);background:light-dark(#fff,#161b22)}
.drawn text{fill:currentColor}.drawn path,.drawn polyline{fill:none;stroke:currentColor}.drawn path{opacity:.3}
.drawn .h{font-weight:bold}.drawn polyline{stroke-width:2.5;stroke-linejoin:round}
""" + "".join(
    f".drawn .c{i}{{color:{pair.split(',')[0]};color:light-dark({pair})}}.drawn .c{i} polyline{{stroke-dasharray:{dash}}}"
    for i, (pair, dash) in enumerate(zip(_COLOURS, _DASHES, strict=True))
)


def curve(
    lines: Mapping[str, Sequence[float]],
    title: str,
    x: str = "",
    y: str = "",
    at: Sequence[float] | None = None,
    round_to: float | None = None,
) -> Picture:
    """Draw one line for each name, its name at its end; colour and dashes both tell the lines apart.

    Args:
        lines: name -> values, all of one length.
        title: what the picture shows; it stands above it and begins its text alternative.
        x: what is counted from left to right.
        y: what the values are.
        at: where on `x` each value stands; 0, 1, 2, … where it is left out.
        round_to: round each value to a multiple of this before anything is drawn or said.

    Raises:
        ValueError: if there is no value, lengths differ, or a value is not finite.

    >>> curve({"loss": [1.0, 0.4, 0.25]}, "It falls", x="step")
    It falls (from left to right: step)
      loss: 1.00 at 0, 0.25 at 2; least 0.25, greatest 1.00
    """
    places = list(at) if at is not None else list(range(max(map(len, lines.values()), default=0)))
    drawn = {name: _checked(values, round_to) for name, values in lines.items()}
    if not places or any(len(values) != len(places) for values in drawn.values()):
        raise ValueError(f"lines of {[len(values) for values in drawn.values()]} values, {len(places)} places on x")
    (left, right, step_x), (low, high, step) = _axis(places), _axis([v for values in drawn.values() for v in values])
    edge, top, wide, tall = 56, 56, 440, 200

    def pixel(u: float, v: float) -> tuple[int, int]:
        return round(edge + wide * (u - left) / (right - left)), round(top + tall * (high - v) / (high - low))

    body = [_text(0, 36, y), _text(edge + wide // 2, top + tall + 38, x, "middle")]
    for v in _ticks(low, high, step):
        body += [f'<path d="M{edge} {pixel(left, v)[1]}h{wide}"/>']
        body += [_text(edge - 8, pixel(left, v)[1] + 4, _number(v, step), "end")]
    body += [
        _text(pixel(u, low)[0], top + tall + 20, _number(u, step_x), "middle") for u in _ticks(left, right, step_x)
    ]
    free = -LINE
    for i, (name, values) in sorted(enumerate(drawn.items()), key=lambda each: -each[1][1][-1]):
        points = [pixel(u, v) for u, v in zip(places, values, strict=True)]
        free = max(free + LINE, points[-1][1] + 4)  # labels keep a line's distance, from the top down
        path = " ".join(f"{px},{py}" for px, py in points)
        body += [f'<g class="c{i % len(_COLOURS)}"><polyline points="{path}"/>']
        body += [_text(points[-1][0] + 8, free, name) + "</g>"]
    words = [title + (f" (from left to right: {x})" if x else "")] + [
        f"  {name}: {_number(values[0], step / 10)} at {_number(places[0], step_x)}, {_number(values[-1], step / 10)} at "
        f"{_number(places[-1], step_x)}; least {_number(min(values), step / 10)}, greatest "
        f"{_number(max(values), step / 10)}"
        for name, values in drawn.items()
    ]
    room = edge + wide + 16 + math.ceil(LETTER * max(map(len, drawn)))
    return _picture(title, words, body, room, max(top + tall + 48, free + 10))


def scatter(
    points: Sequence[Sequence[float]], labels: Sequence[object], title: str, round_to: float | None = None
) -> Picture:
    """Draw each point as its label, at one scale for both directions: what is near on the map is near.

    Args:
        points: an array of shape (points, 2).
        labels: one for each point; a letter or a digit reads best.
        title: what the picture shows; it stands above it and begins its text alternative.
        round_to: round each coordinate to a multiple of this before anything is drawn or said.

    Raises:
        ValueError: if there is no point, the numbers of points and labels differ, or a coordinate is not finite.

    >>> scatter([[0, 0], [4, 0], [4, 2]], "abb", "Three points")
    Three points (3 points)
      a: 1 point, on average at 0.0 0.0
      b: 2 points, on average at 4.0 1.0
    """
    if not len(points) or len(points) != len(labels) or any(len(point) != 2 for point in points):
        raise ValueError(f"{len(points)} points and {len(labels)} labels; give each point two numbers and a label")
    across, up = (_checked([point[i] for point in points], round_to) for i in (0, 1))
    step = _axis(across + up)[2]
    scale = 440 / max(max(across) - min(across), max(up) - min(up), 1e-300)
    body, words = [], [f"{title} ({count(len(points), 'point')})"]
    for i, label in enumerate(sorted({str(label) for label in labels})):
        of = [(u, v) for u, v, each in zip(across, up, labels, strict=True) if str(each) == label]
        mean = " ".join(_number(sum(each) / len(of), step / 10) for each in zip(*of, strict=True))
        words.append(f"  {label}: {count(len(of), 'point')}, on average at {mean}")
        at = [(round(20 + scale * (u - min(across))), round(48 + scale * (max(up) - v))) for u, v in of]
        drawn = "".join(_text(px, py, label, "middle") for px, py in at)
        body.append(f'<g class="c{i % len(_COLOURS)}">{drawn}</g>')
    return _picture(title, words, body, 480, round(48 + scale * (max(up) - min(up))) + 16)


def _checked(values: Sequence[float], round_to: float | None) -> list[float]:
    checked = [float(v) if round_to is None else round(float(v) / round_to) * round_to for v in values]
    if not all(map(math.isfinite, checked)):
        raise ValueError("a value is not finite; it has no place in the picture")
    return checked


def _axis(values: Sequence[float]) -> tuple[float, float, float]:
    """Return where an axis begins and ends, and the step of its numbers: at most six, 1, 2 or 5 times a power of ten."""
    low, high = min(values), max(values)
    span = high - low or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 5))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= span / 5 * 0.999999)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    return first * step, max(last, first + 1) * step, step


def _ticks(low: float, high: float, step: float) -> list[float]:
    return [low + step * i for i in range(round((high - low) / step) + 1)]


def _number(value: float, step: float) -> str:
    return f"{value + step * 1e-6:.{max(0, -math.floor(math.log10(step * 1.000001)))}f}"


def _text(x: int, y: int, text: str, anchor: str = "start") -> str:
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x}" y="{y}"{place}>{esc(text)}</text>' if text else ""


def _picture(title: str, words: list[str], body: list[str], width: int, height: int) -> Picture:
    width = max(width, math.ceil(LETTER * len(title)) + 8)
    drawn = f'<style>{_STYLE}</style><text class="h" x="0" y="16">{esc(title)}</text>{"".join(body)}'
    mark = f"drawn-{zlib.crc32((drawn + ''.join(words)).encode()):08x}"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="drawn" role="img" aria-labelledby="{mark}-t {mark}-d" '
        f'viewBox="-8 0 {width + 16} {height}" width="{width + 16}" height="{height}" style="max-width:100%;height:auto">'
        f'<title id="{mark}-t">{esc(title)}</title><desc id="{mark}-d">{esc(" ".join(words), 4000)}</desc>{drawn}</svg>\n'
    )
    return Picture(svg, "\n".join(words), width + 16)
