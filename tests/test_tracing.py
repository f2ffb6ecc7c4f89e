"""`sk.trace` tells what happened and why, and changes nothing about the program."""

from __future__ import annotations

import inspect
import linecache
import threading
from typing import Any

import pytest
import tensorflow as tf

import scopekit as sk
from scopekit.tracing import Event

tf1 = tf.compat.v1


def layer(**arguments: Any) -> Any:
    with tf1.variable_scope("conv1"):
        return tf1.get_variable("w", [2], **arguments)


def line_of(event: Event) -> str:
    """Return the source line that an event names."""
    name, _, number = event.line.rpartition(":")
    assert name == "test_tracing.py"
    return linecache.getline(__file__, int(number)).strip()


def traced(program: Any) -> sk.tracing.Trace:
    with tf.Graph().as_default(), sk.trace() as t:
        program()
    return t


def told(t: Any, what: str = "get_variable") -> list[tuple[str, str]]:
    return [(event.name, event.outcome) for event in t if event.what == what]


def test_made_then_shared_then_raised() -> None:
    def program() -> None:
        with tf1.variable_scope("net"):
            layer()
        with tf1.variable_scope("net", reuse=True):
            layer()
        with tf1.variable_scope("net"), pytest.raises(ValueError, match="already exists"):
            layer()

    t = traced(program)
    assert told(t) == [("net/conv1/w", "made"), ("net/conv1/w", "shared"), ("net/conv1/w", "raised")]
    made, shared, raised = (event for event in t if event.what == "get_variable")
    assert made.because == "no 'net/conv1/w' in this graph's variable store yet; reuse is off"
    first = f"'net/conv1/w' was first made at {made.line}"
    opened = next(e for e in t if e.what == "variable_scope" and e.because.startswith("reuse=True"))
    assert shared.because == f"{first}; reuse=True, given to the scope 'net' at {opened.line}"
    assert line_of(opened) == 'with tf1.variable_scope("net", reuse=True):'
    assert raised.because == f"{first}; reuse is off"
    assert line_of(made) == 'return tf1.get_variable("w", [2], **arguments)'
    assert linecache.getline(__file__, int(made.called_from.rpartition(":")[2])).strip() == "layer()"


def test_reuse_variables_is_named_as_the_cause() -> None:
    def program() -> None:
        with tf1.variable_scope("net") as scope:
            layer()
            scope.reuse_variables()
            layer()
        with tf1.variable_scope(scope):  # the flag sticks to the object
            layer()

    t = traced(program)
    flag = next(event for event in t if event.what == "reuse_variables")
    assert (flag.name, flag.outcome) == ("net", "set")
    assert line_of(flag) == "scope.reuse_variables()"
    causes = [event.because for event in t if event.what == "get_variable"][1:]
    assert len(causes) == 2
    for cause in causes:
        assert cause.endswith(f"reuse=True, set by reuse_variables() on the scope 'net' at {flag.line}")


def test_what_is_said_of_a_call_does_not_change_later() -> None:
    with tf.Graph().as_default(), sk.trace() as t, tf1.variable_scope("net") as scope:
        layer()
        before = t.events[-1]
        scope.reuse_variables()
        assert t.events[2] == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"initializer": tf1.zeros_initializer(), "dtype": tf.int32}, "specified dtype int32 and found dtype float32"),
        ({"initializer": [1.0]}, "If initializer is a constant, do not specify shape"),
    ],
)
def test_other_refusals_are_told_in_tensorflows_words(arguments: dict[str, Any], words: str) -> None:
    with tf.Graph().as_default():
        layer()
        with sk.trace() as t, tf1.variable_scope("", reuse=True), pytest.raises(ValueError, match=r"dtype|constant"):
            layer(**arguments)
    assert t.events[-1].outcome == "raised"
    assert words in t.events[-1].because


