"""`scopekit.sharing` on programs in the style of public TensorFlow 1 code, on random programs, and on single rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tf1_programs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tf1_programs import build, tf1

from scopekit.graph import Read, ScopeGraph, Variable
from scopekit.readers import read
from scopekit.sharing import Readers, Sharing, analyse
from scopekit.show.text import who_reads

LOOPS = {
    "synchronized",
    "recurrent_keras",
    "penalties",
    "changed_in_a_conditional",
    "gpt_train_and_sample",
    "loop",
    "conditional",
    "towers",
    "predicate",
    "derived",
    "conditional_steps",
    "first_values",
    "trained_state",
}


@pytest.fixture
def control_flow_v1() -> Iterator[None]:
    before = tf1.control_flow_v2_enabled()
    tf1.disable_control_flow_v2()
    yield
    if before:
        tf1.enable_control_flow_v2()


def shared(sharing: Sharing) -> dict[str, list[str]]:
    return {r.variable.name: [call.name for call in r.calls] for r in sharing.readers if r.shared}


def check(program: Callable[[], dict[str, list[str]]], resource: bool) -> Sharing:
    graph, truth = build(program, resource)
    found = analyse(read(graph))
    assert shared(found) == truth
    assert found.suspicions == ()
    for r in found.readers:
        for call in r.calls:
            assert not any("gradients/" in op or "Adam" in op or "save/" in op for op in call.ops)
    return found


@pytest.mark.parametrize("resource", [True, False], ids=["resource", "ref"])
@pytest.mark.parametrize("program", tf1_programs.PROGRAMS, ids=lambda p: p.__name__)
def test_what_is_shared_is_found_and_nothing_else(program: Callable[[], dict[str, list[str]]], resource: bool) -> None:
    check(program, resource)


@pytest.mark.usefixtures("control_flow_v1")
@pytest.mark.parametrize("resource", [True, False], ids=["resource", "ref"])
@pytest.mark.parametrize("program", [p for p in tf1_programs.PROGRAMS if p.__name__ in LOOPS], ids=lambda p: p.__name__)
def test_loops_and_conditionals_of_tensorflow_1(program: Callable[[], dict[str, list[str]]], resource: bool) -> None:
    check(program, resource)


KINDS = {
    "filters_by_scope": {"called again"},
    "filters_by_dictionary": {"called again"},
    "gpt_train": {"two places"},
    "gpt_train_and_sample": {"called again", "two places"},
    "ptb": {"called again"},
    "dcgan": {"called again"},
    "towers": {"called again"},
    "bert": {"two places"},
    "autoencoder": {"two places"},
    "word2vec": {"two places"},
    "unrolled": {"called again"},
    "tied_under_dropout": {"two places"},
    "unrolled_in_boxes": {"called again"},
    "in_a_scope_and_in_none": {"called again"},
    "normalized_kernel": {"called again"},
    "changed_in_a_conditional": {"two places"},
}


@pytest.mark.parametrize("name", KINDS)
def test_kind(name: str) -> None:
    graph, _ = build(getattr(tf1_programs, name), True)
    assert {r.kind for r in analyse(read(graph)).readers if r.shared} == KINDS[name]


def roles(sharing: Sharing, variable: str) -> dict[str, set[str]]:
    (found,) = [r for r in sharing.readers if r.variable.name == variable]
    return {role: set(ops) for role, ops in found.others}


def test_roles_of_a_dqn() -> None:
    found = analyse(read(build(tf1_programs.dqn, False)[0]))
    online = roles(found, "deepq/q_func/fc1/Matrix")
    assert online["optimizer"] == {"deepq/Adam/update_deepq/q_func/fc1/Matrix/ApplyAdam"}
    # Summaries, both copies to the target network, and its own initializer.
    assert {"deepq/HistogramSummary", "deepq/Mean_1", "deepq/Assign", "deepq/mul_3"} <= online["bookkeeping"]
    assert all(op.startswith("deepq/gradients/") for op in online["gradient"])
    assert roles(found, "deepq/beta1_power").keys() == {"bookkeeping", "optimizer"}
    slot = roles(found, "deepq/deepq/q_func/fc1/Matrix/Adam")
    assert slot["optimizer"] == online["optimizer"]


def test_roles_of_an_optimizer_without_a_scope() -> None:
    found = analyse(read(build(tf1_programs.bert, False)[0]))
    kernel = roles(found, "cls/predictions/transform/dense/kernel")
    assert kernel["optimizer"] == {"mul_157", "sub_26", "Assign_75"}
    assert roles(found, "bert/embeddings/word_embeddings/adam_m")["optimizer"] == {"Mul_3", "Assign_1"}
    assert {"PolynomialDecay/Cast_2", "Cast"} <= roles(found, "global_step")["bookkeeping"]


def test_roles_of_figures_and_steps_by_hand() -> None:
    lamb = analyse(read(build(tf1_programs.lamb, True)[0]))
    assert roles(lamb, "net/fc1/Matrix")["optimizer"] >= {"norm/mul"}
    assert roles(lamb, "net/fc1/Matrix/adam_m").keys() == {"bookkeeping", "optimizer"}
    figures = analyse(read(build(tf1_programs.figures, True)[0]))
    kernel = roles(figures, "conv1/weights")
    assert kernel["bookkeeping"] >= {"Min", "Max", "sub", "mul_1", "global_norm/L2Loss"}
    assert "regularizer" not in kernel
    assert not any(r.calls for r in figures.readers if r.variable.name.startswith("mean/"))
    anchored = analyse(read(build(tf1_programs.anchored, True)[0]))
    assert roles(anchored, "one/w")["regularizer"] == {"sub", "sub_1"}
    assert roles(anchored, "star/w")["regularizer"] == {"sub"}
    assert not any(r.calls for r in anchored.readers if r.variable.name == "step")
    flat = analyse(read(build(tf1_programs.flat_vector, False)[0]))
    assert roles(flat, "net/fc1/bias")["bookkeeping"] >= {"Reshape_1"}


@pytest.mark.parametrize("scope", ["", "optimizer"])
def test_sparse_adam_in_a_scope(scope: str) -> None:
    with tf.Graph().as_default() as graph:
        table = tf1.get_variable("E", [6, 3])
        loss = tf.reduce_sum(tf.nn.relu(tf.nn.embedding_lookup(table, [0, 2])))
        with tf1.variable_scope(scope) if scope else tf1.name_scope(None):
            tf1.train.AdamOptimizer().minimize(loss)
    below = f"{scope}/" if scope else ""
    slot = roles(analyse(read(graph)), f"{below}E/Adam")
    assert len(slot["optimizer"]) == 4
    assert all(op.startswith(f"{below}Adam/update_E/") for op in slot["optimizer"])
    assert f"{below}Adam/update_E/ResourceScatterAdd" in slot["optimizer"]
    made = {"IsInitialized/VarIsInitializedOp", "Assign"}
    assert slot["bookkeeping"] == {f"{below}E/Adam/{op}" for op in made}


def test_a_scope_that_ends_in_a_number_is_opened_again() -> None:
    """maddpg: agent_0 is agent_0_1 the second time, and has networks of its own in each."""
    with tf.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, [4, 8])
        for own in ("target", "p"):
            with tf1.variable_scope("agent_0", reuse=tf1.AUTO_REUSE):
                for name in ("q", own):
                    with tf1.variable_scope(name):
                        tf.matmul(x, tf1.get_variable("w", [8, 3]))
    (w,) = [r for r in analyse(read(graph)).readers if r.shared]
    assert (w.variable.name, w.kind, [call.name for call in w.calls]) == (
        "agent_0/q/w",
        "called again",
        ["agent_0", "agent_0_1"],
    )


def test_one_call_under_dropout_and_one_without_are_one_function() -> None:
    with tf.Graph().as_default() as graph:
        x, mask = tf1.placeholder(tf.float32, [4, 8]), tf1.placeholder(tf.float32, [8, 3])
        for name in ("Train", "Valid"):
            with tf1.name_scope(name), tf1.variable_scope("net", reuse=tf1.AUTO_REUSE):
                w, b = tf1.get_variable("w", [8, 3]), tf1.get_variable("b", [3])
                tf.nn.bias_add(tf.matmul(x, w * mask if name == "Train" else w), b)
    assert {r.kind for r in analyse(read(graph)).readers} == {"called again"}


def test_moving_averages_are_no_optimizers() -> None:
    found = analyse(read(build(tf1_programs.dcgan, True)[0]))
    mean = roles(found, "generator/g_bn0/moving_mean")
    assert "optimizer" not in mean
    assert "generator/g_bn0/mul" in mean["bookkeeping"]
    towers = analyse(read(build(tf1_programs.towers, True)[0]))
    assert "ExponentialMovingAverage/AssignMovingAvg/sub_1" in roles(towers, "conv1/weights")["bookkeeping"]
    assert roles(towers, "local/weights")["regularizer"] == {"tower_0/local/L2Loss", "tower_1/local/L2Loss"}


def test_a_step_of_floats_is_no_layer() -> None:
    with tf.Graph().as_default():
        step = tf1.get_variable("global_step", [], trainable=False)
        rate = tf1.train.piecewise_constant(step, [10.0, 20.0], [0.1, 0.01, 0.001])
        loss = tf.reduce_sum(tf.matmul(tf.ones([2, 3]), tf1.get_variable("w", [3, 2])))
        tf1.train.AdamOptimizer(rate).minimize(loss, global_step=step)
        assert [r.variable.name for r in analyse(read()).readers if r.calls] == ["w"]


@pytest.mark.usefixtures("control_flow_v1")
def test_an_update_that_passes_a_conditional_is_no_layer() -> None:
    with tf.Graph().as_default() as graph:
        x, n = tf1.placeholder(tf.float32, [2, 3]), tf1.placeholder(tf.int32, [])
        mean = tf1.get_variable("mean", [3], trainable=False)
        tf.tanh(tf.subtract(x, mean, name="filter"))
        new = tf.add(mean, tf.reduce_sum(x, 0), name="new")
        mean.assign(tf1.cond(n > 1, lambda: new, lambda: x[0]))
    found = analyse(read(graph))
    assert [call.ops for r in found.readers for call in r.calls] == [("filter",)]
    assert "new" in roles(found, "mean")["bookkeeping"]


def test_penalties_by_hand() -> None:
    found = analyse(read(build(tf1_programs.regularized, True)[0]))
    assert roles(found, "net/fc1/Matrix")["regularizer"] >= {"Square", "L2Loss", "net/fc1/Matrix/Regularizer/Abs"}
    assert [call.ops for r in found.readers if r.variable.name == "net/fc1/Matrix" for call in r.calls] == [
        ("net/fc1/MatMul",)
    ]


def test_a_penalty_that_is_the_whole_program_is_forward() -> None:
    with tf.Graph().as_default():
        w = tf1.get_variable("w", [3])
        tf1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(tf.square(w)))
        (r,) = analyse(read()).readers
    assert [call.ops for call in r.calls] == [("Square",)]


def test_an_identity_that_is_fetched_is_a_reader() -> None:
    with tf.Graph().as_default():
        with tf1.variable_scope("a"):
            tf.identity(tf1.get_variable("v", [3]), name="y")
        (r,) = analyse(read()).readers
    assert [(call.name, call.ops) for call in r.calls] == [("a", ("a/y",))]


# -- the rules, one by one ---------------------------------------------------------------------------------------


def calls(variable: str, *ops: tuple[str, str]) -> Readers:
    reads = tuple(Read(variable, op, "forward", kind) for op, kind in ops)
    graph = ScopeGraph("test", (), (), (Variable(variable, "ref", (2, 2), "float32", True),), reads)
    return analyse(graph).readers[0]


def names(found: Readers) -> list[str]:
    return [call.name for call in found.calls]


@pytest.mark.parametrize(
    ("variable", "ops", "expected"),
    [
        ("net/w", ["net/MatMul", "net_1/MatMul"], ["net", "net_1"]),
        ("net/fc/w", ["a/net/fc/MatMul", "b/net/fc/MatMul"], ["a", "b"]),
        ("w", ["MatMul", "MatMul_1"], ["MatMul", "MatMul_1"]),
        ("bn/gamma", ["bn/batchnorm/mul", "bn/batchnorm/sub"], ["bn"]),
        ("v", ["l2_normalize/Square", "l2_normalize"], ["l2_normalize/Square"]),
        ("m/wte", ["m/Gather", "m/MatMul"], ["m/Gather", "m/MatMul"]),
        ("m/wte", ["m/Gather", "m/Transpose"], ["m/Gather", "m/Transpose"]),
        ("t/w", ["T/t/c/MatMul", "T/t/c_1/MatMul", "V/t/c/MatMul"], ["T/t/c", "T/t/c_1", "V"]),
        ("fc/w", ["fc/Shape", "fc/MatMul"], ["fc"]),
        ("w", ["a/mul", "b/mul"], ["a", "b"]),
    ],
)
def test_which_reads_are_one_call(variable: str, ops: list[str], expected: list[str]) -> None:
    found = calls(variable, *((op, re.sub(r"_\d+$", "", op.rpartition("/")[2])) for op in ops))
    assert names(found) == expected
    assert found.shared == (len(expected) > 1)


def test_both_sides_of_a_conditional_are_one_call() -> None:
    sides = (
        Read("bn/gamma", "bn/cond/FusedBatchNorm", "forward", "FusedBatchNorm", branch=(("bn/cond/pred_id", 1),)),
        Read("bn/gamma", "bn/cond/FusedBatchNorm_1", "forward", "FusedBatchNorm", branch=(("bn/cond/pred_id", 0),)),
    )
    graph = ScopeGraph("test", (), (), (Variable("bn/gamma", "ref", (2,), "float32", True),), sides)
    (found,) = analyse(graph).readers
    assert [call.ops for call in found.calls] == [("bn/cond/FusedBatchNorm", "bn/cond/FusedBatchNorm_1")]


def test_a_function_called_twice_is_two_calls() -> None:
    sides = tuple(Read("w", "f_12/MatMul", "forward", "MatMul", (op,)) for op in ("net/Call", "net_1/Call"))
    graph = ScopeGraph("test", (), (), (Variable("w", "resource", (2,), "float32", True),), sides)
    (found,) = analyse(graph).readers
    assert [(call.name, call.ops) for call in found.calls] == [("net", ("f_12/MatMul",)), ("net_1", ("f_12/MatMul",))]


def test_totals() -> None:
    graph = ScopeGraph(
        "test",
        ("a", "b"),
        ("VariableV2", "VariableV2"),
        (
            Variable("a", "ref", (2, 3), "float32", True),
            Variable("b", "ref", (), "bool", False),
            Variable("c", "ref", (None, 3), "complex64", None),
            Variable("d", "ref", None, "int8", None),
        ),
        tuple(Read("a", op, "forward", "MatMul") for op in ("x/MatMul", "y/MatMul", "z/MatMul")),
    )
    totals = analyse(graph).totals
    assert (totals.ops, totals.variables, totals.shared, totals.without_sharing) == (2, 4, 1, 6)
    assert (totals.parameters, totals.bytes) == (6 + 1, 24 + 1)


# -- suspicions ---------------------------------------------------------------------------------------------------


def suspicions(program: Callable[[], object]) -> list[tuple[str, tuple[str, ...]]]:
    with tf.Graph().as_default():
        program()
        return [(s.reason, s.variables) for s in analyse(read()).suspicions]


def _net(x: tf.Tensor) -> tf.Tensor:
    for scope in ("fc1", "fc2"):
        with tf1.variable_scope(scope):
            x = tf.matmul(x, tf1.get_variable("w", [4, 4]))
    return x


def test_a_second_set_of_variables_is_suspicious() -> None:
    def program() -> None:
        x = tf1.placeholder(tf.float32, [None, 4])
        for _ in range(2):
            with tf1.variable_scope(None, default_name="net"):
                _net(x)

    ((reason, variables),) = suspicions(program)
    assert "'net_1' holds the variables of 'net' once more" in reason
    assert set(variables) == {"net/fc1/w", "net/fc2/w", "net_1/fc1/w", "net_1/fc2/w"}


def test_what_is_imported_twice_has_one_value_and_is_told() -> None:
    def program() -> None:
        x = tf1.placeholder(tf.float32, [None, 4], "x")
        with tf1.variable_scope("net", use_resource=True):
            _net(x)

    with tf.Graph().as_default() as graph:
        program()
    with tf.Graph().as_default():
        for _ in range(2):
            tf1.import_graph_def(graph.as_graph_def())
        found = analyse(read())
    assert {(r.variable.name, r.kind, r.shared) for r in found.readers} == {
        (f"{scope}/net/{layer}/w", "one value", True) for scope in ("import", "import_1") for layer in ("fc1", "fc2")
    }
    ((reason, variables),) = [(s.reason, s.variables) for s in found.suspicions]
    assert reason.startswith("'import/net/fc1/w' and 'import_1/net/fc1/w', and 1 more like them, are one value")
    assert len(variables) == found.totals.shared == 4
    assert who_reads(found.readers)[0] == "S 4 variables that have their value in common with another of them:"


def test_layers_numbered_by_tensorflow_are_not() -> None:
    def program() -> None:
        x = tf1.placeholder(tf.float32, [None, 4])
        for _ in range(3):
            with tf1.variable_scope(None, default_name="dense"):
                x = tf.matmul(x, tf1.get_variable("kernel", [4, 4])) + tf1.get_variable("bias", [4])

    assert suspicions(program) == []


def test_a_doubled_scope_is_suspicious() -> None:
    def program() -> None:
        x = tf1.placeholder(tf.float32, [None, 4])
        with tf1.variable_scope("net"):
            y = tf.matmul(x, tf1.get_variable("w", [4, 4]))
            with tf1.variable_scope("net"):
                tf.matmul(y, tf1.get_variable("w", [4, 4]))

    ((reason, variables),) = suspicions(program)
    assert reason.startswith("'net/net/w' repeats a scope of 'net/w'")
    assert variables == ("net/w", "net/net/w")


def test_a_scope_that_nobody_reads_is_suspicious() -> None:
    def program() -> None:
        x = tf1.placeholder(tf.float32, [None, 4])
        with tf1.variable_scope("used"):
            tf.matmul(x, tf1.get_variable("w", [4, 4]))
            tf1.get_variable("spare", [4, 4])
        with tf1.variable_scope("forgotten"):
            tf1.get_variable("w", [4, 4])
            tf1.get_variable("b", [4])
        tf1.train.Saver()

    beside, whole = suspicions(program)
    assert beside[0].startswith("Nothing reads 'used/spare' but")
    assert whole[0].startswith("Nothing reads the scope 'forgotten'")
    assert whole[1] == ("forgotten/w", "forgotten/b")


def test_clipping_is_no_use_of_a_weight() -> None:
    """DualGAN: the second critic multiplies with the first one's weights; its own are made, saved and clipped."""

    def program() -> None:
        first, second = (tf1.get_variable(name, [3, 1]) for name in ("first", "second"))
        for x in (tf1.placeholder(tf.float32, [2, 3]), tf1.placeholder(tf.float32, [2, 3])):
            tf.matmul(x, first)
        for w in (first, second):
            tf1.assign(w, tf.clip_by_value(w, -0.1, 0.1))

    ((reason, variables),) = suspicions(program)
    assert reason.startswith("Nothing reads 'second'") and variables == ("second",)


