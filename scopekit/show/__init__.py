"""ScopeGraph and sharing -> text, table, picture (SVG), page (HTML). Nothing that draws looks at TensorFlow.

In: a `ScopeGraph`, or anything that `scopekit.read` reads. Out: what a notebook shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scopekit.graph import ScopeGraph
from scopekit.sharing import Sharing, analyse

if TYPE_CHECKING:
    from pandas import DataFrame

    from scopekit.show.outline import Outline
    from scopekit.show.svg import Picture


def _sharing(g: object) -> Sharing:
    """Return the sharing in `g`, which is read first if it is no `ScopeGraph` yet."""
    if isinstance(g, Sharing):
        return g
    if isinstance(g, ScopeGraph):
        return analyse(g)
    from scopekit.readers import read

    return analyse(read(g))


def variables(g: ScopeGraph | object | None = None, slots: bool = False) -> DataFrame:
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
    from scopekit.show.table import frame

    return frame(_sharing(g), slots)


def tree(g: ScopeGraph | object | None = None, boxes: int | None = 100) -> Outline:
    """Show the variables in their variable scopes, and the ops in their name scopes.

    Args:
        g: a `ScopeGraph`, or what `scopekit.read` takes; the current graph where it is left out.
        boxes: how many lines at most; the rest is counted (``… 11 more like layer_0``). None: all of them.

    Returns:
        An object that prints as text and unfolds in a notebook. Numbers count what is below; S marks the shared.

    Raises:
        ScopekitError: if `g` cannot be read.

    >>> from scopekit.graph import Read, ScopeGraph, Variable
    >>> w = Variable("net/w", "resource", (2, 3), "float32", True)
    >>> ops, read = ("net/w", "net/w/Assign", "net/MatMul"), Read("net/w", "net/MatMul", "forward")
    >>> tree(ScopeGraph("a graph", ops, ("VarHandleOp", "AssignVariableOp", "MatMul"), (w,), (read,)))
    1 variable, by its name
    └─ net  1
       └─ w  2×3  read by net
    1 op in name scopes, and 2 that belong to variables
    └─ net  1  (MatMul)
    """
    from scopekit.show.outline import outline

    return outline(_sharing(g), boxes)


def picture(g: ScopeGraph | object | None = None, boxes: int | None = 40) -> Picture:
    """Draw variables in their scopes, ops in theirs, and a curve from each variable to each call that reads it.

    Args:
        g: a `ScopeGraph`, or what `scopekit.read` takes; the current graph where it is left out.
        boxes: how many boxes at most; what is left out is counted in the picture. None: all of them.

    Returns:
        A `Picture`: a notebook shows it; `svg` is the drawing, `text` says the same in words.

    Raises:
        ScopekitError: if `g` cannot be read, or `boxes` is less than 2.

    >>> from scopekit.graph import Read, ScopeGraph, Variable
    >>> w = Variable("net/w", "resource", (2, 3), "float32", True)
    >>> reads = (Read("net/w", "net/MatMul", "forward"), Read("net/w", "net_1/MatMul", "forward"))
    >>> picture(ScopeGraph("a graph", ("net/MatMul", "net_1/MatMul"), ("MatMul", "MatMul"), (w,), reads))
    Who reads which variable in a graph: 1 variable, 2 calls
    S 1 variable read by both net and net_1 (called again):
        net/w  2×3
    """
    from scopekit.show.svg import draw

    return draw(_sharing(g), boxes)


def dot(g: ScopeGraph | object | None = None, boxes: int | None = None) -> str:
    """Return what `picture` draws as DOT text, for those who want another layout: ``dot -Tsvg``.

    Args:
        g: a `ScopeGraph`, or what `scopekit.read` takes; the current graph where it is left out.
        boxes: as for `picture`.

    Raises:
        ScopekitError: if `g` cannot be read, or `boxes` is less than 2.

    >>> from scopekit.graph import Read, ScopeGraph, Variable
    >>> w = Variable("w", "resource", (2, 3), "float32", True)
    >>> print(dot(ScopeGraph("a graph", ("MatMul",), ("MatMul",), (w,), (Read("w", "MatMul", "forward"),))))
    digraph {
    rankdir=LR; node [shape=box];
    n0 [label="w"];
    n1 [label="MatMul"];
    n0 -> n1 [style=dashed];
    }
    """
    from scopekit.show.svg import dot as draw

    return draw(_sharing(g), boxes)
