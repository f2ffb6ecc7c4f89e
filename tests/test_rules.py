"""`scopekit.rules` by example: each rule by its name, and what the model promises to be. No TensorFlow."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from scopekit import rules as tf

SOURCE = Path(tf.__file__).read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


def one(shape: Any, dtype: Any) -> Any:
    return tf.constant(1.0)


def twice(context: Any) -> Any:
    with context, context:
        pass


# What the model promises to be


def test_each_rule_of_the_table_is_stated_once() -> None:
    table, rest = SOURCE.split('"""', 2)[1:]
    names = re.findall(r"\[([a-z-]+)\]", table)
    assert len(names) > 20
    stated = re.findall(r'(?:# |^ +|""")\[([a-z-]+)\]', rest, re.MULTILINE)
    assert sorted(stated) == sorted(names)


def test_importing_it_brings_nothing_heavy_and_is_quick(tmp_path: Any) -> None:
    probe = (
        "import sys, time; start = time.perf_counter(); import contextlib, dataclasses, enum, re, threading, typing;"
        "middle = time.perf_counter(); import scopekit.rules; end = time.perf_counter();"
        "print((end - middle) / (middle - start), [n for n in ('tensorflow', 'numpy', 'pandas') if n in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", probe]
    runs = [subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(6)]
    assert {run.stdout.split(" ", 1)[1].strip() for run in runs} == {"[]"}
    # against the standard library that it stands on, since a busy machine is slower at both
    assert min(float(run.stdout.split()[0]) for run in runs) < 1.5


def test_it_is_the_standard_library_alone() -> None:
    imported = set(re.findall(r"^\s*(?:from|import) ([a-z]+)", SOURCE.split('"""', 2)[2], re.MULTILINE))
    assert imported - {"__future__"} <= set(sys.stdlib_module_names)


def loss_of(regularizer: Any) -> Any:
    with tf.Graph().as_default():
        tf.get_variable("w", [2], regularizer=regularizer)
        (loss,) = tf.get_collection("regularization_losses")
        return loss


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: tf.while_loop, "while_loop"),
        (lambda: tf.get_variable("w", [2], partitioner=print), "partitioner"),
        (lambda: tf.constant(1, dtype=1), "dtype=1"),
        (lambda: tf.get_variable("w", [2], caching_device="cpu"), "caching_device"),
        (lambda: tf.Variable(1.0, variable_def=1), "variable_def"),
        (lambda: tf.Variable(tf.Variable(1.0, use_resource=False)), "ref variable"),
        (lambda: tf.get_variable("w", [2]).assign, "Variable.assign"),
        (lambda: tf.constant(1) + 1, "operators"),
        (lambda: tf.get_variable("w", [2], aggregation=1), "aggregation"),
        (lambda: tf.Variable(1.0, shape=[], use_resource=False), "shape of a ref variable"),
        (lambda: tf.Variable(tf.zeros_initializer()), "called without a shape"),
        (lambda: tf.get_variable("w", [2], initializer=one, use_resource=False), "another shape than their value"),
        (lambda: tf.zeros_initializer(dtype="int32"), "an initializer with dtype"),
        (lambda: tf.get_variable("w", [2]).initializer.inputs, "Operation.inputs"),
        (lambda: tf.constant([1], shape=[0]), "the shape [0] of a constant"),
        (lambda: str(tf.no_op()), "the NodeDef of an op"),
        (lambda: tf.Variable(tf.Variable(1.0), dtype="int32"), "the conversion of float32 to int32"),
        (lambda: tf.get_default_graph().finalize, "Graph.finalize"),
        (lambda: tf.constant([[1], [2, 3]]), "ragged"),
        (lambda: tf.constant({}), "the value {}"),
        (lambda: tf.constant(1, name=b"a"), "the name b'a'"),
        (lambda: tf.get_variable("w", [2], "int32", tf.glorot_uniform_initializer()), "initializer of int32"),
        (lambda: twice(tf.variable_scope(None, b"a")), "the name b'a'"),
        (lambda: tf.variable_scope(None, 1, auxiliary_name_scope=False).__enter__(), "the name 1"),
        (lambda: tf.name_scope("a//").__enter__(), "the name 'a//'"),
        (lambda: tf.constant(1, "qint8"), "dtype='qint8'"),
        (lambda: tf.get_variable("w", [True]), "a shape with True"),
        (lambda: twice(tf.name_scope("n")), "a name_scope that is entered while it is open"),
        (lambda: twice(tf.variable_scope("s")), "a variable_scope that is entered a second time"),
        (lambda: tf.get_variable_scope().set_colour, "VariableScope.set_colour"),
        (lambda: tf.constant(1, verify_shape=True), "verify_shape"),
        (lambda: tf.constant(2**63), "the value 9223372036854775808"),
        (lambda: tf.constant(1, 0.0), "dtype=0.0"),
        (lambda: tf.add(*tf.Variable(1.0).op.outputs * 2), "the sum of handles"),
        (lambda: tf.Variable(tf.Variable(1.0).op.outputs[0]), "a variable that holds a handle"),
        (lambda: tf.Variable(1.0, dtype="float32_ref"), "a variable of dtype='float32_ref'"),
        (lambda: tf.get_variable("w", initializer=list), "a class as an initializer that gives []"),
        (lambda: tf.get_variable("w", [2]).initial_value.op.inputs, "Operation.inputs"),
        (lambda: tf.get_variable(("a", "b"), [2]), "the name ('a', 'b')"),
        (lambda: tf.identity(1.0, name=[2]), "the name [2]"),
        (lambda: tf.make_template("t", print, unique_name_=1), "the name 1"),
        (lambda: tf.name_scope("a").__exit__(None, None, None), "not entered"),
        (lambda: tf.identity(loss_of(lambda v: 0.1)), "the loss 0.1 as an input"),
    ],
)
def test_what_is_not_covered_says_so(call: Any, named: Any) -> None:
    with pytest.raises(NotImplementedError, match=re.escape(named)):
        call()
    assert not hasattr(tf, "while_loop")


