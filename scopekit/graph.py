"""ScopeGraph: one graph as an immutable value. The ground floor: it imports nothing of ours.

In: what a reader found (op names and types, variables, who reads which). Out: the value that `sharing` analyses.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple


class ScopekitError(ValueError):
    """Bad input: the message names what was given, what was expected and what to do."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable, as its own op declares it."""

    name: str
    """The op's name: ``image_filters/conv1/weights``. A shard is named as it is: ``p/w/part_0``."""
    kind: str
    """``resource`` (VarHandleOp), ``ref`` (VariableV2, Variable) or ``checkpoint`` (a key and nothing else)."""
    shape: tuple[int | None, ...] | None
    """None where the graph does not say; a dimension is None where it is unknown."""
    dtype: str
    """``float32``, as `tf.DType.name` writes it."""
    trainable: bool | None
    """None where the source does not say: a GraphDef has no collections."""
    shared_name: str = ""
    """Under which container and name a session keeps the value, where that is not the op's name alone: two variables
    of one such name are one value."""


class Read(NamedTuple):
    """One op that uses a variable's value. A NamedTuple, because a graph of a million ops has 200,000 of them."""

    variable: str
    op: str
    """The op that uses the value (``image_filters_1/conv1/Conv2D``), not the ReadVariableOp or Identity between."""
    role: str
    """``forward``, ``gradient``, ``optimizer``, ``regularizer`` or ``bookkeeping`` (initializer, saver, summary)."""
    type: str = ""
    """The type of `op`: ``Conv2D``."""
    via: tuple[str, ...] = ()
    """The call ops, outermost first, through which a reading op inside a function is reached."""
    branch: tuple[tuple[str, int], ...] = ()
    """The sides of conditionals on which the op lies, (predicate or call op, side), outermost first."""
    part: str = ""
    """Equal for ops that make one value of the variable together, as its norm and the quotient; or else empty."""


@dataclass(frozen=True, slots=True)
class ScopeGraph:
    """One graph: its ops, its variables, and who reads which.

    ops and types go together and keep the source's order; ops inside a function of the graph's library are
    written ``function/op``. variables are in order of creation, reads in order of the reading op.
    """

    source: str
    """What was read, for titles and errors: ``the current graph``, ``model.meta``."""
    ops: tuple[str, ...]
    types: tuple[str, ...]
    variables: tuple[Variable, ...]
    reads: tuple[Read, ...]


@contextmanager
def pause_gc() -> Iterator[None]:
    """Keep Python from looking for garbage among millions of names, which would double the time of a large graph."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
