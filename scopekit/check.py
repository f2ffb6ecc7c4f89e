"""A live program -> where it stands, and whether its weights are really shared; by proof, not by names.

In: the scopes that are open, variables, or the outputs of two branches of one `tf.Graph`. Out: a verdict that can be
asked (`if verdict:`) and read. The graph that is asked about keeps its ops and its values.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scopekit.graph import ScopekitError
from scopekit.show.stacks import Stacks
from scopekit.show.text import count


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, with what it rests on; true if the weights are shared."""

    shared: bool
    answer: str
    proofs: tuple[tuple[str, str], ...]
    """(kind of proof, what was found), for each proof that was tried."""

    def __bool__(self) -> bool:
        return self.shared

    def __repr__(self) -> str:
        return "\n".join([self.answer, *(f"  {kind:<11} {found}" for kind, found in self.proofs)])


def where() -> Stacks:
    """Say in which scopes the program stands: what the next variable and the next op will be called.

    Returns:
        The two stacks of scopes of the current graph, which a notebook draws. Nothing is opened or changed.

    Mirrors `tf.compat.v1.get_variable_scope` and `tf.get_current_name_scope`.

    >>> from scopekit.show.stacks import Stacks
    >>> Stacks("net/conv1", "tower/net/conv1", "None")
    variable scope  (root) > net > conv1          get_variable("w") is named net/conv1/w  (reuse off)
    name scope      (root) > tower > net > conv1  an op "x" is named tower/net/conv1/x
    """
    import tensorflow as tf

    scope = tf.compat.v1.get_variable_scope()
    # A scope object made by hand has the flag None, by which get_variable finds or makes, as under AUTO_REUSE.
    flag = str(scope.reuse) if isinstance(scope.reuse, bool) else "AUTO_REUSE"
    return Stacks(scope.name, tf.get_current_name_scope(), flag)


def same(a: Any, b: Any) -> bool:
    """Return whether `a` and `b` are one variable: an assignment to one would be seen through the other.

    Two Python objects may stand for one variable (after `tf.compat.v1.train.import_meta_graph`, say), and two
    variables may have one name (in eager mode, or in two graphs). So neither is asked: what counts is the handle in
    eager mode, and in a graph the name under which a session keeps the value. Two ops may have one: a graph that is
    imported twice has two ops, and one value, for each of its resource variables.

    Args:
        a: a variable, of TensorFlow (either kind) or of Keras 3.
        b: another.

    Raises:
        ScopekitError: if one of them is no variable.

    Mirrors `BaseResourceVariable.handle` in tensorflow/python/ops/resource_variable_ops.py.

    >>> same(1.0, 1.0)
    Traceback (most recent call last):
        ...
    scopekit.graph.ScopekitError: 1.0 is not a variable; give two of tf.Variable, tf.compat.v1.get_variable or Keras
    """
    return bool(_storage(a) == _storage(b))


def _storage(variable: Any) -> Any:
    """Return where a variable's value is: (graph, container, name), or in eager mode the handle's identity."""
    handle = _handle(variable)
    if not hasattr(handle, "graph"):
        return id(handle)
    given = handle.op.node_def.attr
    return handle.graph, given["container"].s, given["shared_name"].s.decode() or handle.op.name


def _handle(variable: Any) -> Any:
    """Return the tensor that is a variable's handle, or its reference."""
    variable = getattr(variable, "value", variable) if hasattr(variable, "path") else variable  # Keras 3 wraps it
    if not hasattr(variable, "read_value"):
        raise ScopekitError(
            f"{variable!r:.80} is not a variable; give two of tf.Variable, tf.compat.v1.get_variable or Keras"
        )
    return getattr(variable, "handle", variable)