def test_not_there_under_reuse_and_made_before_the_trace() -> None:
    with tf.Graph().as_default():
        layer()
        with sk.trace() as t, tf1.variable_scope("", reuse=True):
            layer()
            with pytest.raises(ValueError, match="does not exist"):
                tf1.get_variable("typo", [2])
    shared, typo = (event for event in t if event.what == "get_variable")
    assert shared.because.startswith("'conv1/w' was made before the trace; reuse=True, given to the scope ''")
    assert typo.because.startswith("no 'typo' in this graph to find; reuse=True")


def test_variables_and_name_scopes_of_the_program_alone() -> None:
    def program() -> None:
        with tf1.name_scope("tower"):
            tf1.Variable(1.0, name="q")
            tf1.Variable(1.0, name="q")
            tf.reduce_mean(tf.constant([1.0]))
        with tf.name_scope("other"):
            pass

    t = traced(program)
    assert told(t, "Variable") == [("tower/q", "made"), ("tower/q_1", "made")]
    assert "'q' was taken" in t.events[-2].because
    assert told(t, "name_scope") == [("tower", "opened"), ("other", "opened")]


def test_ref_variables_too() -> None:
    t = traced(lambda: tf1.Variable(1.0, name="old", use_resource=False))
    assert told(t, "Variable") == [("old", "made")]


def names(trace: bool) -> list[str]:
    """Return the names of every op of one program, traced or not."""

    def program() -> None:
        for reuse in (None, True, tf1.AUTO_REUSE):
            with tf1.variable_scope("net", reuse=reuse):
                layer(regularizer=lambda value: tf.reduce_sum(value))
                tf1.Variable([1.0], name="conv1/w")

    with tf.Graph().as_default() as graph:
        if trace:
            with sk.trace():
                program()
        else:
            program()
    return [op.name for op in graph.get_operations()]


def test_a_traced_program_makes_the_same_graph() -> None:
    assert names(trace=True) == names(trace=False)
    assert len(names(trace=True)) > 20


def test_tensorflow_is_as_it_was_after_the_block_also_when_it_raises() -> None:
    from tensorflow.python.ops import variable_scope

    before = dict(vars(variable_scope.VariableScope)), dict(vars(variable_scope.variable_scope))
    with pytest.raises(ZeroDivisionError), sk.trace() as t, tf.Graph().as_default():
        layer()
        raise ZeroDivisionError
    assert (dict(vars(variable_scope.VariableScope)), dict(vars(variable_scope.variable_scope))) == before
    assert told(t) == [("conv1/w", "made")]
    layer_after = traced(layer)
    assert told(layer_after) == [("conv1/w", "made")]
    assert len(t) == 2  # a closed trace records nothing


def test_traces_in_one_another_and_threads() -> None:
    def build(results: list[int]) -> None:
        with tf.Graph().as_default():
            for number in range(50):
                tf1.get_variable(f"w{number}", [1])
        results.append(1)

    results: list[int] = []
    with sk.trace() as outer:
        with sk.trace() as inner:
            threads = [threading.Thread(target=build, args=(results,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        traced(layer)
    assert len(results) == 4
    assert len(told(inner)) == 200
    assert len(told(outer)) == 201
    assert {outcome for _, outcome in told(outer)} == {"made"}


def test_the_table_and_its_escapes() -> None:
    def program() -> None:
        with pytest.raises(ValueError, match="not a valid"), tf1.variable_scope("<b>"):
            pass
        tf1.get_variable("x", [1], regularizer=None)

    t = traced(program)
    table = t.table()
    assert list(table.columns) == ["what", "name", "outcome", "because", "line", "called from"]
    assert list(table["name"]) == ["x"]
    assert "<table" in t._repr_html_()
    assert "get_variable" in repr(t)
    empty = traced(lambda: None)
    assert repr(empty) == "Trace: nothing was recorded"


def test_the_arguments_are_those_of_tensorflow() -> None:
    original = inspect.signature(tf1.VariableScope.get_variable)
    with sk.trace():
        wrapper = inspect.signature(tf1.VariableScope.get_variable, follow_wrapped=False)
    mine = [(each.name, each.default) for each in wrapper.parameters.values() if each.name != "more"]
    assert mine == [(each.name, each.default) for each in original.parameters.values()]
