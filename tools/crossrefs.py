"""Lead from words to places: from terms to the glossary, from the index to sections, from a heading to its section.

In: the pages while Sphinx reads them. Out: the same pages. The first use of a term in a chapter is a link to its entry,
and pointing at it shows the entry's words. A link that an author made, `[*reader*](glossary.md)`, counts as the first
use, and leads to the entry instead of the page. A section is in the index under each term and each piece of code in
its heading and in its rule. A link to a page whose words are a heading of that page leads to that section; so does
each question of the tables of questions, which become lists, one for each page. Sphinx loads this as an extension.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

QUESTIONS = "chapters/questions"
GLOSSARY = Path(__file__).resolve().parent.parent / "chapters" / "glossary.md"
# Everyday words too, and then not the term: "the reader of this page", "a cell of this notebook". Authors link these.
EVERYDAY = frozenset({"branch", "call", "cell", "generator", "module", "reader", "tracing"})
NO_PROSE = (nodes.literal, nodes.reference, nodes.title, nodes.literal_block, nodes.raw, addnodes.pending_xref)


def entries(text: str) -> dict[str, str]:
    """Return what `text` says of each term, in lower case, in the order in which it stands there."""
    found = re.findall(r"^(?!:::)(\S.*)\n  (.+)$", text.split(":::{glossary}")[1], re.MULTILINE)
    return {term.lower(): said for term, said in found}


@cache
def glossary() -> dict[str, str]:
    """Return the entries of the book's own glossary."""
    return entries(GLOSSARY.read_text(encoding="utf-8"))


def link_first_uses(document: nodes.document, terms: list[str], page: str) -> None:
    """Make the first use of each of `terms` in `document` a reference to its entry, which is on `page`."""
    free, pattern = set(terms), uses(terms)
    for link in list(document.findall(addnodes.pending_xref)):
        if link.get("reftarget") == page and (term := named(link.astext(), pattern)):
            free.discard(term)
            link.replace_self(reference(term, link.children[0].children))
    free -= EVERYDAY
    for text in list(document.findall(nodes.Text)):
        if free and _is_prose(text):
            pieces = list(_pieces(text.astext(), free, pattern))
            if len(pieces) > 1:
                text.parent.replace(text, pieces)


def index_sections(document: nodes.document, terms: list[str]) -> None:
    """Put each section of `document` into the index, under what its heading and its rule name."""
    pattern = uses(terms)
    for section in list(document.findall(nodes.section)):
        title = section[0].astext()
        strong = (
            bold for part in section[1:] if isinstance(part, nodes.paragraph) for bold in part.findall(nodes.strong)
        )
        rules = [bold for bold in strong if bold.astext().startswith("The rule")]
        names = dict.fromkeys(name for node in [section[0], *rules] for name in _names(node, pattern))
        found = [("single", f"{name}; {title}", section["ids"][0], "", None) for name in names if name != title]
        section.insert(1, addnodes.index(entries=found))


def _names(node: nodes.Element, pattern: re.Pattern[str]) -> Iterator[str]:
    """Yield each piece of code in `node` that names something, and each term that its words use."""
    for code in node.findall(nodes.literal):
        if name := re.match(r"(?:tf\w*\.)?([A-Za-z][\w.]+)(?:\(.*\))?$", code.astext()):
            yield name[1]
    for text in node.findall(nodes.Text):
        if not isinstance(text.parent, nodes.literal):
            yield from (match[1].lower() for match in pattern.finditer(text.astext()))


def uses(terms: list[str]) -> re.Pattern[str]:
    """Return what finds a use of one of `terms`, in the singular or the plural: the longest that fits."""
    longest_first = "|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True))
    return re.compile(rf"(?<![\w-])({longest_first})(?:e?s)?(?![\w-])", re.IGNORECASE)


def named(words: str, pattern: re.Pattern[str]) -> str | None:
    """Return the term that `words` is, in the singular or the plural; None when it is none."""
    match = pattern.fullmatch(words)
    return match[1].lower() if match else None