def check_shared(*outputs: Any, session: Any = None, feed_dict: Mapping[Any, Any] | None = None) -> Verdict:
    """Say whether the branches that end in `outputs` share their weights, by four proofs.

    Identity: which trainable variables each output depends on. Count: how many there are, and how many there would
    be without sharing. Gradient: whether each output has a gradient for each. Assignment: each variable is set to
    other values and back, and each output is looked at.

    Args:
        outputs: two or more tensors of one `tf.Graph`, one for each branch.
        session: where the variables have their values; left out, a session of its own initializes them anew.
        feed_dict: what the outputs need to be computed; the same as for `session.run`.

    Returns:
        A `Verdict`: true if each variable that one output depends on, all of them depend on.

    Raises:
        ScopekitError: if there are fewer than two outputs, or they are not tensors of one graph.

    Mirrors `tf.gradients` and `tf.Variable.load`; neither the graph nor, in the end, a value is changed.
    """
    graph = _graph_of(outputs)
    # By where the value is: each variable with all ops that are its handle, which are two where one was imported twice.
    variables: dict[Any, tuple[Any, set[str]]] = {}
    for variable in graph.get_collection("trainable_variables"):
        variables.setdefault(_storage(variable), (variable, set()))[1].add(_handle(variable).op.name)
    reached = [_ancestors(output) for output in outputs]
    read = [[not names.isdisjoint(ops) for ops in reached] for _, names in variables.values()]
    used = [(variable, names, by) for (variable, names), by in zip(variables.values(), read, strict=True) if any(by)]
    common = [variable for variable, _, by in used if all(by)]
    proofs = [
        ("identity", f"{len(common)} of {len(used)} variables are read by all {len(outputs)} outputs"),
        ("count", f"{count(len(used), 'variable')}; {sum(map(sum, read))} if each branch had its own"),
        ("gradient", _gradients(graph, outputs, [sorted(names) for _, names, _ in used])),
        ("assignment", _assignments(graph, outputs, [variable for variable, *_ in used], session, feed_dict)),
    ]
    shared = bool(used) and len(common) == len(used)
    if shared:
        answer = f"shared: {'all' if len(used) > 1 else 'the'} {count(len(used), 'trainable variable')}"
    elif common:
        apart = [variable.op.name for variable, _, by in used if not all(by)]
        answer = f"partly shared: {len(common)} of {len(used)}; apart: {', '.join(apart)}"
    else:
        answer = "not shared: no trainable variable is read by all outputs"
    return Verdict(shared, answer, tuple(proofs))


def _graph_of(outputs: tuple[Any, ...]) -> Any:
    if len(outputs) < 2:
        raise ScopekitError(f"{len(outputs)} output given; give two or more, one for each branch")
    for output in outputs:
        if not hasattr(output, "op"):
            raise ScopekitError(
                f"{type(output).__name__} is not a tensor of a tf.Graph; give the outputs of the branches, "
                "or compare two variables with scopekit.same"
            )
    if any(output.graph is not outputs[0].graph for output in outputs):
        raise ScopekitError("the outputs are of different graphs, which share no variable; give those of one graph")
    return outputs[0].graph


def _ancestors(output: Any) -> set[str]:
    """Return the names of the ops that `output` depends on by its data, not by control inputs."""
    found, open_ends = {output.op.name}, [output.op]
    while open_ends:
        for tensor in open_ends.pop().inputs:
            if tensor.op.name not in found:
                found.add(tensor.op.name)
                open_ends.append(tensor.op)
    return found


def _gradients(graph: Any, outputs: tuple[Any, ...], variables: list[list[str]]) -> str:
    """Ask for the gradients of each output by the handles, in a copy of the graph, for `tf.gradients` adds ops."""
    import tensorflow as tf

    with tf.Graph().as_default() as copy:
        tf.graph_util.import_graph_def(graph.as_graph_def(), name="")
        sources = [copy.get_tensor_by_name(f"{name}:0") for names in variables for name in names]
        owners = [i for i, names in enumerate(variables) for _ in names]
        moved = [
            {i for i, gradient in zip(owners, tf.gradients(output, sources), strict=True) if gradient is not None}
            for output in (copy.get_tensor_by_name(output.name) for output in outputs)
        ]
    return f"{len(set.intersection(*moved))} of {len(variables)} variables get a gradient through every output"


def _assignments(
    graph: Any,
    outputs: tuple[Any, ...],
    variables: list[Any],
    session: Any,
    feed_dict: Mapping[Any, Any] | None,
) -> str:
    """Set each variable to other values and back, and look which outputs change."""
    import numpy as np
    import tensorflow as tf

    scratch = tf.compat.v1.Session(graph=graph) if session is None else contextlib.nullcontext(session)
    with scratch as session:
        try:
            if isinstance(scratch, tf.compat.v1.Session):
                session.run([variable.initializer for variable in graph.get_collection("variables")])
            before, moved = session.run(outputs, feed_dict), 0
            for variable in variables:
                # What the initializer assigns is fed, so that no op is added to the graph.
                held, assign = session.run(variable._as_graph_element()), variable.initializer
                other = held + np.random.default_rng(0).normal(size=held.shape).astype(held.dtype)
                session.run(assign, {assign.inputs[1]: other})
                after = session.run(outputs, feed_dict)
                session.run(assign, {assign.inputs[1]: held})
                moved += all(not np.array_equal(old, new) for old, new in zip(before, after, strict=True))
        except tf.errors.InvalidArgumentError as error:
            wanted = [line for line in error.message.splitlines() if "feed" in line] or [error.message]
            return f"not tried: {wanted[0].strip()} (give feed_dict)"
        except tf.errors.FailedPreconditionError:
            return "not tried: the session's variables are not initialized"
    return f"setting {moved} of {len(variables)} variables changed every output"
