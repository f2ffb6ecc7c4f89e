"""What the line above a hidden cell says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from docutils import nodes
from docutils.utils import new_document

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import hidden


def cell(mode: str = "all") -> nodes.container:
    return nodes.container(hide_mode=mode, prompt_show="Show code cell content")


def labelled(heading: str, *children: nodes.Node) -> nodes.section:
    document = new_document("chapter.ipynb")
    section = nodes.section("", nodes.title("", heading), *children)
    document += section
    hidden.label(document)
    return section


def test_a_solution_is_behind_its_own_name() -> None:
    section = labelled("Exercises", nodes.paragraph("", "Do it."), nodes.paragraph("", "Solution"), cell())
    assert [child.astext() for child in section[1:-1]] == ["Do it."]
    assert (section[-1]["prompt_show"], section[-1]["prompt_hide"]) == ("Show the solution", "Hide the solution")


@pytest.mark.parametrize(
    ("heading", "mode", "words"),
    [
        ("Key points", "all", "Show the cell that checks these points"),
        ("A section", "all", "Show the code"),
        ("A section", "output", "Show what it prints"),
    ],
)
def test_another_cell_says_what_it_hides(heading: str, mode: str, words: str) -> None:
    section = labelled(heading, nodes.paragraph("", "The rule is this."), cell(mode))
    assert len(section) == 3
    assert section[-1]["prompt_show"] == words


def test_a_cell_that_is_seen_keeps_its_line() -> None:
    section = labelled("Exercises", nodes.paragraph("", "Solution"), nodes.container(prompt_show="Show"))
    assert len(section) == 3
    assert section[-1]["prompt_show"] == "Show"
