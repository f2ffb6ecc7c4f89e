"""The index of questions: each one's cell is there, was run, and shows something."""

from __future__ import annotations

import re
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


@pytest.mark.parametrize("row", QUESTIONS, ids=lambda row: row["question"][:50])
def test_the_cell_is_there_and_was_run(row: re.Match[str]) -> None:
    cells = nbformat.read(CHAPTERS / row["target"], as_version=4).cells
    headings = [
        line.lstrip("# ") for cell in cells if cell.cell_type == "markdown" for line in cell.source.splitlines()
    ]
    assert row["heading"].replace("\\", "") in headings
    code = [cell for cell in cells if cell.cell_type == "code"]
    (cell,) = [cell for cell in code if row["phrase"] in map(str.strip, cell.source.splitlines())]
    assert cell.execution_count
    assert cell.outputs
