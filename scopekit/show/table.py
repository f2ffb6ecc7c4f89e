"""The table of the variables. Apart, because it alone needs pandas.

In: a `Sharing`. Out: a pandas table.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from scopekit.graph import ScopeGraph
from scopekit.sharing import sharing_of
from scopekit.show.text import clean, kind, parameters, read_from, rows

# A name is what the reader came for: it is never cut, and the terminal's width has no say in what nbval compares.
_WHOLE = ("display.max_colwidth", None, "display.width", 10_000, "display.max_columns", None)


class Table(pd.DataFrame):
    """A pandas table that shows its cells in full."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return Table

    def __repr__(self) -> str:
        with pd.option_context(*_WHOLE):
            return super().__repr__()

    def _repr_html_(self) -> str | None:
        with pd.option_context(*_WHOLE):
            html: str | None = super()._repr_html_()  # type: ignore[misc]
            return html


def variables(g: ScopeGraph | object | None = None, slots: bool = False) -> pd.DataFrame:
    """Return a table of the variables: what each one is, and which calls read it.

    Args:
        g: a `ScopeGraph`, or what `scopekit.read` takes; the current graph where it is left out.
        slots: also the variables that the optimizer alone reads: its slots, its step counters.

    Returns:
        A pandas table in order of creation: name, shape, dtype, parameters (elements), trainable (``<NA>`` where
        the source does not say), reads (forward ops), read from (their calls; ``only optimizer`` or ``no call``
        where there is none), shared (``called again``, ``two places``, ``one value`` with another variable, or ``no``).

    Raises:
        ScopekitError: if `g` cannot be read.

    >>> from scopekit.graph import Read, ScopeGraph, Variable
    >>> w = Variable("net/w", "resource", (2, 3), "float32", True)
    >>> reads = (Read("net/w", "net/MatMul", "forward"), Read("net/w", "net_1/MatMul", "forward"))
    >>> variables(ScopeGraph("a graph", ("net/MatMul", "net_1/MatMul"), ("MatMul", "MatMul"), (w,), reads))
        name   shape    dtype  parameters  trainable  reads        read from        shared
    0  net/w  (2, 3)  float32           6       True      2  net and net_1  called again
    """
    found = rows(sharing_of(g), slots)
    columns: dict[str, Any] = {
        "name": [clean(each.variable.name) for each in found],
        "shape": pd.Series([each.variable.shape for each in found], dtype=object),
        "dtype": [clean(each.variable.dtype) for each in found],
        "parameters": pd.array([parameters(each.variable) for each in found], dtype="Int64"),
        "trainable": pd.array([each.variable.trainable for each in found], dtype="boolean"),
        "reads": pd.Series([sum(len(call.ops) for call in each.calls) for each in found], dtype=int),
        "read from": [read_from(each) for each in found],
        "shared": [kind(each) for each in found],
    }
    return Table(columns)
