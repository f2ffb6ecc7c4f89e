"""The picture: what it says, that it says it in well-formed SVG whatever the names are, and twice the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sharings import called, readers, sharing

from scopekit.graph import ScopekitError
from scopekit.sharing import Sharing
from scopekit.show.boxes import Box, fold, measure
from scopekit.show.svg import dot, picture

ROOT = Path(__file__).resolve().parent.parent
SVG = "{http://www.w3.org/2000/svg}"
SHAPES = ("svg", "title", "desc", "style", "rect", "text", "g", "path")
FILTERS = sharing(*called("image_filters", 2), source="the current graph")
MIXED = sharing(
    *called("critic", 3, ["dense"]),
    readers("embedding/table", {"encoder": ["encoder/lookup"], "logits": ["logits/MatMul"]}, kind="two places"),
    readers("head/kernel", {"head": ["head/MatMul"]}),
    readers("global_step", {}, (), others=[("bookkeeping", ("global_step/Assign",))]),
    readers("head/kernel/Adam", {}, others=[("optimizer", ("Adam/update",))]),
)


def parts(drawn: Sharing, boxes: int | None = 40) -> ElementTree.Element:
    return ElementTree.fromstring(picture(drawn, boxes).svg)


def labels(root: ElementTree.Element) -> list[str]:
    """Return the names in the boxes, from the first drawn to the last."""
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text") if text.get("class") in ("h", "f")][2:]


def curves(root: ElementTree.Element) -> tuple[int, int]:
    """Return how many curves are drawn heavy (shared), and how many light (private)."""
    heavy = sum(
        1 for g in root.iter(f"{SVG}g") if g.get("class") == "s" for p in g.iter(f"{SVG}path") if "C" in p.attrib["d"]
    )
    return heavy, sum("C" in path.attrib["d"] for path in root.iter(f"{SVG}path")) - heavy


def test_image_filters_at_a_glance() -> None:
    root = parts(FILTERS)
    assert labels(root) == [
        *["image_filters", "conv1", "Conv2D", "add", "conv2", "Conv2D", "add"],
        *["image_filters_1", "conv1", "Conv2D", "add", "conv2", "Conv2D", "add"],
        *["image_filters", "conv1", "conv2", "weights", "biases", "weights", "biases"],
    ]
    assert curves(root) == (8, 0)
    assert sum(text.text == "S" for text in root.iter(f"{SVG}text")) == 4 + 8 + 1  # variables, ops, the legend
    assert picture(FILTERS).text == (
        "Who reads which variable in the current graph: 4 variables, 2 calls\n"
        "S 4 variables read by both image_filters and image_filters_1 (called again):\n"
        "    image_filters/conv1/weights  5×5×32×32\n"
        "    image_filters/conv1/biases  32\n"
        "    image_filters/conv2/weights  5×5×32×32\n"
        "    image_filters/conv2/biases  32"
    )


def test_shared_and_private_differ_in_line_and_letter() -> None:
    root = parts(MIXED)
    assert curves(root) == (2 * 3 + 2, 1)
    style = root.findtext(f"{SVG}style")
    assert style and ".sk .s path{stroke:#b7330b;stroke-width:2.5;stroke-dasharray:none}" in style
    assert "stroke-dasharray:5 4" in style
    words = [text.text for text in root.iter(f"{SVG}text")]
    for count in ("3 shared: read by two or more calls", "1 private: read by one call", "1 read by no call"):
        assert count in words


def test_the_optimizer_s_slots_are_hidden() -> None:
    assert "Adam" not in picture(MIXED).svg


def test_each_curve_goes_from_its_variable_to_its_reader() -> None:
    root = parts(MIXED, None)
    at = {}
    for group in root.iter(f"{SVG}g"):
        box, title = group.find(f"{SVG}rect"), group.find(f"{SVG}title")
        if box is not None and title is not None:
            x, y, w = (int(box.attrib[key]) for key in ("x", "y", "width"))
            at[x + w, y + 12] = at[x, y + 12] = str(title.text).partition(" ")[0]
    joined = set()
    for path in root.iter(f"{SVG}path"):
        if "C" in path.attrib["d"]:
            n = [int(number) for number in re.findall(r"\d+", path.attrib["d"])]
            joined.add((at[n[0], n[1]], at[n[6], n[7]]))
    assert joined == {
        *(
            (f"critic/dense/{v}", f"{c}/dense/{op}")
            for c in ("critic", "critic_1", "critic_2")
            for v, op in (("weights", "Conv2D"), ("biases", "add"))
        ),
        ("embedding/table", "encoder/lookup"),
        ("embedding/table", "logits/MatMul"),
        ("head/kernel", "head/MatMul"),
    }


def bold_frames(root: ElementTree.Element) -> list[str]:
    """Return the names of the boxes that are framed as calls."""
    bold = [g for g in root.iter(f"{SVG}g") if any(" k" in r.get("class", "") for r in g.findall(f"{SVG}rect"))]
    return [str(title.text).partition(":")[0] for g in bold for title in g.findall(f"{SVG}title")]


def test_calls_have_a_bold_frame() -> None:
    assert bold_frames(parts(MIXED)) == ["critic", "critic_1", "critic_2", "encoder", "logits", "head"]


def test_a_scope_around_the_calls_has_no_bold_frame() -> None:
    """A private variable's call is named by the outermost scope, which may hold those that share."""
    tied = readers("net/table", {"net/lookup": ["net/lookup/Gather"], "net/logits": ["net/logits/MatMul"]})
    root = parts(sharing(tied, readers("net/bias", {"net": ["net/add"]}), readers("top/w", {"top": ["top/a/MatMul"]})))
    assert bold_frames(root) == ["net/lookup", "net/logits", "top"]


