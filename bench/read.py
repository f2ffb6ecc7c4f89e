"""How long and how much memory it takes from a graph file to the answer, beside protobuf's own full parse of it.

In: nothing, or the numbers of ops to try. Out: a table. Each run is a process of its own, and the two alternate, so
that a busy machine slows both: in one process, the second finds the memory that the first gave back, which halves the
time of a parse. Neither imports TensorFlow; the parse is timed without reading the file. The peak is that of our
process. `bench/graphs.py` makes the files.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

import graphs

SIZES = (6_000, 24_000, 100_000, 1_000_000)
# TensorFlow's own message class, without the ten seconds of `import tensorflow`.
FULL = """
import sys, time, types
from importlib.util import find_spec
folders = find_spec("tensorflow").submodule_search_locations
sys.modules["tensorflow"] = types.ModuleType("tensorflow")
sys.modules["tensorflow"].__path__ = folders
from tensorflow.core.framework.graph_pb2 import GraphDef
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    start = time.perf_counter()
    kept = GraphDef.FromString(data)
    seconds = time.perf_counter() - start
print(seconds)
"""
OURS = """
import sys, time
from scopekit.readers import read
from scopekit.sharing import analyse
for path in sys.argv[1:]:
    start = time.perf_counter()
    kept = read(path)
    between = time.perf_counter()
    found = analyse(kept)
    end = time.perf_counter()
assert "tensorflow" not in sys.modules
print(between - start, end - between)
"""
# Not resource.getrusage: on Linux its figure starts with that of the process from which this one was forked.
PEAK = OURS + "print(int(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]) // 1024)"


def run(program: str, *paths: Path) -> list[float]:
    """Return the numbers that a program prints in a process of its own; the first file is to warm up."""
    done = subprocess.run([sys.executable, "-c", program, *map(str, paths)], capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]


def main() -> None:
    """Print the table."""
    sizes = [int(arg.replace("_", "")) for arg in sys.argv[1:]] or SIZES
    print("      ops     MB  full parse    read  analyse  µs/op  ratio  peak MB   (target: ratio 5, at 1 M ops 600 MB)")
    with tempfile.TemporaryDirectory() as folder:
        small, path = Path(folder) / "small.pb", Path(folder) / "graph.pb"
        graphs.write(small, 1)
        for size in sizes:
            ops = graphs.write(path, size)
            full, ours = [], []
            for _ in range(3 if ops > 500_000 else 11):
                full += run(FULL, small, path) if find_spec("tensorflow") else []
                ours.append(run(OURS, small, path))
            reading, analysing = map(median, zip(*ours, strict=True))
            peak = run(PEAK, path)[-1]
            whole = f"{median(full):10.3f}  " if full else "         -  "
            ratio = f"{(reading + analysing) / median(full):5.1f}" if full else "    -"
            print(
                f"{ops:9,} {path.stat().st_size / 1e6:6.1f}  {whole}{reading:6.3f}   {analysing:6.3f}"
                f"  {(reading + analysing) / ops * 1e6:5.1f}  {ratio}  {peak:7.0f}",
                flush=True,
            )
        ops = graphs.write(path, 24_000)
        cold: list[float] = []
        bare: list[float] = []
        for _ in range(7):
            for times, program in ((cold, OURS), (bare, "")):
                start = time.perf_counter()
                run(program, path)
                times.append(time.perf_counter() - start)
        print(
            f"a cold process, {ops:,} ops to the answer: {median(cold):.2f} s (Python: {median(bare):.2f}, target 0.4)"
        )


if __name__ == "__main__":
    main()
