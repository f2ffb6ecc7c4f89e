"""ScopeGraph -> who reads which variable, from which call.

In: a `ScopeGraph`. Out: a `Sharing`, which `scopekit.show` draws. Nothing here looks at TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass

from scopekit.graph import ScopeGraph, Variable


@dataclass(frozen=True, slots=True)
class Call:
    """One call that reads a variable."""

    name: str
    """The scope that tells this call from the others: ``image_filters_1``; the op's own name where no scope does."""
    ops: tuple[str, ...]
    """The forward ops of this call that use the value: ``image_filters_1/conv1/Conv2D``."""


@dataclass(frozen=True, slots=True)
class Readers:
    """One variable and those who read it."""

    variable: Variable
    calls: tuple[Call, ...]
    """Forward readers only, in the order of the graph. Two or more make the variable shared."""
    others: tuple[tuple[str, tuple[str, ...]], ...]
    """(role, ops) for each role but forward that reads it, sorted by role."""
    kind: str
    """``called again`` (scopes that are copies of one another), ``two places`` (of one model), or empty."""

    @property
    def shared(self) -> bool:
        """Whether two or more calls read the variable."""
        return len(self.calls) > 1


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something worth a look, never an error."""

    reason: str
    """One sentence that names what was seen and why it is worth a look."""
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures of one graph."""

    ops: int
    variables: int
    parameters: int
    """Elements of all variables of known shape."""
    bytes: int
    shared: int
    without_sharing: int
    """Variables that would exist if each call had made its own."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """What `analyse` finds."""

    graph: ScopeGraph
    readers: tuple[Readers, ...]
    """One for each variable, in the graph's order. Optimizer slots are among them, read by the optimizer alone."""
    totals: Totals
    suspicions: tuple[Suspicion, ...]


def analyse(graph: ScopeGraph) -> Sharing:
    """Return who reads which variable of `graph`, and from which call."""
    raise NotImplementedError