def reference(term: str, children: list[nodes.Node]) -> addnodes.pending_xref:
    """Return a reference to the entry of `term`, shown as `children`."""
    shown = nodes.inline("", "", *children, classes=["xref", "std", "std-term"])
    return addnodes.pending_xref(
        "", shown, refdomain="std", reftype="term", reftarget=term, refexplicit=True, refwarn=True
    )


def _is_prose(text: nodes.Text) -> bool:
    """Return whether `text` is in a paragraph: not code, no output, no heading, not inside of a link."""
    node: nodes.Element | None = text.parent
    in_paragraph = False
    while node is not None:
        if isinstance(node, NO_PROSE) or {"cell_output", "cell_input"} & set(node.get("classes", ())):
            return False
        in_paragraph |= isinstance(node, nodes.paragraph)
        node = node.parent
    return in_paragraph


def _pieces(words: str, free: set[str], pattern: re.Pattern[str]) -> Iterator[nodes.Node]:
    """Yield `words` with the first use of each of `free` as a reference; what is used leaves `free`."""
    start = 0
    for match in pattern.finditer(words):
        term = match[1].lower()
        if term in free:
            free.remove(term)
            yield nodes.Text(words[start : match.start()])
            yield reference(term, [nodes.Text(match[0])])
            start = match.end()
    yield nodes.Text(words[start:])


class Terms(SphinxTransform):
    """Does both to each chapter, before Sphinx collects what is in the index."""

    default_priority = 840

    def apply(self, **kwargs: Any) -> None:
        """Index and link the page that is being read, when it is a notebook."""
        if str(self.document["source"]).endswith(".ipynb"):
            terms = list(glossary())
            index_sections(self.document, [term for term in terms if term not in EVERYDAY])
            link_first_uses(self.document, terms, "chapters/glossary")


def show_entries(app: Any, document: nodes.document, page: str) -> None:
    """Let each link to an entry of the glossary say the entry's words when it is pointed at."""
    said = glossary()
    pattern = uses(list(said))
    for link in document.findall(nodes.reference):
        if "#term-" in link.get("refuri", "") and (term := named(link.astext(), pattern)):
            link["reftitle"] = said[term].replace("`", "")
            link["classes"].append("term")


def lead_to_sections(app: Any, document: nodes.document, page: str) -> None:
    """Let each link to a page whose words are one of its headings lead to that section."""
    for link in document.findall(nodes.reference):
        target = posixpath.join(posixpath.dirname(page), link.get("refuri", "")).removesuffix(".html")
        if target in app.env.tocs and link.get("internal"):
            for heading in app.env.tocs[target].findall(nodes.reference):
                if heading["anchorname"] and heading.astext() == link.astext():
                    link["refuri"] += heading["anchorname"]
                    break


def list_questions(app: Any, document: nodes.document, page: str) -> None:
    """Show the rows of each table of questions as links to their answers, gathered by page in the book's order."""
    if page != QUESTIONS:
        return
    order = list(app.env.collect_relations())
    for table in list(document.findall(nodes.table)):
        by_page: dict[str, nodes.bullet_list] = {}
        for row in table[0][-1].findall(nodes.row):
            question, answer = (cell[0] for cell in row[:2])
            (link,) = answer.findall(nodes.reference)
            target = posixpath.join(posixpath.dirname(page), link["refuri"].partition("#")[0]).removesuffix(".html")
            link.children = []
            link += question.children
            asked = by_page.setdefault(target, nodes.bullet_list(classes=["questions"]))
            asked += nodes.list_item("", nodes.paragraph("", "", link))
        parts = []
        for target in sorted(by_page, key=order.index):
            title = app.env.titles[target].deepcopy()
            mark = nodes.make_id(f"{table.parent['ids'][0]} {title.astext()}")
            parts.append(nodes.section("", title, by_page[target], ids=[mark]))
        table.parent.replace(table, parts)


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx when to call us, and that pages may be read and written side by side."""
    app.add_transform(Terms)
    app.connect("doctree-resolved", show_entries)
    app.connect("doctree-resolved", lead_to_sections)
    app.connect("doctree-resolved", list_questions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
