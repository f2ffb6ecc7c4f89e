"""The table of the variables. Apart, because it alone needs pandas.

In: a `Sharing`. Out: a pandas table.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from scopekit.sharing import Sharing
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


def frame(sharing: Sharing, slots: bool = False) -> pd.DataFrame:
    """Return the table; see `scopekit.variables`."""
    found = rows(sharing, slots)
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
