"""The index of questions: each one's cell is there, was run, and shows something."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import nbformat
import pytest

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"
ROW = re.compile(
    r"^\| (?P<question>.+?) \| \[(?P<heading>[^\]]+)\]\((?P<target>[a-z_]+\.ipynb)\) \| ``(?P<phrase>.+?)`` \|$"
)
TABLE = [
    line
    for line in (CHAPTERS / "questions.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| You ask")
]
QUESTIONS = [match for line in TABLE if (match := ROW.match(line))]


def test_every_row_is_read() -> None:
    assert len(QUESTIONS) == len(TABLE) >= 30


def test_no_question_stands_twice() -> None:
    asked = [row["question"] for row in QUESTIONS]
    assert sorted(set(asked)) == sorted(asked)


@cache
def sections(target: str) -> dict[str, list[nbformat.NotebookNode]]:
    """Return the cells with code below each heading of a chapter, down to the next heading of its rank."""
    found: dict[str, list[nbformat.NotebookNode]] = {}
    open_: dict[str, int] = {}
    for cell in nbformat.read(CHAPTERS / target, as_version=4).cells:
        if cell.cell_type == "code":
            for heading in open_:
                found[heading].append(cell)
        for marks, heading in re.findall(r"^(#+) (.+)$", cell.source, re.MULTILINE) if cell.cell_type != "code" else []:
            open_ = {other: rank for other, rank in open_.items() if rank < len(marks)} | {heading: len(marks)}
            found.setdefault(heading, [])
    return found


@pytest.mark.parametrize("row", QUESTIONS, ids=lambda row: row["question"][:50])
def test_the_cell_is_there_and_was_run(row: re.Match[str]) -> None:
    there, heading = sections(row["target"]), row["heading"].replace("\\", "")
    if heading not in there:
        near = get_close_matches(heading, there, 3, 0.3)
        pytest.fail(f"{row['target']} has no heading {heading!r}; the nearest are {near}", pytrace=False)
    cells = [cell for cell in there[heading] if row["phrase"] in map(str.strip, cell.source.splitlines())]
    if len(cells) != 1:
        what = f"{row['phrase']!r} is a whole line of {len(cells)} cells below {heading!r} in {row['target']}"
        pytest.fail(f"{what}; choose one that is in exactly one", pytrace=False)
    assert cells[0].execution_count
    assert cells[0].outputs
