"""Run random programs on `scopekit.rules` and on TensorFlow, on all cores, and report where they differ.

    python tests/prove_rules.py 200000 [--seed 0] [--jobs 2] [--odd 0.08]

Program number i is made from seed + i, so that a run can be repeated and split. A disagreement is shrunk by
hypothesis to the shortest program that still disagrees. Exit code: 0 if there is none and every branch of the
model was reached, else 1.
"""

import argparse
import contextlib
import gc
import importlib
import io
import itertools
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0")
sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent)]

import rules_programs  # noqa: E402

CHUNK = 50
WITH_BODY = ("variable_scope", "name_scope", "graph", "template", "strict", "try")


def compare(program: Any) -> Any:
    """Return both logs, the model's completeness and the seconds that each took."""
    import tensorflow.compat.v1 as tf

    from scopekit import rules

    def log(module: Any) -> Any:
        # A generator of TensorFlow's that an error left behind closes when it is collected, and takes a graph off the
        # stack of whatever program runs then: so it is collected here, between two programs, and not in one.
        gc.collect()
        start = time.perf_counter()
        try:
            found, complete = rules_programs.run(program, module)
        except Exception as error:  # none is expected here; it is compared like everything else
            found, complete = [repr(error)], True
        return found, complete, time.perf_counter() - start

    ours, complete, model = log(rules)
    theirs, _, tensorflow = log(tf)
    return ours, (theirs if complete else theirs[: len(ours)]), complete, model, tensorflow


def run_chunk(first: Any, last: Any, odd: Any) -> Any:
    """Run the programs of these seeds; return the figures and the seeds that disagree."""
    figures: Counter[str] = Counter()
    disagree: list[int] = []
    importlib.import_module("tensorflow.compat.v1")
    gc.disable()
    gc.freeze()  # what was imported is no garbage: a collection costs a hundredth without it
    for seed in range(first, last):
        ours, theirs, complete, model, tensorflow = compare(rules_programs.generate(random.Random(seed), odd))
        figures.update(programs=1, events=len(ours), partial=not complete, model=model, tensorflow=tensorflow)
        if ours != theirs:
            disagree.append(seed)
    return figures, disagree


def shrink(program: Any) -> Any:
    """Return the shortest program that is left of this one and still disagrees; hypothesis chooses what to drop."""
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis import strategies as st

    keep = st.integers(0, 9).map(bool)  # nine times in ten, and never once it has been shrunk

    def fewer(draw: Any, arguments: Any) -> Any:
        return {key: value for key, value in arguments.items() if draw(keep)}

    @st.composite
    def part_of(draw: Any, body: Any) -> Any:
        kept: list[Any] = []
        for statement in body:
            if not draw(keep):  # of a block, what is in it may stay
                kept += draw(part_of(statement[-1])) if statement[0] in WITH_BODY else []
                continue
            parts = [fewer(draw, part) if isinstance(part, dict) else part for part in statement]
            if statement[0] in WITH_BODY:
                parts[-1] = draw(part_of(parts[-1]))
            kept.append(parts)
        return kept

    def disagrees(candidate: Any) -> bool:
        ours, theirs, *_ = compare(candidate)
        return bool(ours != theirs)

    options = settings(
        max_examples=1000, phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck),
        deadline=None, database=None, derandomize=True,
    )  # fmt: skip
    try:
        return find(part_of(program), disagrees, settings=options)
    except Exception:  # nothing smaller was found by chance
        return program


def uncovered(programs: Any, seed: Any, odd: Any) -> Any:
    """Return the lines and branches of the model that neither random programs nor the examples reach."""
    import coverage
    import pytest

    measured = coverage.Coverage(branch=True, include=["*/scopekit/rules.py"], data_file=None, config_file=False)
    measured.start()
    from scopekit import rules

    for number in range(programs):
        rules_programs.run(rules_programs.generate(random.Random(seed + number), odd), rules)
    for program in rules_programs.awkward().values():
        rules_programs.run_text(program, rules)
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(["-q", "-p", "no:cacheprovider", str(Path(__file__).parent / "test_rules.py"), rules.__file__])
    measured.stop()
    analysis = measured._analyze(rules.__file__)
    branches = [
        f"{line} -> {'the end' if target < 0 else target}"
        for line, targets in sorted(analysis.missing_branch_arcs().items())
        for target in sorted(targets)
    ]
    return sorted(analysis.missing), branches, analysis.numbers.pc_covered


