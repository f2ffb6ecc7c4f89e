"""`sk.same` and `sk.check_shared`: right where names mislead, and without a trace in the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import scopekit as sk
from scopekit.sharing import analyse

tf1 = tf.compat.v1


def layer(x: Any, name: str, **scope: Any) -> Any:
    normal = tf1.random_normal_initializer(seed=1)
    with tf1.variable_scope(name, **scope):
        return tf.matmul(x, tf1.get_variable("w", [3, 3], initializer=normal))


@pytest.fixture(params=[True, False], ids=["resource", "ref"])
def graph(request: pytest.FixtureRequest) -> Any:
    """Open a graph whose variables are of one kind."""
    with tf.Graph().as_default() as graph, tf1.variable_scope("", use_resource=request.param):
        yield graph


def test_shared(graph: tf.Graph) -> None:
    ones = tf.ones([1, 3])
    outputs = layer(ones, "a"), layer(2 * ones, "a", reuse=True), layer(3 * ones, "a", reuse=True)
    ops = [op.name for op in graph.get_operations()]
    verdict = sk.check_shared(*outputs)
    assert verdict
    assert verdict.answer == "shared: the 1 trainable variable"
    assert verdict.proofs == (
        ("identity", "1 of 1 variables are read by all 3 outputs"),
        ("count", "1 variable; 3 if each branch had its own"),
        ("gradient", "1 of 1 variables get a gradient through every output"),
        ("assignment", "setting 1 of 1 variables changed every output"),
    )
    assert repr(verdict).splitlines()[0] == verdict.answer
    assert [op.name for op in graph.get_operations()] == ops


def test_the_question_may_be_asked_outside_of_the_graphs_block() -> None:
    with tf.Graph().as_default():
        outputs = layer(tf.ones([1, 3]), "a"), layer(2 * tf.ones([1, 3]), "a", reuse=True)
    assert sk.check_shared(*outputs)


def test_not_shared_although_the_names_look_alike(graph: tf.Graph) -> None:
    verdict = sk.check_shared(layer(tf.ones([1, 3]), "net"), layer(tf.ones([1, 3]), "net_1"))
    assert not verdict
    assert verdict.answer == "not shared: no trainable variable is read by all outputs"
    assert dict(verdict.proofs)["assignment"] == "setting 0 of 2 variables changed every output"
    assert dict(verdict.proofs)["gradient"] == "0 of 2 variables get a gradient through every output"


def test_partly_shared_names_what_stands_apart(graph: tf.Graph) -> None:
    one = layer(tf.ones([1, 3]), "common")
    two = layer(layer(tf.ones([1, 3]), "common", reuse=True), "own")
    verdict = sk.check_shared(one, two)
    assert not verdict
    assert verdict.answer == "partly shared: 1 of 2; apart: own/w"


def test_a_session_keeps_its_values(graph: tf.Graph) -> None:
    x = tf1.placeholder(tf.float32, [1, 3])
    outputs = layer(x, "a"), layer(2 * x, "a", reuse=True)
    with tf1.Session(graph=graph) as session:
        assert (
            "not initialized"
            in dict(sk.check_shared(*outputs, session=session, feed_dict={x: [[1, 2, 3]]}).proofs)["assignment"]
        )
        session.run(graph.get_collection("variables")[0].initializer)
        before = session.run(outputs, {x: [[1, 2, 3]]})
        assert sk.check_shared(*outputs, session=session, feed_dict={x: [[1, 2, 3]]})
        assert np.array_equal(session.run(outputs, {x: [[1, 2, 3]]}), before)


def test_a_placeholder_without_a_value_is_named(graph: tf.Graph) -> None:
    x = tf1.placeholder(tf.float32, [1, 3], name="photo")
    verdict = sk.check_shared(layer(x, "a"), layer(2 * x, "a", reuse=True))
    assert verdict  # three proofs stand
    assert "'photo'" in dict(verdict.proofs)["assignment"]
    assert dict(verdict.proofs)["assignment"].endswith("(give feed_dict)")


def test_no_variable_at_all_is_not_shared() -> None:
    with tf.Graph().as_default():
        assert not sk.check_shared(tf.constant(1.0), tf.constant(2.0))


def test_bad_input_is_told_what_to_give() -> None:
    with tf.Graph().as_default():
        one = tf.constant(1.0)
    with tf.Graph().as_default():
        other = tf.constant(1.0)
    with pytest.raises(sk.ScopekitError, match="1 output given; give two or more"):
        sk.check_shared(one)
    with pytest.raises(sk.ScopekitError, match="different graphs"):
        sk.check_shared(one, other)
    with pytest.raises(sk.ScopekitError, match=r"is not a tensor of a tf\.Graph"):
        sk.check_shared(tf.constant(1.0), tf.constant(2.0))


def test_same_in_graphs(graph: tf.Graph) -> None:
    layer(tf.ones([1, 3]), "a")
    layer(tf.ones([1, 3]), "b")
    a, b = tf1.trainable_variables()
    meta = tf1.train.export_meta_graph()
    assert sk.same(a, a)
    assert not sk.same(a, b)
    with tf.Graph().as_default():
        tf1.train.import_meta_graph(meta)
        one, other = tf1.trainable_variables()[0], tf1.get_collection("trainable_variables")[0]
        assert sk.same(one, other)
        assert not sk.same(a, one)  # the same name, in another graph


def test_same_in_eager_mode_and_in_keras() -> None:
    a, b = tf.Variable(1.0, name="w"), tf.Variable(1.0, name="w")
    assert sk.same(a, a)
    assert not sk.same(a, b)
    dense = tf.keras.layers.Dense(2)
    dense.build((1, 2))
    assert sk.same(dense.kernel, dense.kernel.value)
    assert not sk.same(dense.kernel, dense.bias)
    with pytest.raises(sk.ScopekitError, match="is not a variable"):
        sk.same(a, 1.0)


def test_where_tells_the_two_stacks() -> None:
    with tf.Graph().as_default() as graph:
        assert repr(sk.where()).splitlines()[0].endswith('get_variable("w") is named w  (reuse off)')
        with tf1.name_scope("tower"), tf1.variable_scope("net"), tf1.variable_scope("conv", reuse=True):
            stacks = sk.where()
            op = tf.constant(1.0, name="x").op.name
        with tf1.variable_scope("net", reuse=tf1.AUTO_REUSE):
            assert sk.where().reuse == "AUTO_REUSE"
        with tf1.variable_scope(tf1.VariableScope(None, "by_hand")):
            assert sk.where().reuse == "AUTO_REUSE"
            assert tf1.get_variable("w", []) is tf1.get_variable("w", [])  # for that is what it does
        assert next(op.name for op in graph.get_operations() if op.type == "Const") == "tower/net/conv/x"
    assert (stacks.variable_scope, stacks.name_scope, stacks.reuse) == ("net/conv", "tower/net/conv", "True")
    assert f'an op "x" is named {op}' in repr(stacks)
    assert "get_variable(&quot;w&quot;) is named net/conv/w" in stacks._repr_html_()


def test_where_tells_the_two_stacks_in_eager_mode() -> None:
    with tf1.variable_scope("net"), tf1.name_scope("inner"):
        stacks = sk.where()
    assert (stacks.variable_scope, stacks.name_scope) == ("net", "net/inner")


def twice_imported(use_resource: bool) -> tuple[tf.Graph, list[tf.Tensor]]:
    """Import one network under two names: a resource variable keeps the name of its value, a ref variable does not."""
    with tf.Graph().as_default():
        tf.multiply(tf1.get_variable("w", initializer=2.0, use_resource=use_resource), 3.0, name="y")
        meta = tf1.train.export_meta_graph()
    with tf.Graph().as_default() as graph:
        for scope in ("a", "b"):
            tf1.train.import_meta_graph(meta, import_scope=scope)
    return graph, [graph.get_tensor_by_name(f"{scope}/y:0") for scope in ("a", "b")]


@pytest.mark.parametrize("use_resource", [True, False])
def test_what_is_imported_twice_is_one_value_if_it_is_a_resource(use_resource: bool) -> None:
    graph, outputs = twice_imported(use_resource)
    a, b = graph.get_collection("variables")
    with tf1.Session(graph=graph) as session:  # TensorFlow itself is asked first
        session.run([v.initializer for v in (a, b)])
        a.load(5.0, session)
        assert (session.run(b) == 5.0) == use_resource
    assert sk.same(a, b) == use_resource
    verdict = sk.check_shared(*outputs)
    assert bool(verdict) == use_resource
    one = "1 of 1 variables" if use_resource else "0 of 2 variables"
    proofs = dict(verdict.proofs)
    assert proofs["identity"].startswith(one)
    assert proofs["gradient"].startswith(one)
    assert proofs["assignment"].startswith(f"setting {one}")
    found = [s.variables for s in analyse(sk.read(graph)).suspicions]
    assert found == ([("a/w", "b/w")] if use_resource else [])