def test_the_same_program_gives_the_same_log() -> None:
    def program() -> Any:
        with tf.Graph().as_default() as graph, tf.variable_scope("a"):
            tf.get_variable("w", [2], collections={"y", "x", "z"})
            return [graph.get_collection(key) for key in "xyz"], [op.name for op in graph.get_operations()]

    assert program()[1] == program()[1]


def test_each_thread_has_its_global_default_graph_and_starts_it_anew() -> None:
    seen = []

    def program() -> Any:  # in a thread of its own, where no graph is open
        with tf.name_scope("a", values=[tf.constant(1.0)]):  # enters the graph of its values if it is another one
            tf.reset_default_graph()
        with pytest.raises(AssertionError, match="nested graphs"):  # a variable is made in its graph's context
            tf.Variable(tf.reset_default_graph)
        first = tf.get_default_graph()
        tf.get_variable("w", [1])
        seen.append((tf.get_default_graph() is first, len(tf.global_variables())))
        tf.reset_default_graph()
        seen.append((tf.get_default_graph() is first, len(tf.global_variables())))

    thread = threading.Thread(target=program)
    thread.start()
    thread.join()
    assert seen == [(True, 1), (False, 0)]
    with pytest.raises(AssertionError, match=re.escape("Do not use tf.reset_default_graph() to clear nested graphs.")):
        tf.reset_default_graph()


def test_contexts_that_are_left_in_another_order_than_they_were_entered() -> None:
    failed = []

    def program() -> None:  # in a thread of its own, whose graphs are nobody else's
        for context in (tf.Graph().as_default, lambda: tf.variable_scope("a"), lambda: tf.variable_scope("")):
            first, second = context(), tf.variable_scope("b", auxiliary_name_scope=False)
            first.__enter__()
            second.__enter__()
            try:
                first.__exit__(None, None, None)
            except NotImplementedError as error:
                failed.append(str(error))

    thread = threading.Thread(target=program)
    thread.start()
    thread.join()
    assert len(failed) == 3
    assert "in another order" in failed[0]