def record(figures: Any, first: int, last: int) -> None:
    """Keep this run for the book's status page, if no larger one with these versions is kept."""
    import json
    import platform
    import subprocess
    from datetime import date

    import tensorflow as tf

    path = Path(__file__).parent.parent / "bench" / "proved.json"
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    versions = {"tensorflow": tf.__version__, "python": platform.python_version()}
    if old.get("programs", 0) > figures["programs"] and old.get("tensorflow") == versions["tensorflow"]:
        return
    git = ["git", "log", "-1", "--format=%h", "--", "scopekit/rules.py"]
    commit = subprocess.run(git, cwd=path.parent.parent, capture_output=True, text=True).stdout.strip() or "not known"
    counts = {
        "programs": figures["programs"],
        "events": figures["events"],
        "partial": figures["partial"],
        "first": first,
        "last": last,
    }
    run = {**counts, **versions, "date": date.today().isoformat(), "commit": commit}
    path.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


def main() -> Any:
    """Run, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("programs", type=int, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first program")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes; each imports TensorFlow")
    parser.add_argument("--odd", type=float, default=0.08, help="chance of an unusual value wherever one could stand")
    options = parser.parse_args()

    missing, branches, percent = uncovered(min(options.programs, 5000), options.seed, options.odd)

    from tqdm import tqdm

    figures: Counter[str] = Counter()
    disagree: list[int] = []
    last = options.seed + options.programs
    spawn = multiprocessing.get_context("spawn")  # a forked TensorFlow can wait for its own threads for ever
    with (
        ProcessPoolExecutor(options.jobs, mp_context=spawn) as pool,
        tqdm(total=options.programs, unit=" programs", smoothing=0.05) as bar,
    ):
        chunks = [(first, min(first + CHUNK, last)) for first in range(options.seed, last, CHUNK)]
        for done in as_completed([pool.submit(run_chunk, *chunk, options.odd) for chunk in chunks]):
            found, seeds = done.result()
            figures.update(found)
            disagree += seeds
            bar.update(found["programs"])
            bar.set_postfix(disagree=len(disagree))

    print(f"programs      {figures['programs']:,} (seeds {options.seed:,} to {last - 1:,})")
    print(f"events        {figures['events']:,} compared, each a name, an identity, a flag or an error")
    print(f"not covered   {figures['partial']:,} programs ended early with NotImplementedError, and agreed until then")
    print(f"disagreements {len(disagree):,}")
    per_second = {key: figures["programs"] / figures[key] for key in ("model", "tensorflow")}
    ratio = per_second["model"] / per_second["tensorflow"]
    print(
        f"speed         {per_second['model']:,.0f} programs a second on the model, {per_second['tensorflow']:,.0f} on "
        f"TensorFlow, for each core: {ratio:.0f} times (the interpreter's own time is in both)"
    )
    if not (disagree or missing or branches):
        record(figures, options.seed, last - 1)
    print(f"coverage      {percent:.1f} % of the lines and branches of rules.py")
    if missing or branches:
        print(f"not reached   lines {missing or 'none'}; branches {branches or 'none'}")
    for seed in sorted(disagree)[:5]:
        program = shrink(rules_programs.generate(random.Random(seed), options.odd))
        ours, theirs, *_ = compare(program)
        print(f"\nseed {seed}: {program}")
        for mine, its in itertools.zip_longest(ours, theirs):
            if mine != its:
                print(f"  model      {mine}\n  TensorFlow {its}")
                break
    return 1 if disagree or missing or branches else 0


if __name__ == "__main__":
    sys.exit(main())