def test_weights_that_are_read_but_not_trained_are_suspicious() -> None:
    def program() -> None:
        x = tf1.placeholder(tf.float32, [None, 4])
        with tf1.variable_scope("body"):
            x = _net(x)
        with tf1.variable_scope("head"):
            loss = tf.reduce_sum(_net(x))
        tf1.train.AdamOptimizer().minimize(loss, var_list=tf1.trainable_variables("head/"))

    ((reason, variables),) = suspicions(program)
    assert reason.startswith(
        "Trainable and read, but updated by no optimizer, unlike 2 others: 'body/fc1/w' and 1 more"
    )
    assert variables == ("body/fc1/w", "body/fc2/w")


def test_weights_that_a_target_copies_may_be_read_and_not_trained() -> None:
    def program() -> None:
        x = tf1.placeholder(tf.float32, [None, 4])
        for scope in ("net", "target"):
            with tf1.variable_scope(scope):
                _net(x)
                with tf1.variable_scope("spare"):
                    tf.matmul(x, tf1.get_variable("w", [4, 4]))
        net, target = tf1.trainable_variables("net"), tf1.trainable_variables("target")
        loss = tf.reduce_sum(tf1.get_default_graph().get_tensor_by_name("net/fc2/MatMul:0"))
        tf1.train.AdamOptimizer().minimize(loss, var_list=net[:2])
        for mine, its in zip(target, net, strict=True):
            tf1.assign(mine, its)

    ((reason, variables),) = suspicions(program)
    assert reason == "Trainable and read, but updated by no optimizer, unlike 2 others: 'net/spare/w'. Is that meant?"
    assert variables == ("net/spare/w",)


