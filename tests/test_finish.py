"""What is taken from the built pages, and what is not."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import finish  # noqa: E402

NAMES = {"html", "body", "used", "also-used", "tip"}


def test_a_rule_goes_when_no_page_has_its_class() -> None:
    css = ".used{a:b} .unused{a:b} p,.unused{a:b} .used .unused{a:b} p:not(.unused){a:b} .used:is(.unused,p){a:b}"
    assert finish.slim(css, NAMES).split("\n") == [
        ".used{a:b}",
        "p{a:b}",
        "p:not(.unused){a:b}",
        ".used:is(.unused,p){a:b}",
    ]


def test_rules_in_media_queries_are_rules() -> None:
    css = "@media print{.unused{a:b}} @media (min-width:2px){.used{a:b}.unused{a:b}} @font-face{font-family:x}"
    assert finish.slim(css, NAMES).split("\n") == ["@media (min-width:2px){.used{a:b}}", "@font-face{font-family:x}"]


def test_a_property_goes_when_nothing_reads_it() -> None:
    css = "html{--a:1;--b:url(\"data:x;y\");color:var(--b)}.x{--a:2}.y{--c:';'}"
    assert finish.without_unread(css, {"--b"}) == 'html{--b:url("data:x;y");color:var(--b)}.x{}.y{}'


def test_names_stand_in_pages_and_in_scripts() -> None:
    page = '<p class="one two-2" id="three">four</p><script>x.classList.add("five-5")</script>'
    names = finish.names_in([page], ["toggle('six')"])
    assert {"one", "two-2", "three", "five-5", "six"} <= names
    assert "four" not in names


def test_what_no_reader_sees_is_taken_from_a_page() -> None:
    assert finish.tidy('<th></th><th class="head"><p></p></th><th>a</th>') == "<td></td><td></td><th>a</th>"
    assert finish.tidy('<img class="sk-still" alt="a" src="data:…"><img alt="b">') == '<img alt="b">'
    code = '<span></span><span class="k">def</span><span class="w"> </span><span class="n">f</span>'
    assert finish.tidy(code) == '<span class="k">def</span> f'


def test_the_cover_has_the_size_that_sites_ask_for() -> None:
    data = (ROOT / "_static" / "cover.png").read_bytes()
    assert struct.unpack(">II", data[16:24]) == (1200, 630)
    assert len(data) < 300_000


def test_the_cover_is_drawn_from_what_a_chapter_drew() -> None:
    import cover

    assert "image_filters_1" in cover.source()
    assert "<!--" not in cover.source()


def test_the_front_page_says_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "intro.html").write_text(
        '<title>Weights</title><meta name="viewport" content="1"><meta name="description" content="Whose?">'
        '<meta property="og:image" content="../_static/cover.png">'
    )
    front = tmp_path / "index.html"
    front.write_text('<meta http-equiv="Refresh" content="0; url=chapters/intro.html" />')
    finish.front(front)
    assert front.read_text().splitlines() == [
        "<!DOCTYPE html>",
        "<title>Weights</title>",
        '<meta name="description" content="Whose?">',
        '<meta property="og:image" content="_static/cover.png">',
        '<meta http-equiv="Refresh" content="0; url=chapters/intro.html" />',
    ]


def test_the_search_has_each_section_once(tmp_path: Path) -> None:
    index = tmp_path / "searchindex.js"
    found = {
        "alltitles": {"What is an op?": [[0, "what"]]},
        "indexentries": {"what is an op?": [], "op": [[0, "what"]]},
    }
    index.write_text(f"Search.setIndex({json.dumps(found)})", encoding="utf-8")
    finish.thin_search(index)
    assert index.read_text(encoding="utf-8") == (
        'Search.setIndex({"alltitles":{"What is an op?":[[0,"what"]]},"indexentries":{"op":[[0,"what"]]}})'
    )
