"""What the chapters draw beside scopekit's own pictures: curves, and maps of labelled points, laid out by matplotlib,
and photographs.

In: numbers. Out: a picture with a text alternative, and the same in words where no picture can be shown. `round_to`
rounds the numbers before anything is drawn, where chance or another processor moves them.
"""

from __future__ import annotations

import base64
import io
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike
from PIL import Image

from scopekit.show.svg import Picture
from scopekit.show.text import count, esc

LONGEST_TITLE = 46  # letters of a picture's title
_DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (1, 3)))
# What matplotlib draws in the colour on the left is shown in those on the right: in light, and in dark. All of them
# can be read as text. More lines or labels than colours begin again. The colour of what is shared is not among them.
_COLOURS = {
    "#c00002": ("#0550ae", "#79c0ff"),
    "#c00003": ("#116329", "#7ee787"),
    "#c00004": ("#6639ba", "#d2a8ff"),
    "#c00005": ("#57606a", "#a9b1ba"),
    "#c00006": ("#1f2328", "#e6edf3"),  # the text
    "#c00007": ("#d0d7de", "#3d444d"),  # the grid
    "#c00008": ("#ffffff", "#161b22"),  # the paper
}
*_LINES, _INK, _GRID, _PAPER = _COLOURS
_LOOK: Any = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "drawing",  # the same drawing has the same ids
    "font.size": 11,
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "axes.grid": True,
    "axes.edgecolor": _GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": _PAPER,
    "figure.facecolor": _PAPER,
    "grid.color": _GRID,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "legend.handlelength": 3.5,
}


def curve(
    lines: Mapping[str, Sequence[float]],
    title: str,
    x: str = "",
    y: str = "",
    at: Sequence[float] | None = None,
    round_to: float | None = None,
) -> Picture:
    """Draw one line for each name; colour and dashes both tell the lines apart.

    Args:
        lines: name -> values, all of one length.
        title: what the picture shows; it stands above it and begins its text alternative.
        x: what is counted from left to right.
        y: what the values are.
        at: where on `x` each value stands; 0, 1, 2, … where it is left out.
        round_to: round each value to a multiple of this before anything is drawn or said.

    Raises:
        ValueError: if there is no value, lengths differ, a value is not finite, or the title is too long for a phone.

    >>> curve({"loss": [1.0, 0.4, 0.25]}, "It falls", x="step")
    It falls (from left to right: step)
      loss: 1 at 0, 0.25 at 2; least 0.25, greatest 1
    """
    drawn = {name: _checked(values, round_to) for name, values in lines.items()}
    longest = max(map(len, drawn.values()), default=0)
    places = list(range(longest)) if at is None else list(at)
    if not places or any(len(values) != len(places) for values in drawn.values()):
        raise ValueError(f"lines of {[len(values) for values in drawn.values()]} values, {len(places)} places on x")
    words = [title + (f" (from left to right: {x})" if x else "")] + [
        f"  {name}: {values[0]:.4g} at {places[0]:.4g}, {values[-1]:.4g} at {places[-1]:.4g}; "
        f"least {min(values):.4g}, greatest {max(values):.4g}"
        for name, values in drawn.items()
    ]
    with mpl.rc_context(_LOOK):
        columns = len(drawn) if sum(map(len, drawn)) + 8 * len(drawn) < 50 else 1  # what a phone's width can take
        figure = _figure(title, 2.7 + 0.23 * len(drawn) / columns)
        axes = figure.add_subplot(xlabel=x, ylabel=y or ("" if len(drawn) > 1 else next(iter(drawn))))
        for i, (name, values) in enumerate(drawn.items()):
            style: dict[str, Any] = {
                "color": _LINES[i % len(_LINES)],
                "linestyle": _DASHES[i % len(_DASHES)],
                "linewidth": 2,
            }
            axes.plot(places, values, label=name, **style)
        if len(drawn) > 1:
            figure.legend(loc="outside lower center", ncols=columns)
        if all(isinstance(place, int) for place in places):
            axes.xaxis.set_major_locator(MaxNLocator(nbins="auto", steps=[1, 2, 2.5, 5, 10], integer=True))
        return _picture(figure, title, words)


def scatter(
    points: Sequence[Sequence[float]], labels: Sequence[object], title: str, round_to: float | None = None
) -> Picture:
    """Draw each point as its label, at one scale for both directions: what is near on the map is near.

    Args:
        points: an array of shape (points, 2).
        labels: one for each point, of letters and digits; a single one reads best.
        title: what the picture shows; it stands above it and begins its text alternative.
        round_to: round each coordinate to a multiple of this before anything is drawn or said.

    Raises:
        ValueError: if there is no point, the numbers of points and labels differ, a label has another sign than letters
            and digits, a coordinate is not finite, or the title is too long for a phone.

    >>> scatter([[0, 0], [4, 0], [4, 2]], "abb", "Three points")
    Three points (3 points)
      a: 1 point, on average at 0.0 0.0
      b: 2 points, on average at 4.0 1.0
    """
    if not len(points) or len(points) != len(labels) or any(len(point) != 2 for point in points):
        raise ValueError(f"{len(points)} points and {len(labels)} labels; give each point two numbers and a label")
    if wrong := [label for label in labels if not str(label).isalnum()]:
        raise ValueError(f"{wrong[0]!r} cannot be a label; it takes letters and digits")
    across, up = (_checked([point[i] for point in points], round_to) for i in (0, 1))
    words = [f"{title} ({count(len(points), 'point')})"]
    with mpl.rc_context({**_LOOK, "axes.grid": False}):
        figure = _figure(title, 3.9)
        axes = figure.add_subplot(aspect="equal")
        for i, label in enumerate(sorted({str(label) for label in labels})):
            of = [(u, v) for u, v, each in zip(across, up, labels, strict=True) if str(each) == label]
            sign: Any = {"marker": f"${label}$", "s": 40, "linewidths": 0, "color": _LINES[i % len(_LINES)]}
            axes.scatter(*zip(*of, strict=True), **sign)
            mean = " ".join(f"{sum(each) / len(of):.1f}" for each in zip(*of, strict=True))
            words.append(f"  {label}: {count(len(of), 'point')}, on average at {mean}")
        return _picture(figure, title, words)


