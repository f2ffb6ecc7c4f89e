"""How long and how much memory it takes from a graph file to the answer, beside protobuf's own full parse of it.

In: nothing, or the numbers of ops to try. Out: a table. Times are medians of runs that alternate, so that a busy
machine slows both; the peak is that of a process of its own, without TensorFlow. `bench/graphs.py` makes the files.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
sys.path.insert(0, str(Path(__file__).parent))

import graphs

from scopekit.readers import read
from scopekit.sharing import analyse

SIZES = (6_000, 24_000, 100_000, 1_000_000)
COLD = """
import sys
from scopekit.readers import read
from scopekit.sharing import analyse
found = analyse(read(sys.argv[1]))
assert "tensorflow" not in sys.modules
print(found.totals.shared)
"""
# Not resource.getrusage: on Linux its figure starts with that of the process from which this one was forked.
PEAK = COLD + "print(int(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]) // 1024)"


def timed(run: Callable[[], object]) -> float:
    """Return the seconds that `run` takes."""
    gc.collect()
    start = time.perf_counter()
    kept = run()
    seconds = time.perf_counter() - start
    del kept
    return seconds


def main() -> None:
    """Print the table."""
    try:
        from tensorflow.core.framework.graph_pb2 import GraphDef
    except ImportError:
        GraphDef = None  # noqa: N806
    sizes = [int(arg.replace("_", "")) for arg in sys.argv[1:]] or SIZES
    print("      ops     MB  full parse    read  analyse  µs/op  ratio  peak MB   (target: ratio 5, at 1 M ops 600 MB)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.pb"
        for size in sizes:
            ops = graphs.write(path, size)
            full, reading, analysing = [], [], []
            for _ in range(3 if ops > 500_000 else 11):
                if GraphDef:
                    data = path.read_bytes()
                    full.append(timed(partial(GraphDef.FromString, data)))
                    del data
                reading.append(timed(partial(read, path)))
                graph = read(path)
                analysing.append(timed(partial(analyse, graph)))
                del graph
            ours = median(reading) + median(analysing)
            peak = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
            whole = f"{median(full):10.3f}  " if full else "         -  "
            ratio = f"{ours / median(full):5.1f}" if full else "    -"
            print(
                f"{ops:9,} {path.stat().st_size / 1e6:6.1f}  {whole}{median(reading):6.3f}   {median(analysing):6.3f}"
                f"  {ours / ops * 1e6:5.1f}  {ratio}  {peak.stdout.split()[-1]:>7}",
                flush=True,
            )
        ops = graphs.write(path, 24_000)
        command = [sys.executable, "-c", COLD, str(path)]
        cold = [timed(lambda: subprocess.run(command, capture_output=True, check=True)) for _ in range(7)]
        bare = [timed(lambda: subprocess.run([sys.executable, "-c", ""], check=True)) for _ in range(7)]
        print(
            f"a cold process, {ops:,} ops to the answer: {median(cold):.2f} s (Python: {median(bare):.2f}, target 0.4)"
        )


if __name__ == "__main__":
    main()