@pytest.mark.parametrize("live", [True, False], ids=["live", "pb"])
def test_what_is_printed_or_plotted_is_bookkeeping(live: bool) -> None:
    with tf.Graph().as_default() as graph:
        x, w = tf1.placeholder(tf.float32, [None, 4]), tf1.get_variable("w", [4, 4])
        rate, reward = (tf1.get_variable(name, [], trainable=False) for name in ("rate", "reward"))
        tf.identity(tf1.Print(tf.matmul(x, w), [rate], name="say"), name="out")
        tf1.raw_ops.ScalarSummary(tags="reward", values=reward, name="plot")
    found = analyse(read(graph if live else graph.as_graph_def()))
    assert roles(found, "rate")["bookkeeping"] >= {"say"}
    assert roles(found, "reward")["bookkeeping"] >= {"plot"}
    assert [r.calls[0].ops for r in found.readers if r.calls] == [("MatMul",)]
    assert not found.suspicions


def test_two_layers_in_one_variable_are_suspicious() -> None:
    def program() -> None:
        x = tf1.placeholder(tf.float32, [None, 4])
        for i in (1, 2):
            with tf1.name_scope(f"layer{i}"), tf1.variable_scope("dense", reuse=tf1.AUTO_REUSE):
                x = tf.matmul(x, tf1.get_variable("kernel", [4, 4])) + tf1.get_variable("bias", [4])

    ((reason, variables),) = suspicions(program)
    assert reason.startswith("'layer1' and 'layer2' look like two layers but read one set of weights")
    assert variables == ("dense/kernel", "dense/bias")


