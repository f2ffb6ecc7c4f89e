"""The table, the tree and the page: what they say, in full, and that no name gets out of its place."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sharings import called, readers, sharing

import scopekit as sk
from scopekit.graph import Read, ScopeGraph, Variable
from scopekit.sharing import Suspicion, analyse
from scopekit.show.outline import tree
from scopekit.show.page import page
from scopekit.show.table import variables
from scopekit.show.text import clean, esc, listed, shorten, totals, who_reads

MIXED = sharing(
    *called("image_filters", 2, ["conv1"]),
    readers("embedding/table", {"a": ["a/Gather"], "b": ["b/MatMul"]}, (None, 8), "two places", trainable=None),
    readers("head/kernel", {"head": ["head/MatMul", "head/MatMul_1"]}, None),
    readers("power", {}, (), others=[("gradient", ("gradients/mul",)), ("optimizer", ("Adam/mul",))]),
    readers("lonely", {}, (4,), others=[("bookkeeping", ("save/SaveV2",))]),
    readers("head/kernel/Adam", {}, others=[("bookkeeping", ("a",)), ("optimizer", ("b",))], trainable=False),
    suspicions=[Suspicion("'lonely' is read by nobody <b>", ("lonely",))],
)


def html_of(shown: Any) -> str:
    return str(shown._repr_html_())


def test_table() -> None:
    table = variables(MIXED)
    assert list(table) == ["name", "shape", "dtype", "parameters", "trainable", "reads", "read from", "shared"]
    rows = [
        tuple(None if pd.api.types.is_scalar(cell) and pd.isna(cell) else cell for cell in row)
        for row in table.itertuples(index=False, name=None)
    ]
    both = "image_filters and image_filters_1"
    assert rows == [
        ("image_filters/conv1/weights", (5, 5, 32, 32), "float32", 25600, True, 2, both, "called again"),
        ("image_filters/conv1/biases", (32,), "float32", 32, True, 2, both, "called again"),
        ("embedding/table", (None, 8), "float32", None, None, 2, "a and b", "two places"),
        ("head/kernel", None, "float32", None, True, 2, "head", "no"),
        ("power", (), "float32", 1, True, 0, "only gradient and optimizer", "no"),
        ("lonely", (4,), "float32", 4, True, 0, "no call", "no"),
    ]
    assert list(table.index) == list(range(6))


def test_slots_are_shown_when_asked() -> None:
    assert set(variables(MIXED, slots=True)["name"]) - set(variables(MIXED)["name"]) == {"head/kernel/Adam"}


def test_a_table_of_nothing_has_its_columns() -> None:
    assert variables(sharing()).shape == (0, 8)


@pytest.mark.parametrize("width", [20, 80])
def test_table_is_never_cut(width: int) -> None:
    long = "generator/" + "block_with_a_long_name/" * 8 + "weights"
    table = variables(sharing(readers(long, {long + "_1": [long + "_1/op"], long + "_2": [long + "_2/op"]})))
    with pd.option_context("display.width", width, "display.max_colwidth", 30, "display.max_columns", 4):
        for text in (repr(table), repr(table.head()), str(table), html_of(table)):
            assert text.count(long) == 3
            assert "…" not in text and "..." not in text
        assert len(repr(table).split("\n")) == 2


def test_table_filters_as_any_pandas_table() -> None:
    table = variables(MIXED)
    assert list(table[table["shared"] != "no"]["parameters"].dropna()) == [25600, 32]
    assert list(table.loc[table["trainable"].fillna(False), "reads"]) == [2, 2, 2, 0, 0]


def test_tree() -> None:
    assert (
        str(tree(MIXED))
        == repr(tree(MIXED))
        == (
            "6 variables, by their names, and 1 variable of the optimizer's\n"
            "├─ image_filters  2, S 2\n"
            "│  └─ conv1  2, S 2\n"
            "│     ├─ weights  5×5×32×32  S read by image_filters and image_filters_1\n"
            "│     └─ biases  32  S read by image_filters and image_filters_1\n"
            "├─ embedding  1, S 1\n"
            "│  └─ table  ?×8  S read by a and b\n"
            "├─ head  1\n"
            "│  └─ kernel  ?  read by head\n"
            "├─ power  scalar  read by only gradient and optimizer\n"
            "└─ lonely  4  read by no call\n"
            "8 ops in name scopes, and 14 that belong to variables\n"
            "├─ image_filters  2\n"
            "│  └─ conv1  2  (Conv2D and add)\n"
            "├─ image_filters_1  2\n"
            "│  └─ conv1  2  (Conv2D and add)\n"
            "├─ a  1  (Gather)\n"
            "├─ b  1  (MatMul)\n"
            "└─ head  2  (MatMul and MatMul_1)"
        )
    )


def test_tree_counts_what_it_folds() -> None:
    lines = str(tree(sharing(*called("net", 1, [f"layer_{i}" for i in range(50)])), boxes=12)).split("\n")
    assert lines == [
        "100 variables, by their names",
        "└─ net  100",
        "   ├─ layer_0  2",
        "   │  ├─ weights  5×5×32×32  read by net",
        "   │  └─ biases  32  read by net",
        "   └─ … 49 more like layer_0  98",
        "100 ops in name scopes, and 200 that belong to variables",
        "└─ net  100",
        "   ├─ layer_0  2  (Conv2D and add)",
        "   └─ … 49 more like layer_0  98",
    ]


def test_tree_in_a_notebook_unfolds() -> None:
    html = tree(MIXED)._repr_html_()
    assert html.count("<details open>") == html.count("<details") == html.count("</details>") == 8
    large = tree(sharing(*called("net", 1, [f"{c}{i}" for i in range(9) for c in "abcdef"])), None)._repr_html_()
    assert large.count("<details open>") == 2 < large.count("<details>")


class Text(HTMLParser):
    """Collects what a page shows, and its tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.shown = ""
        self.markup: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.markup |= {tag, *(name for name, _ in attrs)}

    def handle_data(self, data: str) -> None:
        self.shown += data