@dataclass(frozen=True)
class Photos:
    """Pictures side by side: HTML in a notebook, their captions as text."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def photos(images: Sequence[ArrayLike], captions: Sequence[str], width: int = 144) -> Photos:
    """Show `images` in grey, side by side, each with its caption, which is its text alternative.

    Args:
        images: arrays of shape (height, width); each is scaled by itself, its least number black, its greatest white.
        captions: one for each image.
        width: of each picture on the page, in CSS pixels.

    Raises:
        ValueError: if an image is not two-dimensional, or there are more or fewer captions than images.

    >>> photos([[[0, 1], [2, 3]]], ["four greys"])
    Photos: four greys (2 x 2)
    """
    arrays = [np.asarray(image, dtype=np.float64) for image in images]
    if len(arrays) != len(captions):
        raise ValueError(f"{len(arrays)} images but {len(captions)} captions; give each image its own")
    figures, words = [], []
    for array, caption in zip(arrays, captions, strict=True):
        if array.ndim != 2:
            raise ValueError(f"an image of shape {array.shape} for {caption!r}; expected (height, width)")
        low, high = np.min(array), np.max(array)
        grey = np.rint((array - low) * (255 / ((high - low) or 1))).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(grey).save(file, "png", compress_level=0)  # nbval compares bytes, and compressors differ
        source, label = base64.b64encode(file.getvalue()).decode(), esc(caption)
        figures.append(
            f'<figure style="margin:0"><img alt="{label}" src="data:image/png;base64,{source}" '
            f'style="width:{width}px;max-width:100%;image-rendering:pixelated">'
            f'<figcaption style="width:{width}px;font-size:.85em">{label}</figcaption></figure>'
        )
        words.append(f"{caption} ({grey.shape[0]} x {grey.shape[1]})")
    row = '<div style="display:flex;flex-wrap:wrap;gap:12px">' + "".join(figures) + "</div>"
    return Photos(row, "Photos: " + ", ".join(words))


def _checked(values: Sequence[float], round_to: float | None) -> list[float]:
    checked = [float(v) if round_to is None else round(float(v) / round_to) * round_to + 0.0 for v in values]
    if not all(map(math.isfinite, checked)):
        raise ValueError("a value is not finite; it has no place in the picture")
    return checked


def _figure(title: str, height: float) -> Figure:
    """Return an empty figure under its title, narrow enough for its letters to be read on a phone."""
    if len(title) > LONGEST_TITLE:
        raise ValueError(f"the title {title!r} has {len(title)} letters; on a phone {LONGEST_TITLE} can be read")
    figure = Figure((4.6, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _picture(figure: Figure, title: str, words: list[str]) -> Picture:
    """Return the figure as one SVG element that follows the page's light or dark, with `words` as its description."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    drawn = file.getvalue().partition("<svg")[2].partition(">")[2].rpartition("</svg>")[0]
    # Without what is said elsewhere; its <style> would reach the whole page.
    drawn = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'<g id="\w+">', "<g>", drawn)  # no one refers to these, and a second figure has them too
    drawn = re.sub(r"(\d\.\d\d)\d+", r"\1", re.sub(r"\s*\n\s*", " ", drawn))
    for name in _COLOURS:
        drawn = drawn.replace(name, f"var(--{name[1:]})")
    light = "".join(f"--{name[1:]}:{light};" for name, (light, _) in _COLOURS.items())
    both = "".join(f"--{name[1:]}:light-dark({light},{dark});" for name, (light, dark) in _COLOURS.items())
    style = (
        f".drawn{{{light}}}.drawn *{{stroke-linejoin:round;stroke-linecap:butt}}.drawn:root{{color-scheme:light dark}}"
        f"@supports(color:light-dark(#000,#fff)){{.drawn{{{both}}}}}"
    )
    mark = f"drawn-{zlib.crc32((drawn + ''.join(words)).encode()):08x}"
    wide, high = (round(72 * size) for size in figure.get_size_inches())
    width = wide * 13 // 10
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" class="drawn" role="img" '
        f'aria-labelledby="{mark}-t {mark}-d" viewBox="0 0 {wide} {high}" width="{width}" height="{high * 13 // 10}" '
        f'style="max-width:100%;height:auto"><title id="{mark}-t">{esc(title)}</title>'
        f'<desc id="{mark}-d">{esc(" ".join(words), 4000)}</desc><style>{style}</style>{drawn}</svg>\n'
    )
    return Picture(svg, "\n".join(words), width)