# 1. names


def test_unique_name_valid_name(graph: Any) -> None:
    assert [tf.no_op(name).name for name in ("a", "a", "A", "a_1", "a")] == ["a", "a_1", "A_2", "a_1_1", "a_3"]
    with pytest.raises(ValueError, match="'_a' is not a valid root scope name"):
        tf.no_op("_a")
    with tf.name_scope("a/"):
        assert tf.no_op("_a").name == "a/_a"
    assert graph.unique_name("b", mark_as_used=False) == graph.unique_name("b") == "b"


def test_scope_name_absolute_name_root_name(graph: Any) -> None:
    with tf.name_scope("a") as scope, tf.name_scope("b") as inner:
        assert (scope, inner, graph.get_name_scope()) == ("a/", "a/b/", "a/b")
        with tf.name_scope(None) as root:
            assert (root, tf.no_op("n").name) == ("", "n")
        with tf.name_scope(scope):
            assert tf.no_op("n").name == "a/n"
    with tf.name_scope("a") as again:
        assert again == "a_1/"
    tf.no_op("x/")
    with pytest.raises(ValueError, match="Duplicate node name in graph: 'x'"):
        tf.no_op("x/")


def test_collection_scope() -> None:
    for name in ("D/w", "D_pre/w"):
        tf.get_variable(name, [1])
    assert [v.name for v in tf.trainable_variables("D")] == ["D/w:0", "D_pre/w:0"]
    assert [v.name for v in tf.trainable_variables("D/")] == ["D/w:0"]


# 2. ops


def test_graph_of_inputs_input_name(graph: Any) -> None:
    w = tf.get_variable("w", [2])
    with tf.name_scope("n"):
        total = tf.add(w, 1.0)
    assert [t.name for t in total.op.inputs] == ["n/Add/ReadVariableOp:0", "n/Add/y:0"]
    with tf.Graph().as_default() as other:
        assert tf.identity(w).graph is graph is not other
        with pytest.raises(ValueError, match="must be from the same graph as"):
            tf.add(tf.constant([1.0, 1.0]), w)
        with pytest.raises(ValueError, match=r"Tensor.*w/Read/ReadVariableOp:0.* must be from the same graph as"):
            tf.name_scope(None, "n", [tf.constant(1.0), w]).__enter__()


# 3. variables


def test_variable_name_and_helper_ops(graph: Any) -> None:
    with tf.name_scope("n"), tf.variable_scope("", reuse=True):
        assert [tf.Variable(1.0, name="w").name, tf.Variable(1.0, name="w").name] == ["n/w:0", "n/w_1:0"]
    with tf.Graph().as_default() as other:
        tf.Variable(1.0, name="w")
        tf.Variable(1.0, name="r", use_resource=False)
        names = "w/Initializer/initial_value w w/IsInitialized/VarIsInitializedOp w/Assign w/Read/ReadVariableOp"
        assert [op.name for op in other.get_operations()] == [
            *names.split(),
            "r/initial_value",
            "r",
            "r/Assign",
            "r/read",
        ]


def test_variable_collections() -> None:
    v = tf.get_variable("w", [1], collections=["mine"])
    assert (tf.get_collection("mine"), tf.global_variables(), tf.trainable_variables()) == ([v], [], [v])
    assert not tf.get_variable("k", [1], collections=["mine"], trainable=False).trainable
    assert [v.name for v in tf.get_collection("mine")] == ["w:0", "k:0"]


# 4. sharing


def test_full_name_ignores_name_scopes() -> None:
    with tf.name_scope("n"), tf.variable_scope("a"), tf.name_scope("m"):
        assert (tf.get_variable("w", [1]).name, tf.Variable(1.0, name="w").name) == ("a/w:0", "n/a/m/w:0")


def test_the_key_of_the_store_is_not_the_name_of_the_variable() -> None:
    tf.no_op("w")
    w = tf.get_variable("w", [1])
    assert w.name == "w_1:0"
    with tf.variable_scope("", reuse=True):
        assert tf.get_variable("w", [1]) is w


