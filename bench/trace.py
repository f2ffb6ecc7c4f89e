"""What a trace costs: a `get_variable` that reuses, inside `sk.trace()` against outside of it.

In: nothing. Out: microseconds of processor time a call, and the ratio, pair by pair in one run; the median counts.
"""

from __future__ import annotations

import gc
import statistics
import time

import scopekit as sk

CALLS, PAIRS = 500, 61


def reuse() -> float:
    """Return the seconds of one `get_variable` that finds its variable, the mean over CALLS."""
    import tensorflow as tf

    get_variable = tf.compat.v1.get_variable
    with tf.Graph().as_default():
        get_variable("w", [2])
        with tf.compat.v1.variable_scope("", reuse=True):
            gc.collect()
            start = time.thread_time()
            for _ in range(CALLS):
                get_variable("w", [2])
            return (time.thread_time() - start) / CALLS


def main() -> None:
    """Measure outside and inside in turn, and print the table."""
    reuse()
    outside, inside = [], []
    for _ in range(PAIRS):
        outside.append(reuse())
        with sk.trace():
            inside.append(reuse())
    ratio = statistics.median(b / a for a, b in zip(outside, inside, strict=True))
    print(f"get_variable that reuses, median of {PAIRS} pairs of {CALLS} calls")
    print(f"  without a trace  {statistics.median(outside) * 1e6:6.1f} us")
    print(f"  inside a trace   {statistics.median(inside) * 1e6:6.1f} us")
    print(f"  ratio            {ratio:6.2f}   (the aim: below 1.10)")


if __name__ == "__main__":
    main()
