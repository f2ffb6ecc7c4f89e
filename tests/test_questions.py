"""The index of questions: each one's cell is there, was run, and shows something."""

from __future__ import annotations

import re
import sys
from difflib import get_close_matches
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import question  # noqa: E402

CHAPTERS = ROOT / "chapters"
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
    there, heading = question.sections(CHAPTERS / row["target"]), row["heading"].replace("\\", "")
    if heading not in there:
        near = get_close_matches(heading, there, 3, 0.3)
        pytest.fail(f"{row['target']} has no heading {heading!r}; the nearest are {near}", pytrace=False)
    cells = [cell for cell in there[heading] if row["phrase"] in map(str.strip, cell.source.splitlines())]
    if len(cells) != 1:
        what = f"{row['phrase']!r} is a whole line of {len(cells)} cells below {heading!r} in {row['target']}"
        pytest.fail(f"{what}; choose one that is in exactly one", pytrace=False)
    assert cells[0].execution_count
    assert cells[0].outputs


INDEX = "# Q\n\n## Names\n\n| You ask | in | by |\n|---|---|---|\n| A? | [B](b.ipynb) | ``c`` |\n\n## Sharing\n\n|x|\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cells = [
        new_markdown_cell("# Title"),
        new_code_cell("setup = 0"),
        new_markdown_cell("## Which?\n\nThis."),
        new_code_cell("x = 1\nprint(x)", outputs=[new_output("stream", text="1")]),
        new_markdown_cell("## Other"),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "chapter.ipynb")
    (tmp_path / "questions.md").write_text(INDEX, encoding="utf-8")
    return tmp_path


def answer(monkeypatch: pytest.MonkeyPatch, *given: str) -> None:
    answers = iter(given)
    monkeypatch.setattr("builtins.input", lambda _: next(answers))


def test_a_question_is_added_by_numbers(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, "1", "9", "2", "2", "1", " Which one? ")
    question.main(folder)
    row = "| Which one? | [Which?](chapter.ipynb) | ``print(x)`` |"
    assert ROW.match(row)
    assert (folder / "questions.md").read_text(encoding="utf-8") == INDEX.replace("``c`` |\n", f"``c`` |\n{row}\n")
    assert "'9' is no number from 1 to 2" in capsys.readouterr().out


@pytest.mark.parametrize("asked", ["", "A?", "a | b"])
def test_a_question_that_cannot_be_added_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    answer(monkeypatch, "1", "2", "1", "1", asked)
    with pytest.raises(SystemExit, match="nothing was changed"):
        question.main(folder)
    assert (folder / "questions.md").read_text(encoding="utf-8") == INDEX
