"""Which words of a chapter lead to the glossary, and what is in the index."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace

from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import crossrefs  # noqa: E402

TERMS = ["checkpoint", "checkpoint key", "op", "reader", "variable scope"]


def page(*children: nodes.Node) -> nodes.document:
    document = new_document("chapter.ipynb")
    document += nodes.section("", *children, ids=["here"])
    return document


def said(words: str) -> nodes.paragraph:
    return nodes.paragraph("", "", nodes.Text(words))


def by_hand(words: str, target: str = "chapters/glossary") -> addnodes.pending_xref:
    return addnodes.pending_xref("", nodes.inline("", words), reftarget=target)


def linked(document: nodes.document) -> list[tuple[str, str]]:
    crossrefs.link_first_uses(document, TERMS, "chapters/glossary")
    links = document.findall(addnodes.pending_xref)
    return [(link.astext(), link["reftarget"]) for link in links if link.get("reftype") == "term"]


def test_the_first_use_is_a_link_and_the_second_is_not() -> None:
    document = page(said("An op, two ops."), said("One more op."))
    assert linked(document) == [("op", "op")]
    assert document.astext() == "An op, two ops.\n\nOne more op."


def test_the_longest_term_is_meant_and_the_shorter_is_linked_where_it_stands_alone() -> None:
    document = page(said("Two Checkpoint keys of a checkpoint."))
    assert linked(document) == [("Checkpoint keys", "checkpoint key"), ("checkpoint", "checkpoint")]


def test_parts_of_words_are_no_terms() -> None:
    assert linked(page(said("Stop the op-level operation; opt in, co-op, op_1."))) == []


def test_code_headings_outputs_and_links_stay_as_they_are() -> None:
    code = nodes.paragraph("", "", nodes.literal("", "op"))
    output = nodes.container("", said("op"), classes=["cell_output"])
    inside = nodes.paragraph("", "", by_hand("an op", "chapters/reuse"))
    assert linked(page(nodes.title("", "op"), code, output, inside, nodes.literal_block("", "op"))) == []


def test_a_link_by_hand_is_the_first_use_and_leads_to_the_entry() -> None:
    document = page(said("A variable scope and a reader."), nodes.paragraph("", "", by_hand("readers")), said("op"))
    assert linked(document) == [("variable scope", "variable scope"), ("readers", "reader"), ("op", "op")]


def test_a_term_with_a_capital_in_it_is_linked() -> None:
    document = page(said("Under legacy Keras."))
    crossrefs.link_first_uses(document, list(crossrefs.glossary()), "chapters/glossary")
    assert [link.astext() for link in document.findall(addnodes.pending_xref)] == ["legacy Keras"]


def test_everyday_words_are_linked_by_hand_alone() -> None:
    assert linked(page(said("The reader of this page."))) == []
    assert set(crossrefs.entries(crossrefs.GLOSSARY.read_text(encoding="utf-8"))) >= crossrefs.EVERYDAY


def test_a_section_is_in_the_index_under_what_its_heading_and_its_rule_name() -> None:
    title = nodes.title("", "", nodes.Text("What do "), nodes.literal("", "tf.reuse()"), nodes.Text(" and ops do?"))
    rule = nodes.paragraph(
        "", "", nodes.strong("", "The rule: a variable scope decides."), nodes.Text(" No checkpoint.")
    )
    document = page(title, said("A checkpoint key."), rule)
    crossrefs.index_sections(document, TERMS)
    (index,) = document.findall(addnodes.index)
    heading = "What do tf.reuse() and ops do?"
    assert [(kind, words, target) for kind, words, target, _, _ in index["entries"]] == [
        ("single", f"reuse; {heading}", "here"),
        ("single", f"op; {heading}", "here"),
        ("single", f"variable scope; {heading}", "here"),
    ]


def test_each_entry_of_the_glossary_is_found() -> None:
    text = crossrefs.GLOSSARY.read_text(encoding="utf-8")
    found = crossrefs.entries(text)
    assert len(found) == len(re.findall(r"^  \S", text, re.MULTILINE)) > 45
    assert found["op"].startswith("One node of a graph")
    assert "legacy keras" in found  # a name with a capital, which is a term like any other


def test_questions_are_gathered_by_page_in_the_books_order() -> None:
    def row(question: str, target: str) -> nodes.row:
        answer = nodes.paragraph("", "", nodes.reference("", "the section", refuri=target))
        return nodes.row("", nodes.entry("", said(question)), nodes.entry("", answer))

    rows = [row("Third?", "b.html#x"), row("First?", "a.html#y"), row("Second?", "a.html")]
    document = page(nodes.table("", nodes.tgroup("", nodes.thead(), nodes.tbody("", *rows))))
    titles = {f"chapters/{name}": nodes.title("", f"Page {name}") for name in "ab"}
    env = SimpleNamespace(collect_relations=lambda: list(titles), titles=titles)
    crossrefs.list_questions(SimpleNamespace(env=env), document, crossrefs.QUESTIONS)
    assert document.astext().split() == ["Page", "a", "First?", "Second?", "Page", "b", "Third?"]
    assert [(link.astext(), link["refuri"]) for link in document.findall(nodes.reference)] == [
        ("First?", "a.html#y"),
        ("Second?", "a.html"),
        ("Third?", "b.html#x"),
    ]
