"""`scopekit.readers`: every source gives the same graph, files without TensorFlow, and damage gives an error."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import fuzz_readers
import pytest
import tensorflow as tf
import tf1_programs
from google.protobuf import text_format, wrappers_pb2
from tf1_programs import build, tf1

from scopekit.graph import Read, ScopeGraph, ScopekitError, Variable
from scopekit.readers import read
from scopekit.sharing import analyse

# protobuf 5.29, which TensorFlow 2.18 and 2.19 ask for, writes a quote in bytes as it is: nobody can read that text.
ESCAPES_QUOTES = '\\"' in str(wrappers_pb2.BytesValue(value=b'"'))


def forward(graph: ScopeGraph) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for r in graph.reads:
        if r.role == "forward":
            found.setdefault(r.variable, []).append("/".join((*r.via, r.op)))
    return found


# -- one graph, in every form ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["dcgan", "partitioned", "gpt_train_and_sample", "conditional"])
def forms(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ScopeGraph, Path, tf.Graph]:
    folder = tmp_path_factory.mktemp(request.param)
    graph, _ = build(getattr(tf1_programs, request.param), resource=request.param != "dcgan")
    with graph.as_default():
        tf1.train.export_meta_graph(str(folder / "model.meta"))
        tf1.train.export_meta_graph(str(folder / "meta.pbtxt"), as_text=True)
        tf1.io.write_graph(graph, str(folder), "graph.pbtxt")
        tf1.io.write_graph(graph, str(folder), "graph.pb", as_text=False)
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            builder = tf1.saved_model.Builder(str(folder / "saved"))
            builder.add_meta_graph_and_variables(session, ["serve"])
            builder.save()
            builder.save(as_text=True)
            tf1.train.Saver().save(session, str(folder / "model.ckpt"), write_meta_graph=False)
    return read(graph), folder, graph


@pytest.mark.parametrize("name", ["model.meta", "meta.pbtxt", "graph.pb", "graph.pbtxt"])
def test_files_say_what_the_live_graph_says(forms: tuple[ScopeGraph, Path, tf.Graph], name: str) -> None:
    live, folder, _ = forms
    found = read(folder / name)
    assert found.source == name
    # The files were written before the savers were added, which the live graph has too.
    assert set(found.ops) < set(live.ops)
    assert forward(found) == forward(live)
    assert [v.name for v in found.variables] == [v.name for v in live.variables]
    if "graph" in name:
        assert {v.trainable for v in found.variables} == {None}
    else:
        assert found.variables == live.variables


def test_saved_models_of_tensorflow_1(forms: tuple[ScopeGraph, Path, tf.Graph]) -> None:
    live, folder, _ = forms
    binary = read(folder / "saved")
    assert binary.variables == live.variables
    assert forward(binary) == forward(live)
    (folder / "saved" / "saved_model.pb").rename(folder / "elsewhere.bin")
    if ESCAPES_QUOTES:
        assert read(folder / "saved").reads == binary.reads  # the text beside it
    assert read(folder / "elsewhere.bin").reads == binary.reads  # the name does not matter
    (folder / "elsewhere.bin").rename(folder / "saved" / "saved_model.pb")


def test_messages_say_the_same(forms: tuple[ScopeGraph, Path, tf.Graph]) -> None:
    live, _, graph = forms
    assert forward(read(graph.as_graph_def())) == forward(live)
    with graph.as_default():
        meta = tf1.train.export_meta_graph()
    assert read(meta).variables == live.variables


def test_checkpoints_have_names_shapes_and_types(forms: tuple[ScopeGraph, Path, tf.Graph]) -> None:
    _, folder, _ = forms
    prefix = str(folder / "model.ckpt")
    reader = tf.train.load_checkpoint(prefix)
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    found = read(prefix)
    assert {v.name: list(v.shape or ()) for v in found.variables} == shapes
    assert {v.name: v.dtype for v in found.variables} == {name: d.name for name, d in dtypes.items()}
    assert {v.kind for v in found.variables} == {"checkpoint"}
    assert read(prefix + ".index").variables == found.variables
    assert [v.name for v in found.variables] == sorted(shapes)


def test_variables_and_reads_of_a_small_graph() -> None:
    with tf.Graph().as_default():
        x = tf1.placeholder(tf.float32, [None, 3])
        with tf1.variable_scope("net", use_resource=True):
            tf.matmul(x, tf1.get_variable("w", [3, 4]))
        with tf1.variable_scope("old", use_resource=False):
            tf1.get_variable("n", [], tf.int64, initializer=tf1.zeros_initializer(), trainable=False)
            tf1.get_variable("free", initializer=tf.zeros([2]), validate_shape=False, dtype=None)
        found = read()
    assert found.source == "the current graph"
    assert found.variables[:2] == (
        Variable("net/w", "resource", (3, 4), "float32", True),
        Variable("old/n", "ref", (), "int64", False),
    )
    assert found.variables[2].shape is None
    assert Read("net/w", "net/MatMul", "forward", "MatMul") in found.reads
    assert found.types[found.ops.index("net/MatMul")] == "MatMul"


@pytest.mark.parametrize("source", ["live", "GraphDef", "pbtxt"])
def test_an_imported_variable_keeps_the_name_of_its_value(source: str, tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph:
        tf1.get_variable("w", [2])
    with tf.Graph().as_default() as twice:
        for _ in range(2):
            tf1.import_graph_def(graph.as_graph_def())
    given: object = {"live": twice, "GraphDef": twice.as_graph_def(), "pbtxt": tmp_path / "it.pbtxt"}[source]
    tf1.train.write_graph(twice, str(tmp_path), "it.pbtxt")
    assert [(v.name, v.shared_name) for v in read(given).variables] == [("import/w", "w"), ("import_1/w", "w")]


def test_a_container_parts_values_of_one_name() -> None:
    with tf.Graph().as_default() as graph:
        tf1.get_variable("w", [2])
    with tf.Graph().as_default() as twice:
        for container in ("left", "right"):
            definition = graph.as_graph_def()
            for node in definition.node:
                if node.op == "VarHandleOp":
                    node.attr["container"].s = container.encode()
            tf1.import_graph_def(definition)
    assert [v.shared_name for v in read(twice).variables] == ["left/w", "right/w"]


def test_tables_and_iterators_are_no_variables() -> None:
    with tf.Graph().as_default():
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [1]), 0)
        words = tf1.data.make_initializable_iterator(tf.data.Dataset.from_tensor_slices(["a", "b"])).get_next()
        w = tf1.get_variable("w", [2, 4])
        tf.nn.embedding_lookup(w, table.lookup(words))
        found = read()
    assert [v.name for v in found.variables] == ["w"]
    assert {"HashTableV2", "IteratorV2"} <= set(found.types)


def test_an_empty_graph_is_an_answer() -> None:
    with tf.Graph().as_default():
        assert read() == ScopeGraph("the current graph", (), (), (), ())


def test_ops_in_any_order() -> None:
    graph, truth = build(tf1_programs.gpt_train, resource=False)
    shuffled = graph.as_graph_def()
    nodes = list(shuffled.node)
    random.Random(3).shuffle(nodes)
    del shuffled.node[:]
    shuffled.node.extend(nodes)
    found = analyse(read(shuffled))
    assert {r.variable.name: sorted(c.name for c in r.calls) for r in found.readers if r.shared} == {
        name: sorted(calls) for name, calls in truth.items()
    }


# -- functions ------------------------------------------------------------------------------------------------------


class Model(tf.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        self.w = tf.Variable(tf.ones([3, 3]), name="w")
        self.b = tf.Variable(tf.ones([3]), name="w")
        self.table = tf.Variable(tf.ones([5, 3]), name="table", trainable=False)

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])  # type: ignore[untyped-decorator]
    def layer(self, x: tf.Tensor) -> tf.Tensor:
        return tf.matmul(x, self.w) + self.b

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])  # type: ignore[untyped-decorator]
    def twice(self, x: tf.Tensor) -> tf.Tensor:
        return self.layer(self.layer(x))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])  # type: ignore[untyped-decorator]
    def tied(self, ids: tf.Tensor) -> tf.Tensor:
        return tf.matmul(self.layer(tf.gather(self.table, ids)), self.table, transpose_b=True)


def found_in(graph: ScopeGraph) -> dict[tuple[str, int], tuple[bool | None, str, int]]:
    """Return (trainable, kind, calls) of each variable; two have one name, and their ranks tell them apart."""
    return {
        (r.variable.name.split("_")[0], len(r.variable.shape or ())): (r.variable.trainable, r.kind, len(r.calls))
        for r in analyse(graph).readers
    }


@pytest.mark.parametrize("signatures", [True, False])
def test_saved_models_of_tensorflow_2(tmp_path: Path, signatures: bool) -> None:
    model = Model()
    given = {"twice": model.twice, "tied": model.tied, "again": model.tied} if signatures else None
    tf.saved_model.save(model, str(tmp_path), signatures=given)
    # The layer is called twice by one function and once by the other; two signatures of one function count once.
    assert found_in(read(tmp_path)) == {
        ("w", 2): (True, "called again", 3),
        ("w", 1): (True, "called again", 3),
        ("table", 2): (False, "two places", 2),
    }
    ops = read(tmp_path).ops
    assert all(op in ops for r in read(tmp_path).reads for op in (r.op, *r.via[1:]))


def test_concrete_functions() -> None:
    model = Model()
    concrete = model.twice.get_concrete_function()
    assert read(concrete) == read(concrete.graph)
    assert found_in(read(concrete)) == {("w", 2): (True, "called again", 2), ("w", 1): (True, "called again", 2)}
    assert [v.name for v in read(concrete).variables] == ["w", "w_1"]


def test_variables_of_a_function_keep_the_order_of_its_captures() -> None:
    many = [tf.Variable(float(i), name=f"v{i}") for i in range(20)]
    concrete = tf.function(lambda: tf.add_n([v * 2.0 for v in many])).get_concrete_function()
    assert [v.name for v in read(concrete).variables] == [f"v{i}" for i in range(20)]


def test_a_template_made_before_does_not_disturb_a_function() -> None:
    template = tf1.make_template("t", lambda: tf1.get_variable("w", initializer=2.0))
    template()
    w = tf.Variable(1.0, name="mine")
    concrete = tf.function(lambda: w * 2.0).get_concrete_function()
    assert [v.name for v in read(concrete).variables] == ["mine"]


def test_a_keras_model_with_a_shared_layer(tmp_path: Path) -> None:
    x = inputs = tf.keras.Input([4])
    shared = tf.keras.layers.Dense(4, name="shared")
    x = shared(tf.keras.layers.BatchNormalization()(shared(x)))
    tf.keras.Model(inputs, tf.keras.layers.Dense(2)(x)).export(str(tmp_path / "model"), verbose=False)
    found = analyse(read(tmp_path / "model"))
    assert [(r.variable.name[:11], r.kind, len(r.calls)) for r in found.readers if r.shared] == [
        ("shared/bias", "called again", 2),
        ("shared/kern", "called again", 2),
    ]
    assert found.suspicions == ()


def test_the_copies_that_keras_makes_are_no_variables(tmp_path: Path) -> None:
    class Mixed(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            self.scale = tf.Variable(tf.ones([1, 3]))  # named "Variable", as the copies are
            self.dense = tf.keras.layers.Dense(3)
            self.unused = tf.Variable(5.0, trainable=False)

        @tf.function(input_signature=[tf.TensorSpec([None, 3])])  # type: ignore[untyped-decorator]
        def call(self, x: tf.Tensor) -> tf.Tensor:
            return self.dense(x) * self.scale

    model = Mixed()
    model.call(tf.ones([1, 3]))
    tf.saved_model.save(model, str(tmp_path))
    found = {(r.variable.shape, r.variable.trainable, len(r.calls)) for r in analyse(read(tmp_path)).readers}
    assert found == {((1, 3), True, 1), ((3, 3), True, 1), ((3,), True, 1), ((), False, 0)}


def test_what_a_function_computes_for_nobody_is_no_call(tmp_path: Path) -> None:
    model = tf.Module()
    model.w, model.state = tf.Variable(tf.ones([3, 3]), name="w"), tf.Variable(0.0, name="state")

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])  # type: ignore[untyped-decorator]
    def call(x: tf.Tensor) -> tf.Tensor:
        tf.matmul(x, model.w, name="tried")
        model.state.assign(tf.reduce_sum(tf.matmul(x, model.w, name="kept")))
        return tf.matmul(x, model.w, name="returned")

    model.call = call
    tf.saved_model.save(model, str(tmp_path))
    for source in (tmp_path, call.get_concrete_function()):
        readers = {r.variable.name: r for r in analyse(read(source)).readers}
        assert [op.rpartition("/")[2] for c in readers["w"].calls for op in c.ops] == ["kept", "returned"]
        assert [role for role, _ in readers["state"].others if role != "bookkeeping"] == []


def test_a_recurrent_keras_layer_is_one_call(tmp_path: Path) -> None:
    x = inputs = tf.keras.Input([7], dtype="int32")
    x = tf.keras.layers.Embedding(13, 4)(x)
    model = tf.keras.Model(
        inputs, tf.keras.layers.GRU(3)(tf.keras.layers.Bidirectional(tf.keras.layers.LSTM(3))(x)[:, None])
    )
    model.export(str(tmp_path), verbose=False)
    found = analyse(read(tmp_path))
    assert {len(r.calls) for r in found.readers} == {0, 1}
    assert sum(len(r.calls) for r in found.readers) == 10


# -- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.pb", None, "no such file"),
        ("empty.pb", b"", "it is empty"),
        ("zeros.pb", bytes(100), "it is no protobuf message: byte 0 starts no field"),
        ("page.html", b"<!DOCTYPE html><html></html>", "cut off|no graph|no protobuf"),
        ("model.h5", b"\x89HDF\r\n\x1a\n" + bytes(100), "it is no graph: expected a GraphDef"),
        ("checkpoint", b'model_checkpoint_path: "model"\n', "starts with 'model_checkpoint_path'"),
        ("m.ckpt.data-00000-of-00001", b"\x00\x01", "give the prefix, 'm.ckpt'"),
        ("cut.pbtxt", b'node { name: "a" ', "cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_errors_name_the_file_and_the_reason(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScopekitError, match=says) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_prefix_without_index(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt.meta").write_bytes(b"")
    with pytest.raises(ScopekitError, match=r"checkpoint's prefix but no 'model\.ckpt\.index' lies beside it"):
        read(tmp_path / "model.ckpt")
    with pytest.raises(ScopekitError, match=r"a folder without saved_model\.pb"):
        read(tmp_path)


def test_the_first_checkpoint_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.ckpt"
    path.write_bytes(fuzz_readers.table({b"": fuzz_readers.field(1, b"x")}))
    with pytest.raises(ScopekitError, match=r"before TensorFlow 0\.12"):
        read(path)


@pytest.mark.parametrize("source", [5, [], {"a": 1}, tf.constant(1)])
def test_what_is_no_graph_is_refused(source: object) -> None:
    with pytest.raises(ScopekitError, match=r"expected a tf\.Graph"):
        read(source)


def test_a_file_is_read_without_tensorflow(tmp_path: Path) -> None:
    path = tmp_path / "graph.pb"
    path.write_bytes(fuzz_readers.graph(["w", "net/w"]))
    code = (
        "import sys; from scopekit.readers import read; from scopekit.sharing import analyse;"
        f"print(analyse(read({str(path)!r})).totals.shared);"
        "assert not {'tensorflow', 'pandas', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2\n"


# -- damage ---------------------------------------------------------------------------------------------------------


def test_the_graphs_to_damage_are_read_whole() -> None:
    names = ["w", "net/w", "c"]
    message = tf1.GraphDef.FromString(fuzz_readers.graph(names))
    found = read(message)
    assert forward(found)["w"] == ["net/MatMul", "net_1/MatMul", "net_2/MatMul", "while/MatMul"]
    assert [r.via for r in found.reads if r.variable == "net/w" and r.via] == [
        ("if/branch_0",),
        ("if/branch_1", "g/again"),
        ("call",),
    ]
    text = text_format.MessageToString(message)
    assert text_format.Parse(text, tf1.GraphDef()) == message
    meta = tf1.MetaGraphDef.FromString(fuzz_readers.meta(names))
    assert [(v.name, v.trainable) for v in read(meta).variables] == [("w", True), ("net/w", False)]


@pytest.mark.parametrize(("name", "data"), list(fuzz_readers.monsters()), ids=lambda v: v if isinstance(v, str) else "")
def test_monsters(name: str, data: bytes, tmp_path: Path) -> None:
    fuzz_readers.survive(data, tmp_path / "monster.file", seconds=30)


def test_damaged_files(tmp_path: Path) -> None:
    rng = random.Random(1)
    ends = [fuzz_readers.survive(fuzz_readers.damaged(rng), tmp_path / "damaged.file") for _ in range(500)]
    assert 50 < sum(ends) < 450