def test_page() -> None:
    html = page(MIXED)
    text = Text(html)
    for words in (
        "Whose weights? model.meta",
        "3 shared",
        "'lonely' is read by nobody <b>",
        "head/kernel",
        "?×8",
        "6 variables, by their names",
        "25,600",
    ):
        assert words in text.shown
    assert (
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        in html
    )
    assert not text.markup & {"script", "link", "iframe", "object", "img", "src", "href", "onload", "onclick"}
    assert html.count('<tr class="s">') == 3
    assert page(MIXED) == html


def test_page_of_a_large_graph_is_small() -> None:
    many = [
        readers(f"m/l_{i}/part_{chr(97 + i % 26) * (i % 90)}/w", {"m": [f"m/l_{i}/part/op_{i}"]}) for i in range(8_000)
    ]
    html = page(sharing(*many))
    assert len(html) < 5_000_000
    assert "… 5,000 more" in html


NASTY = '</style></title><script>alert(1)</script><img src=x onerror="y">\x00\x1b[2J\u202e\ud800\''


def test_no_name_gets_out_of_its_place() -> None:
    suspicions = [Suspicion(NASTY, (NASTY,))]
    drawn = sharing(readers(NASTY, {NASTY: [NASTY], "b": ["b/c"]}), source=NASTY, suspicions=suspicions)
    tame = sharing(readers("a/b", {"a": ["a/c"], "b": ["b/c"]}), suspicions=[Suspicion("a", ())])
    for show in (page, lambda each: html_of(tree(each)), lambda each: html_of(variables(each))):
        made = show(drawn)
        assert Text(made).markup == Text(show(tame)).markup
        made.encode()
        assert not re.search("[\0\x1b\u202e]", made)
    for text in (str(tree(drawn)), repr(variables(drawn)), *who_reads(drawn.readers)):
        text.encode()
        assert not re.search("[\0\x1b\u202e]", text)
        assert "\\x1b[2J\\u202e\\ud800" in text or "read" not in text


@given(st.text(max_size=60), st.integers(1, 40))
def test_clean_is_short_printable_and_stable(name: str, limit: int) -> None:
    shown = clean(name, limit)
    assert len(shown) <= limit
    assert clean(shown, limit) == shown
    assert len(shorten(name, limit)) <= limit
    assert not set(esc(name)) & set("<>\"'\n\r\t")


@given(st.lists(st.sampled_from(["a", "b/c"]), max_size=8), st.integers(1, 5))
def test_listed_names_or_counts_each(names: list[str], limit: int) -> None:
    text = listed(names, limit)
    more = re.search(r"(\d+) more$", text)
    assert len(re.findall(r"a|b/c", text.replace("and", ""))) + int(more[1] if more else 0) == len(names)


def test_who_reads_folds_by_readers() -> None:
    lines = who_reads([*called("net", 2, [f"l{i}" for i in range(9)]), *called("head", 1, ["fc"])], limit=3)
    assert lines == [
        "S 18 variables read by both net and net_1 (called again):",
        "    net/l0/weights  5×5×32×32",
        "    net/l0/biases  32",
        "    net/l1/weights  5×5×32×32",
        "    … 15 more",
        "- 2 variables private, each read by one call:",
        "    head/fc/weights  5×5×32×32  head",
        "    head/fc/biases  32  head",
    ]
    many = [readers(f"v{i}", {f"a{i}": [f"a{i}/x"], f"b{i}": [f"b{i}/x"]}) for i in range(5)]
    assert who_reads([*many, *called("head", 1, ["fc"])], limit=2)[4:] == [
        "- 2 variables private, each read by one call:",
        "    head/fc/weights  5×5×32×32  head",
        "    head/fc/biases  32  head",
        "S … 3 variables more, read by 3 other sets of calls",
    ]


def test_each_public_name_takes_a_graph() -> None:
    w = Variable("net/w", "resource", (2, 3), "float32", True)
    reads = tuple(Read("net/w", f"{call}/MatMul", "forward", "MatMul") for call in ("net", "net_1"))
    graph = ScopeGraph("g", ("net/w", "net/MatMul", "net_1/MatMul"), ("VarHandleOp", "MatMul", "MatMul"), (w,), reads)
    shows: list[Any] = [sk.variables, sk.tree, sk.picture, sk.dot]
    for show in shows:
        assert "net_1" in str(show(graph))


def test_a_checkpoint_does_not_say_what_is_shared() -> None:

    variables = (Variable("net/w", "checkpoint", (1000, 3), "float32", None),)
    sharing = analyse(ScopeGraph("model.ckpt", (), (), variables, ()))
    assert list(sk.variables(sharing)["shared"]) == ["unknown"]
    assert totals(sharing).endswith("3,000 parameters (12.0 kB); a checkpoint does not say which are shared")
