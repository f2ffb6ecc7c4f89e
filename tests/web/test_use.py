"""What a reader does: search, copy, download, go on by keyboard alone, print."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import nbformat
import pytest
from playwright.sync_api import Page, expect

from web.book import HTML, PAGES, ROOT, Open

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
ERRORS = [
    "Variable net/w already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in VarScope?",
    "ValueError: Variable tower_3/dense_17/kernel already exists, disallowed. Did you mean to set reuse=True or "
    "reuse=tf.AUTO_REUSE in VarScope? Originally defined at:",
    "ValueError: Variable generator/g_bn0/beta does not exist, or was not created with tf.get_variable(). Did you mean "
    "to set reuse=tf.AUTO_REUSE in VarScope?",
    "ValueError: Trying to share variable rnn/basic_lstm_cell/kernel, but specified shape (256, 1024) and found shape "
    "(1088, 1024).",
]


def results(page: Page) -> list[str]:
    page.wait_for_function("Search.title && /Results/.test(Search.title.innerText)")
    return [link.get_attribute("href") or "" for link in page.locator("#search-results li > a").all()]


@pytest.mark.parametrize("error", ERRORS)
def test_search_finds_an_error_that_is_pasted_whole(open_page: Open, site: str, error: str) -> None:
    page = open_page(f"{site}search.html?q={quote(error)}")
    found = results(page)
    assert found[0].startswith("chapters/every_error.html#"), found
    assert page.faults == []  # type: ignore[attr-defined]


def test_search_by_keyboard(open_page: Open, site: str) -> None:
    page = open_page(site + "chapters/reuse.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("reuse_variables")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=reuse_variables")
    assert "chapters/reuse.html" in [each.partition("#")[0] for each in results(page)]


def test_search_for_nothing_that_is_there(open_page: Open, site: str) -> None:
    page = open_page(site + "search.html?q=xylophone")
    assert results(page) == []


def test_copy_gives_the_cells_code(open_page: Open) -> None:
    notebook = nbformat.read(CHAPTERS[0], as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    page = open_page(f"chapters/{CHAPTERS[0].stem}.html")
    buttons = page.locator("div.cell_input button.copybtn")
    assert buttons.count() == len(code)
    page.locator("div.cell_input").first.hover()
    buttons.first.click()
    page.wait_for_selector(".copybtn.success")
    assert page.evaluate("navigator.clipboard.readText()").strip() == code[0].strip()


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_download_gives_the_notebook(open_page: Open, site: str, chapter: Path) -> None:
    page = open_page(f"{site}chapters/{chapter.stem}.html")
    with page.expect_download() as waiting:
        page.locator(".book-download").click()
    assert waiting.value.suggested_filename == chapter.name
    assert Path(waiting.value.path()).read_bytes() == chapter.read_bytes()


# What can be used and is seen, numbered; and what of it was not reached.
MARK = """(() => {
    const seen = {visibilityProperty: true, contentVisibilityAuto: true};
    const all = [...document.querySelectorAll("a[href], button, input, summary")].filter(e => e.checkVisibility(seen));
    all.forEach((each, i) => each.dataset.number = i);
    window.reached = new Set();
    document.addEventListener("focusin", event => window.reached.add(event.target.dataset.number));
    return all.length;
})()"""
MISSED = """[...document.querySelectorAll("[data-number]")].filter(e => !window.reached.has(e.dataset.number))
    .map(e => e.outerHTML.slice(0, 150))"""


@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_alone_reaches_everything(open_page: Open, name: str) -> None:
    page = open_page(name)
    for _ in range(page.evaluate(MARK) + 40):  # and boxes that scroll
        page.keyboard.press("Tab")
    assert page.evaluate(MISSED) == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_hidden_solutions_open_by_key(open_page: Open, chapter: Path) -> None:
    hidden = sum("hide-cell" in cell.metadata.get("tags", []) for cell in nbformat.read(chapter, as_version=4).cells)
    page = open_page(f"chapters/{chapter.stem}.html")
    summaries = page.locator("details.hide > summary")
    assert summaries.count() >= hidden
    for summary in summaries.all():
        inside = summary.locator("xpath=..").locator("pre").first
        assert not inside.is_visible()
        summary.focus()
        page.keyboard.press("Enter")
        assert inside.is_visible()


def test_the_mode_can_be_chosen_and_stays(open_page: Open) -> None:
    page = open_page("chapters/intro.html")
    seen = set()
    for _ in range(3):
        page.locator(".theme-switch-button").focus()
        page.keyboard.press("Enter")
        seen.add(page.evaluate("document.documentElement.dataset.mode + ' ' + document.documentElement.dataset.theme"))
    assert seen == {"dark dark", "light light", "auto light"}


def test_on_a_phone_the_contents_open_and_close_by_key(open_page: Open) -> None:
    page = open_page("chapters/reuse.html", "phone")
    page.locator(".primary-toggle").focus()
    page.keyboard.press("Enter")
    link = page.locator(".bd-docs-nav").get_by_role("link", name="Glossary")
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()


def test_a_chapter_says_what_comes_before_and_after(open_page: Open) -> None:
    page = open_page("chapters/name_scope.html")
    assert page.locator(".left-prev").get_attribute("href") == "meet_the_graph.html"
    assert page.locator(".right-next").get_attribute("href") == "make_variables.html"


def test_a_term_leads_to_its_entry_and_says_it(open_page: Open) -> None:
    page = open_page("chapters/reuse.html")
    term = page.locator("a.term", has_text="full name").first
    assert "joined by slashes" in (term.get_attribute("title") or "")
    term.click()
    assert page.url.endswith("chapters/glossary.html#term-full-name")
    expect(page.locator("#term-full-name")).to_be_in_viewport()


def test_the_index_leads_from_a_name_to_the_sections_that_speak_of_it(open_page: Open) -> None:
    page = open_page("genindex.html")
    entry = page.locator("td > ul > li", has_text=re.compile(r"^\s*reuse_variables\b"))
    entry.get_by_role("link", name="How far does reuse_variables() reach?").click()
    assert "chapters/reuse.html#" in page.url


def test_a_question_leads_to_the_section_that_answers_it(open_page: Open) -> None:
    page = open_page("chapters/questions.html")
    page.get_by_role("link", name="How do I print the scope that I am in?").click()
    expect(page.get_by_role("heading", name="Where do the slashes come from?")).to_be_in_viewport()


# What would be printed on a dark ground; the letter S of the shared is meant to be.
DARK = """[...document.querySelectorAll("article *")].filter(each => {
    const [r, g, b, a] = getComputedStyle(each).backgroundColor.match(/[\\d.]+/g).map(Number);
    return a !== 0 && r + g + b < 600 && !each.matches(".book-picture strong");
}).map(each => each.outerHTML.slice(0, 100)).slice(0, 5)"""


def test_paper_is_light_and_shows_solutions(open_page: Open) -> None:
    page = open_page("chapters/reuse.html", mode="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("article h1").is_visible()
    assert not page.locator(".bd-sidebar-primary").is_visible()
    assert page.locator("details.hide pre").first.is_visible()
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    assert 3 < len(re.findall(rb"/Type\s*/Page\b", pdf)) < 40


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_printed_on_a_dark_ground(open_page: Open, name: str) -> None:
    page = open_page(name, mode="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(DARK) == []


def test_links_elsewhere_show_the_cover(open_page: Open) -> None:
    page = open_page("chapters/name_scope.html")
    said = {
        each.get_attribute("property"): each.get_attribute("content")
        for each in page.locator("meta[property^='og:']").all()
    }
    assert said["og:title"] == "Group ops with name_scope"
    assert (said["og:description"] or "").startswith("At the end of this chapter you can predict every name inside")
    assert (HTML / "chapters" / (said["og:image"] or "")).exists()
    assert "og:url" not in said  # the owner has set no address


def test_no_page_can_be_opened_elsewhere_before_there_is_a_repository(open_page: Open) -> None:
    page = open_page("chapters/name_scope.html")
    assert page.locator("a[href*='colab'], a[href*='mybinder']").count() == 0
