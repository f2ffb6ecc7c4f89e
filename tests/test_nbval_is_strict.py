"""nbval, called as `make test` calls it, fails on a changed output, word or picture, and names notebook and cell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

SVG = "<svg role='img' aria-label='boxes'><rect width='40'/></svg>"
DRAW = f"from IPython.display import HTML\nHTML({SVG!r})"


def notebook() -> Any:
    """Return a notebook that was run: a print, a value, an error, a picture."""
    error = new_output(
        "error", ename="ValueError", evalue="w already exists", traceback=["ValueError: w already exists"]
    )
    shown = {"text/plain": "<IPython.core.display.HTML object>", "text/html": SVG}
    return new_notebook(
        cells=[
            new_code_cell("print('four')", execution_count=1, outputs=[new_output("stream", text="four\n")]),
            new_code_cell("4, 8", execution_count=2, outputs=[value({"text/plain": "(4, 8)"}, 2)]),
            new_code_cell(
                "raise ValueError('w already exists')",
                execution_count=3,
                outputs=[error],
                metadata={"tags": ["raises-exception"]},
            ),
            new_code_cell(DRAW, execution_count=4, outputs=[value(shown, 4)]),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )


def value(data: dict[str, str], count: int) -> Any:
    return new_output("execute_result", data=data, execution_count=count)


def run_nbval(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "-p", "no:xdist", str(path)]
    return subprocess.run(command, capture_output=True, text=True, cwd=path.parent, timeout=110)


def changed_print(cells: Any) -> None:
    cells[0].outputs[0].text = "five\n"


def changed_value(cells: Any) -> None:
    cells[1].outputs[0].data["text/plain"] = "(4, 9)"


def changed_error(cells: Any) -> None:
    cells[2].outputs[0].evalue = "w exists already"


def changed_picture(cells: Any) -> None:
    cells[3].outputs[0].data["text/html"] = SVG.replace("40", "41")


def lost_output(cells: Any) -> None:
    cells[0].outputs = []


def test_a_true_notebook_passes(tmp_path: Path) -> None:
    nbformat.write(notebook(), tmp_path / "true.ipynb")
    ran = run_nbval(tmp_path / "true.ipynb")
    assert ran.returncode == 0, ran.stdout
    assert "4 passed" in ran.stdout


@pytest.mark.parametrize(
    ("change", "cell"),
    [(changed_print, 0), (changed_value, 1), (changed_error, 2), (changed_picture, 3), (lost_output, 0)],
)
def test_a_change_fails_and_is_named(change: Callable[[Any], None], cell: int, tmp_path: Path) -> None:
    false = notebook()
    change(false.cells)
    nbformat.write(false, tmp_path / "false.ipynb")
    ran = run_nbval(tmp_path / "false.ipynb")
    assert ran.returncode == 1, ran.stdout
    assert f"false.ipynb::Cell {cell}" in ran.stdout
    assert "1 failed, 3 passed" in ran.stdout
