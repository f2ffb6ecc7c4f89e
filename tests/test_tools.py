"""The project's own commands: what they refuse, in one line, and that a refresh loses nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import chapter  # noqa: E402
import form  # noqa: E402
import refresh  # noqa: E402
import tasks  # noqa: E402


def tool(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(ROOT / "tools" / name), *words], capture_output=True, text=True)


def write(path: Path, *sources: str) -> Path:
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


def test_refresh_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", "print(1)\nprint(2)", "import os\nos.sep")
    refresh.refresh(path)
    first = path.read_bytes()
    refresh.refresh(path)
    assert path.read_bytes() == first
    notebook = json.loads(first)
    assert [cell["execution_count"] for cell in notebook["cells"]] == [1, 2]
    assert notebook["cells"][0]["outputs"][0]["text"] == ["1\n", "2\n"]
    assert notebook["metadata"]["language_info"] == {"name": "python"}


def test_a_cell_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", "print(1)", "1 / 0")
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        refresh.refresh(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.ipynb"]


def test_an_error_is_stored_as_its_last_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", "raise ValueError('no')")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].metadata["tags"] = ["raises-exception"]
    nbformat.write(notebook, path)
    refresh.refresh(path)
    (error,) = nbformat.read(path, as_version=4).cells[0].outputs
    assert "".join(error.traceback).strip() == "ValueError: no"


def test_refresh_names_the_chapters_that_there_are() -> None:
    ran = tool("refresh.py", "no_such_chapter")
    assert ran.returncode == 1
    assert ran.stderr.startswith("refresh: no chapter 'no_such_chapter'; there are: ")
    assert "image_filters" in ran.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "chapters").mkdir()
    (tmp_path / "_toc.yml").write_text((ROOT / "_toc.yml").read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def test_a_new_chapter_runs_keeps_the_form_and_is_in_the_book(project: Path) -> None:
    path = chapter.make("my_chapter", project)
    assert form.faults(path) == []
    lines = (project / "_toc.yml").read_text(encoding="utf-8").splitlines()
    at = lines.index("      - file: chapters/my_chapter")
    assert lines[:at] + lines[at + 1 :] == (ROOT / "_toc.yml").read_text(encoding="utf-8").splitlines()
    assert lines[at + 1].strip() == "- caption: Reference"


@pytest.mark.parametrize("name", ["My chapter", "../x", "", "taken"])
def test_a_chapter_that_cannot_be_made_changes_nothing(project: Path, name: str) -> None:
    (project / "chapters" / "taken.ipynb").write_text("mine", encoding="utf-8")
    before = {path: path.read_bytes() for path in sorted(project.rglob("*.*"))}
    with pytest.raises(SystemExit, match=r"^chapter: .*(cannot be a chapter's name|is there already)"):
        chapter.make(name, project)
    assert {path: path.read_bytes() for path in sorted(project.rglob("*.*"))} == before


def test_the_readme_shows_what_the_chapter_drew() -> None:
    chapter, picture = refresh.README_PICTURE
    assert picture.read_text(encoding="utf-8") == refresh.first_picture(chapter)
    assert f"({picture.relative_to(ROOT).as_posix()})" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_python_that_is_too_old_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "OLDEST", (9, 0))
    with pytest.raises(SystemExit, match=r"whose-weights: Python 3\.\d+\.\d+ is too old; 3\.11 or newer is needed"):
        tasks.check_python(needs_tensorflow=False)


def test_a_python_without_a_tensorflow_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "NEWEST", (3, 0))
    tasks.check_python(needs_tensorflow=False)
    with pytest.raises(SystemExit, match=r"TensorFlow 2\.21 has no wheel for Python"):
        tasks.check_python(needs_tensorflow=True)


def test_an_install_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    say = "print('no route to host'); raise SystemExit(1)"
    monkeypatch.setattr(tasks, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(tasks, "PYTHON", tmp_path / ".venv" / "python")
    monkeypatch.setattr(tasks, "LOG", tmp_path / "install.log")
    monkeypatch.setattr(tasks, "install_commands", lambda *_: [[sys.executable, "-c", say]])
    with pytest.raises(SystemExit) as stopped:
        tasks.install("book")
    message = str(stopped.value)
    assert message.startswith(
        "whose-weights: could not install requirements/book.txt (no route to host). Is the network"
    )
    assert "\n" not in message
    assert not (tmp_path / ".venv").exists()


def test_tasks_are_readable_to_an_old_python() -> None:
    compile((ROOT / "tools" / "tasks.py").read_text(encoding="utf-8"), "tasks.py", "exec", dont_inherit=True)
    import ast

    ast.parse((ROOT / "tools" / "tasks.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_the_makefile_has_a_target_for_each_task() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in tasks.TASKS:
        assert f"make {name} " in makefile


@pytest.mark.parametrize("name", ["book", "full"])
def test_locks_name_no_index_and_hash_everything(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert not any(line.startswith("-") for line in text.splitlines())
    pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pinned
    assert all("==" in line and line.endswith("\\") for line in pinned)


def test_the_full_lock_contains_the_books() -> None:
    book, full = (
        {line for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines() if line[:1].isalpha()}
        for name in ("book", "full")
    )
    assert {line.split(" ")[0] for line in book} <= {line.split(" ")[0] for line in full}


def test_the_book_set_has_no_tensorflow() -> None:
    assert "tensorflow" not in (ROOT / "requirements" / "book.txt").read_text(encoding="utf-8")
