"""How many programs a second `scopekit.rules` runs, beside TensorFlow on the same programs; and what its import costs.

In: nothing. Out: a table, and what a scope that does nothing at all would reach, for TensorFlow's own scopes are Python
too, and cheap. Each program is one function that takes the module, so that no interpreter stands between; the two take
turns in one run, and the median of the pairs counts.
"""

from __future__ import annotations

import gc
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent / "tests"))
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": "-1"}

import rules_programs

from scopekit import rules

PROGRAMS = [rules_programs.generate(random.Random(seed), odd=0.02) for seed in range(300)]
PAIRS, LEAST = 15, 0.02  # seconds that one measurement takes at least


def layers(tf: Any) -> None:
    """Make a network of eight layers, and call it once more under reuse."""
    with tf.Graph().as_default():
        for reuse in (False, True):
            with tf.variable_scope("net", reuse=reuse):
                x = tf.constant(1.0)
                for i in range(8):
                    with tf.variable_scope(f"layer{i}"):
                        x = tf.add(tf.identity(x), tf.get_variable("w", []), name="out")


def plain_variables(tf: Any) -> None:
    """Make the article's four variables at each of two calls, with `Variable`."""
    with tf.Graph().as_default():
        for _ in range(2):
            for conv in ("conv1", "conv2"):
                tf.Variable(0.0, name=f"{conv}/weights")
                tf.Variable(0.0, name=f"{conv}/biases")


def find(tf: Any) -> None:
    """Find one variable a hundred times: names and the store alone, hardly an op."""
    with tf.Graph().as_default(), tf.variable_scope("net", reuse=tf.AUTO_REUSE):
        for _ in range(100):
            tf.get_variable("w", [2])


def scopes(tf: Any) -> None:
    """Open scopes of both kinds, nested and again, without an op."""
    with tf.Graph().as_default():
        for _ in range(10):
            with tf.variable_scope("a") as scope, tf.name_scope("b"), tf.variable_scope("c"), tf.variable_scope(scope):
                tf.get_variable_scope()


def refused(tf: Any) -> None:
    """Ask ten times for what is not there."""
    with tf.Graph().as_default(), tf.variable_scope("net", reuse=True):
        for i in range(10):
            try:
                tf.get_variable(f"w{i}", [2])
            except ValueError:
                continue
            raise AssertionError("it was found")


class Nothing:
    """What a scope takes that does nothing: it is made, entered and left."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> str:
        return self.name

    def __exit__(self, *error: object) -> None:
        """Do nothing."""


def one_scope(tf: Any) -> None:
    """Open a name scope a thousand times in one graph, as the least that a scope can be."""
    with tf.Graph().as_default():
        for _ in range(1000):
            with tf.name_scope("a"):
                pass


class Least:
    """A module of one name scope that does nothing."""

    Graph = type("Graph", (), {"as_default": lambda self: Nothing("")})
    name_scope = Nothing


class Silent(rules_programs._Interpreter):  # type: ignore[misc]  # the tests are not typed
    """The interpreter of the random programs, without what it writes down."""

    def show_value(self, value: Any) -> None:
        """Write nothing down."""

    show_scope = show_value


def random_mix(tf: Any) -> None:
    """Run 300 of the programs of `make prove`, without the log; what is left of their interpreter is in both."""
    rules_programs.first_sentence = lambda error: ("", "")
    for program in PROGRAMS:
        interpreter = Silent(tf)
        interpreter.graphs = [tf.Graph(), tf.Graph()]
        with interpreter.graphs[0].as_default():
            try:
                interpreter.run(program, strict=False)
            except (rules_programs.Boom, rules_programs.NotModelled):
                continue


def seconds(run: Callable[[Any], None], module: Any) -> float:
    """Return the processor time of one run of a program."""
    runs, start = 0, time.process_time()
    while time.process_time() - start < LEAST:
        run(module)
        runs += 1
    return (time.process_time() - start) / runs


def main() -> None:
    """Print the table."""
    import tensorflow.compat.v1 as tf

    print("program          model       TensorFlow   ratio   (programs a second; the aim: 50)")
    for run in (layers, plain_variables, random_mix, find, scopes, refused):
        run(tf)
        run(rules)
        pairs = []
        for _ in range(PAIRS):
            gc.collect()
            pairs.append((seconds(run, rules), seconds(run, tf)))
        ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"{run.__name__:<16} {1 / ours:8,.0f}    {1 / theirs:8,.0f}  {ratio:8.0f}", flush=True)
    pairs = [(seconds(one_scope, Least), seconds(one_scope, tf)) for _ in range(PAIRS)]
    most = statistics.median(b / a for a, b in pairs)
    print(f"a name_scope that does nothing at all would run {most:.0f} times as fast as TensorFlow's")
    times: dict[str, list[float]] = {"import scopekit.rules": [], "": []}
    for _ in range(15):
        for code, taken in times.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            taken.append(time.perf_counter() - start)
    with_it, without = map(statistics.median, times.values())
    print(f"import scopekit.rules: {(with_it - without) * 1e3:.0f} ms more than Python alone   (the aim: 50)")


if __name__ == "__main__":
    main()
