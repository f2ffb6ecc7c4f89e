"""Time and bytes of what is drawn: a picture of some 450 boxes, the page of a graph of 100,000 ops, a cold start.

In: nothing; the graphs are generated. Out: one line for each figure, with its limit; exit code 1 if one is exceeded.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "bench")]

from graphs import write  # noqa: E402
from sharings import called, readers, sharing  # noqa: E402

from scopekit.readers import read  # noqa: E402
from scopekit.sharing import analyse  # noqa: E402
from scopekit.show.page import page  # noqa: E402
from scopekit.show.svg import picture  # noqa: E402


def seconds(call: Callable[[], object], times: int) -> float:
    """Return the median time of a call, after one that is not counted."""
    taken = []
    for _ in range(times + 1):
        start = perf_counter()
        call()
        taken.append(perf_counter() - start)
    return median(taken[1:])


def main() -> int:
    """Print the figures, and return 1 if one of them is over its limit."""
    figures: list[tuple[str, float, float, str]] = []
    layers = [f"block_{i}/{part}" for i in range(13) for part in ("query", "key", "value")]
    drawn = sharing(
        *called("tower", 2, layers), *(readers(f"head/w_{i}", {"head": [f"head/op_{i}"]}) for i in range(20))
    )
    svg = picture(drawn, None).svg
    cost, boxes = seconds(lambda: picture(drawn, None), 21), svg.count("<title>") - 1
    figures.append((f"picture of {boxes} boxes", 1000 * cost, 20, "ms"))
    figures.append(("  its SVG", len(svg.encode()) / 1000, 250, "kB"))
    with tempfile.TemporaryDirectory() as folder:
        large, bert = Path(folder, "large.pb"), Path(folder, "bert.pb")
        write(large, 100_000)
        write(bert, 24_000)
        found = analyse(read(large))
        figures.append((f"page of {found.totals.ops:,} ops", seconds(lambda: page(found), 3), 2, "s"))
        figures.append(("  its HTML", len(page(found).encode()) / 1e6, 5, "MB"))
        cold = [sys.executable, "-m", "scopekit", str(bert)]
        cost = seconds(lambda: subprocess.run(cold, cwd=ROOT, capture_output=True, check=True), 5)
        figures.append(("cold process, BERT-sized file to answer", cost, 0.4, "s"))
    for name, value, limit, unit in figures:
        print(f"{name:<42} {value:8.2f} {unit:<3} limit {limit:g}{'' if value <= limit else '   EXCEEDED'}")
    return int(any(value > limit for _, value, limit, _ in figures))


if __name__ == "__main__":
    raise SystemExit(main())
