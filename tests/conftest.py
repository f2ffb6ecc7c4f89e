"""How long the cells of each chapter took, for the status page; the file is of this machine, and in no commit."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

TIMES = Path(__file__).resolve().parent.parent / ".times.json"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add the chapters that passed to the file."""
    seconds: Counter[str] = Counter()
    failed = set()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            path = Path(report.nodeid.partition("::")[0])
            if path.suffix == ".ipynb" and path.parent.name == "chapters":
                seconds[path.stem] += report.duration
                failed |= {path.stem} if outcome != "passed" else set()
    if measured := {name: round(spent, 1) for name, spent in seconds.items() if name not in failed}:
        old = json.loads(TIMES.read_text(encoding="utf-8")) if TIMES.exists() else {}
        TIMES.write_text(json.dumps({**old, **measured}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