def test_a_tangle_is_gathered() -> None:
    layers = [f"layer_{i}" for i in range(5)]
    net, head = called("net", 3, layers), readers("net/table", {"net": ["net/Gather"], "tied": ["tied/MatMul"]})
    average = [readers(f"net/{layer}/average", {"net": [f"net/{layer}/norm"]}) for layer in layers]
    unread = [readers("metrics/mean/total", {}), readers("metrics/count", {})]
    drawn = sharing(*net, *average, *unread, *called("other", 2, layers), head)
    assert 3 * sum(len(each.calls) for each in drawn.readers if each.shared) > 40
    root = parts(drawn)
    # What is shared and read by the same calls is one box, though averages in it are private; a call is one box too.
    of_ops = ["net", "net_1", "net_2", "other", "other_1", "tied"]
    more = "… 4 more like layer_0"
    assert sorted(labels(root)) == sorted([*of_ops, "net", "layer_0", more, "table", "metrics", "other"])
    assert len(labels(parts(drawn, None))) > 100


@pytest.mark.parametrize("boxes", [2, 3, 7, 20, 40, 100, None])
@pytest.mark.parametrize("layers", [1, 3, 30])
def test_at_most_so_many_boxes_and_nothing_is_lost(boxes: int | None, layers: int) -> None:
    drawn = sharing(*called("net", 2, [f"layer_{i}" for i in range(layers)]), *called("head", 1))
    root = parts(drawn, boxes)
    frames = [
        rect for rect in root.iter(f"{SVG}rect") if rect.get("class", "")[0] in "bl" and rect.get("class") != "bg"
    ]
    drawn_boxes = len(frames) - 1  # the sign in the legend
    assert drawn_boxes == len(labels(root))
    if boxes is not None:
        assert drawn_boxes <= boxes
    heavy, light = curves(root)
    assert (heavy and light) or boxes == 2


def test_folding_counts_what_it_leaves_out() -> None:
    drawn = sharing(*called("net", 1, [f"layer_{i}" for i in range(12)]))
    root = parts(drawn, 10)
    more = "… 11 more like layer_0"
    assert sorted(labels(root)) == sorted(
        ["net", "layer_0", "Conv2D", "add", "weights", "biases", "net", "layer_0", more, more]
    )
    titles = [str(title.text) for title in root.iter(f"{SVG}title")]
    assert "… 11 more like layer_0: 22 variables" in titles
    assert "… 11 more like layer_0: 22 ops" in titles


def test_two_calls_are_folded_alike() -> None:
    drawn = sharing(*called("net", 2, [f"{letter}_{i}" for i in range(4) for letter in "abcd"]))
    sizes = [len(each.shown) for each in shown_calls(drawn)]
    assert sizes[0] == sizes[1] > 2


def shown_calls(drawn: Sharing) -> Sequence[Box]:
    root = Box("")
    for each in drawn.readers:
        for call in each.calls:
            root.add(call.ops[0], each.shared)
    measure(root)
    fold(root, 20)
    return root.shown


tree_of_names = st.lists(
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=5).map("/".join), unique=True, max_size=40
)