@pytest.mark.parametrize(
    ("reuse", "there", "not_there"),
    [(None, "already exists", "made"), (True, "shared", "does not exist"), (tf.AUTO_REUSE, "shared", "made")],
)
def test_already_exists_and_does_not_exist(reuse: Any, there: Any, not_there: Any) -> None:
    w = tf.get_variable("w", [1])

    def outcome(name: Any) -> Any:
        try:
            return "shared" if tf.get_variable(name, [1]) is w else "made"
        except ValueError as error:
            return next(words for words in ("already exists", "does not exist") if words in str(error))

    with tf.variable_scope("", reuse=reuse):
        assert (outcome("w"), outcome("x")) == (there, not_there)


def test_same_shape_same_dtype_initializer() -> None:
    tf.get_variable("w", [2])
    with tf.variable_scope("", reuse=True):
        with pytest.raises(ValueError, match=r"specified shape \(3,\) and found shape \(2,\)"):
            tf.get_variable("w", [3])
        with pytest.raises(ValueError, match="specified dtype int32 and found dtype float32"):
            tf.get_variable("w", [2], dtype="int32")
    with pytest.raises(ValueError, match="If initializer is a constant, do not specify shape"):
        tf.get_variable("x", [2], initializer=1.0)
    assert (str(tf.get_variable("x", initializer=[1, 2]).shape), tf.get_variable("y", initializer=1).dtype) == (
        "(2,)",
        "int32",
    )


def test_custom_getters_nest() -> None:
    calls = []

    def suffix(getter: Any, name: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return getter(name + "_s", *args, **kwargs)

    with tf.variable_scope("a", custom_getter=suffix), tf.variable_scope("b", custom_getter=suffix):
        assert tf.get_variable("w", [1]).name == "a/b/w_s_s:0"
    assert calls == ["a/b/w", "a/b/w_s"]


# 5. scopes


def test_both_scopes_jump_auxiliary() -> None:
    with tf.variable_scope("a") as a, tf.variable_scope("b") as b:
        pass
    with tf.variable_scope("a") as again:
        assert (again.name, again.original_name_scope) == ("a", "a_1/")
        with tf.variable_scope(b) as jumped:
            assert (jumped.name, jumped.original_name_scope, tf.no_op("n").name) == ("a/b", "a/b/", "a_1/b/n")
        with tf.variable_scope(a, auxiliary_name_scope=False), tf.name_scope(a.original_name_scope):
            assert tf.no_op("n").name == "a/n"


def test_handed_down_all_but_the_constraint() -> None:
    with tf.variable_scope("a", initializer=1, dtype="int32", use_resource=False, constraint=print) as a:
        with tf.variable_scope("b") as b:
            assert (b.initializer, b.dtype, b.use_resource, b.constraint) == (1, "int32", False, None)
        assert a.constraint is print


def test_reuse_tightens_and_auto_reuse_loosens() -> None:
    with tf.variable_scope("a", reuse=True):
        flags = []
        for given in (None, False, True, tf.AUTO_REUSE):
            with tf.variable_scope("b", reuse=given) as b:
                flags.append(b.reuse)
    assert flags == [True, True, True, tf.AUTO_REUSE]


def test_default_name_and_its_counters() -> None:
    def opened() -> Any:
        with tf.variable_scope(None, "lin") as scope:
            return scope.name

    for _ in range(2):
        with tf.variable_scope("p"):
            assert [opened(), opened()] == ["p/lin", "p/lin_1"]
    assert [opened(), opened()] == ["lin", "lin_1"]


# 6. templates


def test_template_name_template_shares() -> None:
    layer = tf.make_template("t", lambda: tf.get_variable("w", [1]))
    assert layer().name == layer().name == "t/w:0"
    assert tf.make_template("t", lambda: tf.get_variable("w", [1]))().name == "t_1/w:0"
    wrong = tf.make_template("t", lambda: tf.Variable(1.0))
    wrong()
    with pytest.raises(ValueError, match="Trainable variable created when calling a template after the first time"):
        wrong()
