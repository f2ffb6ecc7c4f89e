"""Every page, at a phone's and a desk's width, in light and in dark."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe

from web.book import HTML, PAGES, Open

axe = Axe()
MOST_BYTES = 500_000  # of one page: its HTML, and its own style sheets, scripts and pictures


@pytest.mark.parametrize("size", ["phone", "desk"])
@pytest.mark.parametrize("name", PAGES)
def test_page(open_page: Open, name: str, size: str) -> None:
    page = open_page(name, size)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"the page is {wide} px wider than the screen: {page.evaluate(WIDEST)}"
    assert page.faults == []  # type: ignore[attr-defined]
    page.add_style_tag(content="* { transition: none !important }")  # a colour on its way is neither
    for mode in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if mode == "dark" else "light")
        page.wait_for_function(f"document.documentElement.dataset.theme == '{mode}'")
        # The dark page is the light one in other colours.
        options = {"resultTypes": ["violations"], "preload": False}
        if mode == "dark":
            options["runOnly"] = ["color-contrast"]
        found = axe.run(page, options=options).response["violations"]
        assert not found, mode + json.dumps(
            [(each["id"], each["help"], [node["html"][:200] for node in each["nodes"][:5]]) for each in found], indent=1
        )


WIDEST = """[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 5).map(e => e.outerHTML.slice(0, 120))"""

# What a picture says of itself, to who cannot see it.
PICTURES = """[...document.querySelectorAll("img, svg, object")]
    .filter(e => !e.closest("[aria-hidden=true], button") && !e.parentElement.closest("svg"))
    .map(e => (e.alt ?? e.getAttribute("aria-label") ?? (e.getAttribute("aria-labelledby") || "").split(" ")
        .map(id => document.getElementById(id)?.textContent ?? "").join(" ")).trim())"""
A_FILE_NAME = re.compile(r"^[\w/-]+\.(svg|png|jpe?g)$|^[0-9a-f]{16,}", re.IGNORECASE)


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_says_what_it_shows(open_page: Open, name: str) -> None:
    page = open_page(name)
    said = page.evaluate(PICTURES)
    poor = [words for words in said if len(words) < 5 or A_FILE_NAME.match(words)]
    assert not poor


# The height of the smallest letters of each drawing, in CSS pixels; a rotated text counts too.
LETTERS = """chart => [...document.querySelectorAll(chart)].map(svg => Math.min(...[...svg.querySelectorAll("text")]
    .filter(e => e.textContent.trim() && e.getScreenCTM())
    .map(e => parseFloat(getComputedStyle(e).fontSize) * Math.hypot(e.getScreenCTM().a, e.getScreenCTM().b))))"""


@pytest.mark.parametrize("name", PAGES)
def test_the_letters_of_a_drawing_can_be_read_on_a_phone(open_page: Open, name: str) -> None:
    page = open_page(name, "phone")
    assert all(height >= 11 for height in page.evaluate(LETTERS, "main svg.drawn"))
    assert all(height >= 8.5 for height in page.evaluate(LETTERS, "main svg.sk"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light(open_page: Open, name: str, record_property: Callable[[str, object], None]) -> None:
    page = open_page(name)
    page.wait_for_load_state("networkidle")
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    record_property("first paint, ms", round(paint))
    parts = {name: (HTML / name).stat().st_size}
    for address in page.asked:  # type: ignore[attr-defined]
        path = address.removeprefix(HTML.as_uri() + "/").partition("?")[0]
        if address.startswith("file:") and not path.endswith((".woff2", ".ttf")):
            parts[path] = (HTML / path).stat().st_size
    heaviest = sorted(parts.items(), key=lambda part: -part[1])[:4]
    record_property("bytes of a page", sum(parts.values()))
    assert sum(parts.values()) < MOST_BYTES, heaviest


@pytest.mark.parametrize("name", PAGES)
def test_links_within_the_book_lead_somewhere(open_page: Open, name: str) -> None:
    page = open_page(name)
    links = page.evaluate("[...document.querySelectorAll('a[href]')].map(each => each.href)")
    inside = {link for link in links if link.startswith("file:")}
    broken = []
    for link in sorted(inside):
        path, _, fragment = link.partition("#")
        file = HTML / path.removeprefix(HTML.as_uri() + "/")
        if not file.exists() or (fragment and f'id="{fragment}"' not in file.read_text(encoding="utf-8")):
            broken.append(link)
    assert not broken