@given(tree_of_names, st.sets(st.integers(0, 39)), st.integers(1, 60), st.integers(1, 6), st.integers(0, 3))
def test_folding_shows_each_name_once(
    names: list[str], shared: set[int], room: int, deepest: int, answers: int
) -> None:
    root = Box("")
    leaves = [root.add(name, i in shared) for i, name in enumerate(names)]
    for i, leaf in enumerate(leaves):
        leaf.who = i % max(answers, 1)
    measure(root)
    fold(root, room, deepest, gathered=answers > 0)
    shown: list[Box] = []
    stack = list(root.shown)
    while stack:
        box = stack.pop()
        shown.append(box)
        stack += box.shown
        assert not (box.shown and box.hidden)
        if box.shown:
            assert sum(each.total for each in box.shown) == box.total
            assert sum(each.shared for each in box.shown) == box.shared
        if box.hidden:
            assert box.label.startswith(f"… {len(box.hidden)} more")
    assert len(shown) <= room
    assert sum(each.total for each in root.shown) == len(names) == root.total
    for leaf in leaves:
        assert leaf.face in shown


hostile = st.text(
    st.one_of(
        st.sampled_from("ab/_<>&\"'\\{}%#\n\r\t\0\x1b\x7f\x85\u2028\u202e\u2066\u200f\ufeff\ud800\uffff�א世\U000e0041"),
        st.characters(),
    ),
    max_size=30,
)


@settings(max_examples=150)
@given(st.lists(st.tuples(hostile, st.lists(st.tuples(hostile, hostile), max_size=3)), max_size=6), hostile)
def test_any_name_is_drawn_as_text(raw: list[tuple[str, list[tuple[str, str]]]], source: str) -> None:
    drawn = sharing(*(readers(name, {call: [op] for call, op in calls}) for name, calls in raw), source=source)
    shown = picture(drawn)
    root = ElementTree.fromstring(shown.svg)
    assert {node.tag for node in root.iter()} <= {SVG + tag for tag in SHAPES}
    for text in (shown.svg, shown.text, dot(drawn), *shown._repr_mimebundle_().values()):
        text.encode()
        assert not re.search("[\0-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\uffff]", text)


