"""The pages that are made at each build: the reference of scopekit, and the status page."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

import scopekit as sk

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import reference  # noqa: E402
import status  # noqa: E402


def test_the_reference_has_every_public_name() -> None:
    page = reference.page()
    entries = set(re.findall(r"^`+\{py:\w+\} (\w+).*\n:module: scopekit$", page, re.MULTILINE))
    assert set(dir(sk)) - {"rules"} <= entries
    assert {"Verdict", "Match", "Trace", "Event", "Picture", "Variable", "Read"} <= entries
    assert "_repr_" not in page
    assert "## The rules without TensorFlow: `sk.rules`" in page


def test_the_reference_says_what_the_docstring_says() -> None:
    entry = reference.page().partition("{py:function} same(")[2].partition("`````")[0]
    assert entry.startswith("a: Any, b: Any) -> bool\n:module: scopekit\n\nReturn whether `a` and `b` are one variable")
    assert "**Arguments**\n\n- `a`: a variable, of TensorFlow (either kind) or of Keras 3.\n- `b`: another.\n" in entry
    assert "**Raises**\n\n- `ScopekitError`: if one of them is no variable." in entry
    assert "```pycon\n>>> same(1.0, 1.0)\n" in entry


def test_the_status_page_counts_and_does_not_guess(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(status, "TIMES", tmp_path / "none.json")
    monkeypatch.setattr(status, "PROVED", tmp_path / "none.json")
    page = status.page()
    assert page == status.page()
    assert f"| scopekit | {sk.__version__} |" in page
    rows = [line for line in page.splitlines() if ".ipynb)" in line]
    assert rows and "time of its cells" not in page
    code = [cell for cell in json.loads((ROOT / "chapters" / "reuse.ipynb").read_text())["cells"] if "outputs" in cell]
    assert any(f"(reuse.ipynb) | {len(code)} |" in line for line in rows)
    assert "No run of `make prove` is recorded." in page


def test_the_status_page_shows_what_was_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    times, proved = tmp_path / "times.json", tmp_path / "proved.json"
    times.write_text('{"reuse": 12.4}')
    run = {
        "programs": 2000,
        "events": 9,
        "partial": 3,
        "first": 0,
        "last": 1999,
        "tensorflow": "2.21.0",
        "python": "3.12.1",
    }
    proved.write_text(json.dumps({**run, "date": "2026-01-02", "commit": "abc"}))
    monkeypatch.setattr(status, "TIMES", times)
    monkeypatch.setattr(status, "PROVED", proved)
    assert re.search(r"\(reuse\.ipynb\).*\| 12 s \|", status.page())
    assert re.search(r"\(towers\.ipynb\).*\| not measured here \|", status.page())
    assert "agreed on all of 2,000 random programs" in status.page()


def test_a_copy_that_is_no_repository_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "_git", lambda *_: "")
    assert "| commit | not known: this copy is no repository |" in status.page()
