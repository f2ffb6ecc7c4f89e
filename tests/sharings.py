"""Sharings made by hand: what the tests of the drawing draw, with nothing read and nothing analysed.

In: a variable's name and shape, and the calls that read it. Out: a `Sharing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from scopekit.graph import ScopeGraph, Variable
from scopekit.sharing import Call, Readers, Sharing, Suspicion, Totals


def readers(
    name: str,
    calls: Mapping[str, Sequence[str]],
    shape: tuple[int | None, ...] | None = (2, 3),
    kind: str = "called again",
    others: Sequence[tuple[str, tuple[str, ...]]] = (),
    trainable: bool | None = True,
) -> Readers:
    """Return one variable with its readers: {call: the ops of it that read}."""
    variable = Variable(name, "resource", shape, "float32", trainable)
    made = tuple(Call(call, tuple(ops)) for call, ops in calls.items())
    return Readers(variable, made, tuple(others), kind if len(made) > 1 else "")


def sharing(*each: Readers, source: str = "model.meta", suspicions: Sequence[Suspicion] = ()) -> Sharing:
    """Return the sharing of a graph whose ops are the variables, an initializer for each, and the readers."""
    ops: dict[str, str] = {}
    for one in each:
        ops |= {one.variable.name: "VarHandleOp", f"{one.variable.name}/Assign": "AssignVariableOp"}
        ops |= {op: "MatMul" for call in one.calls for op in call.ops}
    shared, sizes = sum(one.shared for one in each), [prod(d or 1 for d in one.variable.shape or ()) for one in each]
    copies = sum(max(1, len(one.calls)) for one in each)
    totals = Totals(len(ops), len(each), sum(sizes), 4 * sum(sizes), shared, copies)
    graph = ScopeGraph(source, tuple(ops), tuple(ops.values()), tuple(one.variable for one in each), ())
    return Sharing(graph, each, totals, tuple(suspicions))


def called(scope: str, times: int, layers: Sequence[str] = ("conv1", "conv2")) -> list[Readers]:
    """Return a function with a kernel and a bias in each layer, called `times` times: ``net``, ``net_1``, …"""
    copies = [scope + (f"_{i}" if i else "") for i in range(times)]
    return [
        readers(f"{scope}/{layer}/{name}", {copy: [f"{copy}/{layer}/{op}"] for copy in copies}, shape)
        for layer in layers
        for name, op, shape in (("weights", "Conv2D", (5, 5, 32, 32)), ("biases", "add", (32,)))
    ]