class Markup(HTMLParser):
    """Collects the tags and the attributes' names of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}


def test_a_name_is_no_markup() -> None:
    name = "</text></title></style><script>alert(1)</script>\"' onload='x"
    hostile, tame = Markup(), Markup()
    hostile.feed(picture(sharing(readers(name, {name: [name]}), source=name))._repr_mimebundle_()["text/html"])
    tame.feed(picture(sharing(readers("a/b/c", {"d": ["d"]})))._repr_mimebundle_()["text/html"])
    assert hostile.found == tame.found >= {"svg", "img", "alt"}


def test_endless_names_are_cut() -> None:
    drawn = sharing(
        readers("x" * 10_000_000, {"c": ["y" * 10_000_000]}), readers("a/" * 1_000_000 + "w", {"c": ["b/" * 1_000_000]})
    )
    assert len(picture(drawn).svg) < 20_000


def test_nothing_to_draw() -> None:
    assert "no variables" in picture(sharing()).svg
    assert picture(sharing()).text == "Who reads which variable in model.meta: 0 variables, 0 calls"


def test_too_few_boxes() -> None:
    with pytest.raises(ScopekitError, match="boxes is 1; a picture needs 2 or more"):
        picture(FILTERS, 1)


def test_the_alternative_says_all_that_is_drawn() -> None:
    shown = picture(MIXED)
    description = parts(MIXED).findtext(f"{SVG}desc") or ""
    html = shown._repr_mimebundle_()["text/html"]
    for words in (shown.text, description, html):
        for each in MIXED.readers[:-1]:
            assert each.variable.name in words
        assert "read by both encoder and logits (two places)" in words
        assert "read by all 3 of critic, critic_1 and critic_2 (called again)" in words
    root = parts(MIXED)
    ids = {node.get("id") for node in root.iter() if node.get("id")}
    assert set(root.attrib["aria-labelledby"].split()) == ids and len(ids) == 2
    assert re.search(r'<img [^>]*alt="Who reads which variable', html)


def test_two_pictures_of_one_page_have_their_own_ids() -> None:
    assert parts(MIXED).attrib["aria-labelledby"] != parts(FILTERS).attrib["aria-labelledby"]
    assert picture(MIXED).svg == picture(MIXED).svg


def test_the_html_needs_no_script_and_fetches_nothing() -> None:
    html = picture(FILTERS)._repr_mimebundle_()["text/html"]
    assert not re.search(r"<(script|iframe|object|embed|link)\b|\son\w+=|@import|url\(", html)
    assert set(re.findall(r'(?:src|href)="(\w+:[\w/+]+)', html)) == {"data:image/svg+xml"}


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_the_same_bytes_whatever_the_hash_seed(seed: str) -> None:
    program = (
        "import sys; sys.path[:0] = ['tests', '.']\n"
        "from test_picture import MIXED, sharing, called\nfrom scopekit import picture, tree\n"
        "big = sharing(*called('net', 2, [f'{c}{i}' for i in range(9) for c in 'abc']))\n"
        "for each in (MIXED, big): print(ascii(picture(each).svg), ascii(str(tree(each))))"
    )
    env = {**os.environ, "PYTHONHASHSEED": seed}
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    big = sharing(*called("net", 2, [f"{c}{i}" for i in range(9) for c in "abc"]))
    assert ascii(picture(MIXED).svg) in run.stdout
    assert ascii(picture(big).svg) in run.stdout


def test_text_reads_in_light_and_in_dark() -> None:
    """WCAG: text has a contrast of 4.5 to 1 at least, lines and frames that carry meaning of 3 to 1."""
    style = parts(FILTERS).findtext(f"{SVG}style") or ""
    pairs = re.findall(r"([^{}]+)\{(?:fill|stroke):light-dark\((#\w+),(#\w+)\)", style)
    colours = {selector.strip(): sides for selector, *sides in pairs}
    paper, shared = colours[".sk .bg,.sk .l,.sk .w"], colours[".sk .m"]
    for side in (0, 1):
        for ink in (colours[".sk text"], colours[".sk .t"], shared):  # .w is paper on the shared colour
            assert contrast(ink[side], paper[side]) >= 4.5
        assert contrast(colours[".sk path"][side], paper[side]) >= 3
        # The lightest text on the darkest scope box: six deep, 7 % each.
        deep = mixed(colours[".sk .b"][side], paper[side], 1 - 0.93**6)
        assert contrast(colours[".sk text"][side], deep) >= 4.5


def channels(colour: str) -> list[int]:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    return [int(digits[i : i + 2], 16) for i in (0, 2, 4)]


def mixed(colour: str, paper: str, part: float) -> str:
    both = zip(channels(colour), channels(paper), strict=True)
    return "#" + "".join(f"{round(part * a + (1 - part) * b):02x}" for a, b in both)


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        linear = [
            (c / 255 / 12.92) if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in channels(colour)
        ]
        return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_a_box_holds_its_text() -> None:
    """Text stays inside its box at the widest monospace font: 0.61 of the size for each letter."""
    names = ["w", "a_rather_long_variable_name_for_a_box", "世界" * 20, "m" * 60]
    drawn = sharing(*(readers(f"s/t/{n}", {c: [f"{c}/{n}"] for c in ("s", "s_1")}, (1000, 1000)) for n in names))
    for group in parts(drawn).iter(f"{SVG}g"):
        frame = group.find(f"{SVG}rect")
        if frame is None or group.find(f"{SVG}title") is None:
            continue
        left, right = int(frame.attrib["x"]), int(frame.attrib["x"]) + int(frame.attrib["width"])
        ends = []
        for text in group.findall(f"{SVG}text"):
            if text.get("class") == "w":
                continue
            size = 12 if text.get("class") == "t" else 14
            width = sum(0.61 if letter.isascii() or letter in "×…" else 1.0 for letter in text.text or "") * size
            x = int(text.attrib["x"])
            ends.append((x - width, x) if text.get("text-anchor") else (x, x + width))
        assert all(left <= start and end <= right for start, end in ends)
        ends.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(ends))


def test_dot() -> None:
    text = dot(sharing(*called("net", 2, ["fc"]), readers('a"\\', {"head": ["head/MatMul"]})))
    assert text == (
        "digraph {\nrankdir=LR; node [shape=box];\n"
        'subgraph cluster_n0 { label="net";\nsubgraph cluster_n1 { label="fc";\n'
        'n2 [label="weights S"];\nn3 [label="biases S"];\n}\n}\nn4 [label="a\\"\\\\"];\n'
        'subgraph cluster_n5 { label="net";\nsubgraph cluster_n6 { label="fc";\n'
        'n7 [label="Conv2D S"];\nn8 [label="add S"];\n}\n}\n'
        'subgraph cluster_n9 { label="net_1";\nsubgraph cluster_n10 { label="fc";\n'
        'n11 [label="Conv2D S"];\nn12 [label="add S"];\n}\n}\n'
        'subgraph cluster_n13 { label="head";\nn14 [label="MatMul"];\n}\n'
        + "".join(
            f'{edge} [color="#b7330b", penwidth=2.5, label=S];\n'
            for edge in ("n2 -> n7", "n2 -> n11", "n3 -> n8", "n3 -> n12")
        )
        + "n4 -> n14 [style=dashed];\n}\n"
    )