# -- random programs ----------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "net", "fc_1", "layer1", "Gradients", "update_a"])
LEAVES = st.one_of(
    st.tuples(st.just("layer"), NAMES, st.booleans()),
    st.tuples(st.just("tied"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("function"), st.integers(0, 5), st.integers(1, 3)),
)
SPECS = st.recursive(
    st.lists(LEAVES, min_size=1, max_size=3),
    lambda inner: st.lists(
        st.one_of(
            LEAVES,
            st.tuples(st.just("scope"), NAMES, inner),
            st.tuples(st.just("again"), NAMES, st.integers(2, 3), inner),
        ),
        min_size=1,
        max_size=3,
    ),
    max_leaves=8,
)
Spec = list[Any]
Use = tuple[str, tuple[str, ...]]


class Builder:
    """Builds a random program and notes each use of each variable while it does."""

    def __init__(self) -> None:
        self.x = tf1.placeholder(tf.float32, [4, 4])
        self.weights: list[tf.Variable] = []
        self.uses: dict[str, list[Use]] = {}

    def use(self, variable: tf.Variable, op: str, via: tuple[str, ...] = ()) -> None:
        self.uses.setdefault(variable.op.name, []).append((op, via))

    def run(self, spec: Spec) -> None:
        for kind, *rest in spec:
            getattr(self, kind)(*rest)

    def scope(self, name: str, inner: Spec) -> None:
        with tf1.variable_scope(name, reuse=tf1.AUTO_REUSE):
            self.run(inner)

    def again(self, name: str, times: int, inner: Spec) -> None:
        for _ in range(times):
            self.scope(name, inner)

    def layer(self, name: str, bias: bool) -> None:
        with tf1.variable_scope(name, reuse=tf1.AUTO_REUSE):
            w = tf1.get_variable("w", [4, 4])
            self.weights += [w] if all(w is not known for known in self.weights) else []
            self.x = tf.matmul(self.x, w)
            self.use(w, self.x.op.name)
            if bias:
                b = tf1.get_variable("b", [4], initializer=tf1.zeros_initializer())
                self.x = self.x + b
                self.use(b, self.x.op.name)

    def tied(self, which: int, transposed: bool) -> None:
        if self.weights:
            w = self.weights[which % len(self.weights)]
            self.x = tf.matmul(self.x, w, transpose_b=transposed)
            self.use(w, self.x.op.name)

    def function(self, which: int, times: int) -> None:
        if not self.weights:
            return
        w = self.weights[which % len(self.weights)]
        inner = tf.function(lambda x: tf.matmul(x, w), autograph=False)
        for _ in range(times):
            graph = tf1.get_default_graph()
            before = len(graph.get_operations())
            self.x = inner(self.x)
            (call,) = [op for op in graph.get_operations()[before:] if op.type.endswith("PartitionedCall")]
            self.use(w, "MatMul", (call.name,))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(spec=SPECS, resource=st.booleans(), train=st.booleans())
def test_random_programs(tmp_path_factory: pytest.TempPathFactory, spec: Spec, resource: bool, train: bool) -> None:
    made: dict[str, list[Use]] = {}

    def program() -> dict[str, list[str]]:
        builder = Builder()
        builder.run(spec)
        made.update(builder.uses)
        if train and tf1.trainable_variables():
            tf1.train.AdamOptimizer().minimize(tf.reduce_sum(tf.square(builder.x)))
            tf1.train.ExponentialMovingAverage(0.9).apply(tf1.trainable_variables())
            tf1.train.Saver()
        return {}

    graph, _ = build(program, resource)
    folder = tmp_path_factory.mktemp("random")
    Path(folder / "g.pb").write_bytes(graph.as_graph_def().SerializeToString())
    with graph.as_default():
        tf1.train.export_meta_graph(str(folder / "g.meta"))
    live, pb, meta = read(graph), read(folder / "g.pb"), read(str(folder / "g.meta"))
    assert live.reads == pb.reads == meta.reads
    assert live.ops == pb.ops == meta.ops
    assert live.variables == meta.variables
    assert [v.name for v in pb.variables] == [v.name for v in live.variables]

    for uses in made.values():  # training gives the call ops another function
        for i, (op, via) in enumerate(uses):
            if via:
                uses[i] = f"{graph.get_operation_by_name(via[0]).get_attr('f').name}/{op}", via
    forward: dict[str, list[Use]] = {}
    for r in live.reads:
        if r.role == "forward":
            forward.setdefault(r.variable, []).append((r.op, r.via))
    assert forward == made
    for readers in analyse(live).readers:
        uses = made.get(readers.variable.name, [])
        assert [call.ops for call in readers.calls] == [(op,) for op, _ in uses]
        assert bool(readers.kind) == readers.shared == (len(uses) > 1)
        found = names(readers)
        assert len(set(found)) == len(found)
        places = ["/".join((*via, op.partition("/")[2])) if via else op for op, via in uses]
        for name, place in zip(found, places, strict=True):
            assert place == name or place.startswith(name + "/")
            if len(places) > 1 and name != place:
                assert sum(other.startswith(name + "/") for other in places) == 1


def test_a_moving_average_makes_no_head_a_second_network() -> None:
    def heads(x: tf.Tensor) -> None:
        for _ in range(2):
            with tf1.variable_scope(None, "fc"):
                tf.matmul(x, tf1.get_variable("w", [4, 3]))

    with tf.Graph().as_default():
        x = tf1.placeholder(tf.float32, [None, 4])
        with tf1.variable_scope("net"):
            heads(x)
        ema = tf1.train.ExponentialMovingAverage(0.99)
        ema.apply(tf1.trainable_variables())
        with tf1.variable_scope("net", reuse=True, custom_getter=lambda getter, *a, **k: ema.average(getter(*a, **k))):
            heads(x)
        found = analyse(read())
    assert [r.shared for r in found.readers] == [False] * 4
    assert found.suspicions == ()


def test_layers_that_each_take_their_row_of_a_variable_are_not_glued() -> None:
    def suspected(rows: bool) -> list[str]:
        with tf.Graph().as_default():
            bias = tf1.get_variable("bias", [2, 4])
            for i in range(2):
                with tf1.name_scope(f"layer_{i}"):
                    tf.tanh(bias[i] + 1.0) if rows else tf.tanh(bias + 1.0)
            return [suspicion.reason for suspicion in analyse(read()).suspicions]

    assert suspected(rows=True) == []
    (reason,) = suspected(rows=False)
    assert "look like two layers" in reason


def test_a_counter_that_nobody_reads_is_no_suspicion_in_a_pb_either() -> None:
    with tf.Graph().as_default() as graph:
        tf1.train.get_or_create_global_step()
        with tf1.variable_scope("net"):
            tf.matmul(tf.ones([1, 2]), tf1.get_variable("w", [2, 2]))
    assert analyse(read(graph)).suspicions == analyse(read(graph.as_graph_def())).suspicions == ()


def test_towers_with_some_variables_of_their_own_are_one_function() -> None:
    def tower(x: tf.Tensor) -> None:
        for name in ("fc1", "fc2", "fc3"):
            with tf1.variable_scope(name):
                x = tf.nn.relu(tf.matmul(x, tf1.get_variable("w", [4, 4])))
        tf.tanh(x - tf1.Variable(tf.zeros([4]), trainable=False, name="mean"))

    with tf.Graph().as_default():
        with tf1.variable_scope("net", reuse=tf1.AUTO_REUSE) as scope:
            pass
        for name in ("primary", "secondary"):
            with tf1.name_scope(name) as outer, tf1.variable_scope(scope), tf1.name_scope(outer):
                tower(tf1.placeholder(tf.float32, [None, 4]))
        readers = [r for r in analyse(read()).readers if r.variable.name.endswith("/w")]
    assert {(tuple(c.name for c in r.calls), r.kind) for r in readers} == {(("primary", "secondary"), "called again")}
