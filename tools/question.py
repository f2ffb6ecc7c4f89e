"""Add a question to the index: `make question` asks for the section that answers it, the proof, and the words.

In: answers on the terminal, most of them a number from a list. Out: one more row of `chapters/questions.md`. Nothing is
changed before the last answer, and a row that the tests would refuse is not written.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import nbformat
from refresh import CHAPTERS, replace


@cache
def sections(chapter: Path) -> dict[str, list[nbformat.NotebookNode]]:
    """Return the cells with code below each heading of a chapter, down to the next heading of its rank."""
    found: dict[str, list[nbformat.NotebookNode]] = {}
    ranks: dict[str, int] = {}
    for cell in nbformat.read(chapter, as_version=4).cells:
        if cell.cell_type == "code":
            for heading in ranks:
                found[heading].append(cell)
            continue
        for marks, heading in re.findall(r"^(#+) (.+)$", cell.source, re.MULTILINE):
            ranks = {other: rank for other, rank in ranks.items() if rank < len(marks)} | {heading: len(marks)}
            found.setdefault(heading, [])
    return found


def proofs(cells: Sequence[nbformat.NotebookNode]) -> list[str]:
    """Return the lines that name one cell of a section, which has an output."""
    lines = [{line.strip() for line in cell.source.splitlines()} - {""} for cell in cells]
    times = Counter(line for each in lines for line in each)
    named = [
        line.strip() for cell in cells for line in cell.source.splitlines() if cell.outputs and times[line.strip()] == 1
    ]
    return [line for line in named if not line.startswith(("#", ")", "]", "}")) and "``" not in line]


def choose(what: str, options: Sequence[str]) -> str:
    """Ask for one of `options` by its number, until one is given."""
    print("\n".join(f"{number:4}  {option}" for number, option in enumerate(options, 1)))
    while True:
        given = input(f"{what} (1 to {len(options)}): ").strip()
        if given.isdecimal() and 1 <= int(given) <= len(options):
            return options[int(given) - 1]
        print(f"question: {given!r} is no number from 1 to {len(options)}")


def add(index: Path, part: str, asked: str, heading: str, chapter: str, line: str) -> None:
    """Put a row at the end of the table of `part`."""
    text = index.read_text(encoding="utf-8")
    if not asked or "|" in asked or f"\n| {asked} |" in text:
        sys.exit(f"question: {asked!r} is empty, has a | in it, or is there already; nothing was changed")
    before, after = text.split(f"\n## {part}\n", 1)
    table, gap, rest = after.partition("\n\n## ")
    row = f"| {asked} | [{heading}]({chapter}.ipynb) | ``{line}`` |"
    replace(index, f"{before}\n## {part}\n{table.rstrip()}\n{row}{gap}{rest}" + ("" if gap else "\n"))


def main(folder: Path = CHAPTERS) -> None:
    """Ask, and add the row."""
    index = folder / "questions.md"
    try:
        chapter = choose("Which page answers it?", sorted(path.stem for path in folder.glob("*.ipynb")))
        answers = sections(folder / f"{chapter}.ipynb")
        heading = choose("Which section?", [name for name in answers if proofs(answers[name]) and "]" not in name])
        line = choose("Which line names the cell that proves it?", proofs(answers[heading]))
        part = choose("Where will people look?", re.findall("^## (.+)$", index.read_text(encoding="utf-8"), re.M))
        asked = input("The question, as people ask it: ").strip()
    except (EOFError, KeyboardInterrupt):
        sys.exit("\nquestion: nothing was changed")
    add(index, part, asked, heading, chapter, line)
    print(f"question: it stands under {part!r}; make check CHAPTERS={chapter} tests it")


if __name__ == "__main__":
    main()
