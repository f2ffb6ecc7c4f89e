"""`sk.match`: what it says of a checkpoint and a graph, and that the rename it finds brings the values back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import scopekit as sk
from scopekit.graph import ScopeGraph, ScopekitError, Variable

tf1 = tf.compat.v1


def graph(*variables: tuple[str, tuple[int | None, ...] | None], dtype: str = "float32") -> ScopeGraph:
    made = tuple(Variable(name, "resource", shape, dtype, True) for name, shape in variables)
    return ScopeGraph("a graph", tuple(v.name for v in made), ("VarHandleOp",) * len(made), made, ())


def file(*keys: tuple[str, tuple[int, ...]], dtype: str = "float32") -> ScopeGraph:
    return ScopeGraph("model", (), (), tuple(Variable(k, "checkpoint", s, dtype, None) for k, s in keys), ())


def test_all_match() -> None:
    found = sk.match(graph(("a/w", (2, 3)), ("a/b", (3,))), file(("a/b", (3,)), ("a/w", (2, 3)), ("a/w/Adam", (2, 3))))
    assert found
    assert found.rename == {"a/w": "a/w", "a/b": "a/b"}
    assert repr(found) == (
        "a graph against model: 2 of 2 variables match\n"
        "  matching  a/w       2×3\n"
        "  matching  a/b       3\n"
        "  unwanted  a/w/Adam  2×3"
    )


def test_one_scope_for_another_is_one_line() -> None:
    found = sk.match(
        graph(("new/w", (2, 3)), ("new/b", (3,)), ("step", ())), file(("old/b", (3,)), ("old/w", (2, 3)), ("step", ()))
    )
    assert not found
    assert found.rename == {"step": "step", "old/w": "new/w", "old/b": "new/b"}
    assert repr(found) == (
        "a graph against model: 1 of 3 variables match\n"
        "  matching  step       scalar\n"
        "  missing   new/w      2×3\n"
        "  missing   new/b      3\n"
        "  unwanted  old/b      3\n"
        "  unwanted  old/w      2×3\n"
        "  rename    old → new  in 2 keys"
    )


def test_a_tie_is_told_and_not_decided() -> None:
    found = sk.match(graph(("net/w", (3,)), ("net/v", (3,))), file(*((f"{t}/{n}", (3,)) for t in "ab" for n in "wv")))
    assert found.rename == {}
    assert found.unclear == (("net/w", ("a/w", "a/v", "b/w", "b/v")), ("net/v", ("a/w", "a/v", "b/w", "b/v")))
    assert "unclear   net/w  could be a/w, a/v, b/w and b/v" in repr(found)


@pytest.mark.parametrize(
    ("mine", "theirs", "rename"),
    [
        (["w"], ["old/w"], {"old/w": "w"}),
        (["net/w"], ["w"], {"w": "net/w"}),
        (["l1/v", "l2/v"], ["l1/w", "l2/w"], {"l1/w": "l1/v", "l2/w": "l2/v"}),
        (["g/a/w", "g/b/w"], ["h/b/w", "h/a/w"], {"h/a/w": "g/a/w", "h/b/w": "g/b/w"}),
        (["power1_1", "power2_1"], ["power1", "power2"], {"power1": "power1_1", "power2": "power2_1"}),
        (["net/w"], ["net/w/.ATTRIBUTES/VARIABLE_VALUE"], {"net/w/.ATTRIBUTES/VARIABLE_VALUE": "net/w"}),
        (["a/x"], ["b/y"], {"b/y": "a/x"}),  # the only one of its shape
        (["w/Adam_2", "w/Adam_3"], ["w/Adam", "w/Adam_1"], {}),  # which is which, no shape and no scope tells
        (["c/w", "d/w", "d/b"], ["a/w", "b/w", "b/b"], {"b/w": "d/w", "b/b": "d/b", "a/w": "c/w"}),
    ],
)  # fmt: skip
def test_renames(mine: list[str], theirs: list[str], rename: dict[str, str]) -> None:
    assert sk.match(graph(*((n, (3,)) for n in mine)), file(*((n, (3,)) for n in theirs))).rename == rename


def test_shapes_that_differ_are_told_and_unnamed_variables_found_by_them() -> None:
    found = sk.match(
        graph(("Variable", (3,)), ("Variable_1", (2, 3))), file(("Variable", (2, 3)), ("Variable_1", (3,)))
    )
    assert not found
    assert found.differing[0] == ("Variable", "3 in the graph, 2×3 in the file")
    assert found.rename == {"Variable_1": "Variable", "Variable": "Variable_1"}


def test_a_dtype_that_differs_is_no_match() -> None:
    found = sk.match(graph(("w", (3,)), dtype="float64"), file(("w", (3,))))
    assert not found
    assert found.differing == (("w", "3 float64 in the graph, 3 in the file"),)
    assert found.rename == {}


def test_unnamed_variables_are_pointed_out() -> None:
    names = ("net/Variable", "net/Variable_1")
    found = sk.match(graph(*((n, (3,)) for n in names)), file(*((n, (3,)) for n in names)))
    assert found
    assert "matching  net/Variable_1  3  (unnamed: by order of creation)" in repr(found)


def test_a_variable_for_which_there_is_nothing_is_told() -> None:
    found = sk.match(graph(("new/w", (3,)), ("head/w", (5,))), file(("old/w", (3,)), ("old/v", (2,))))
    assert found.rename == {"old/w": "new/w"}
    assert "not found  head/w         no key is left that has its shape" in repr(found)


def test_an_unknown_size_fits_each() -> None:
    assert sk.match(graph(("w", (None, 3)), ("v", None)), file(("w", (2, 3)), ("v", (1,))))
    assert not sk.match(graph(("w", (None, 3))), file(("w", (2, 4))))


@pytest.mark.parametrize("axis", [0, 1])
def test_a_partitioned_variable_is_one(tmp_path: Path, axis: int) -> None:
    with tf.Graph().as_default() as g, tf1.Session() as session:
        with tf1.variable_scope("p", partitioner=tf1.fixed_size_partitioner(2, axis=axis)):
            tf1.get_variable("w", [4, 6], initializer=tf1.ones_initializer())
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver().save(session, str(tmp_path / "whole"))
        tf1.train.Saver({v.op.name: v for v in tf1.global_variables()}).save(session, str(tmp_path / "parts"))
    assert sk.match(g, tmp_path / "whole").matching == ("p/w",)
    assert sk.match(g, tmp_path / "parts").matching == ("p/w/part_0", "p/w/part_1")
    one = sk.match(graph(("p/w", (4, 6))), tmp_path / "parts")
    assert (one.missing, one.unclear, one.rename) == (("p/w",), (), {})


def test_names_of_strangers_are_made_safe_and_many_are_counted() -> None:
    found = sk.match(graph(("a\u202eb\n", (1,))), file(*((f"k{i}", (2,)) for i in range(20))))
    assert r"missing    a\u202eb\n" in repr(found)
    assert "unwanted   … 8 more" in repr(found)
    assert repr(found) == repr(sk.match(graph(("a\u202eb\n", (1,))), file(*((f"k{i}", (2,)) for i in range(20)))))
    assert sk.match(graph(), file())


def test_a_graph_in_the_place_of_the_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScopekitError, match=r"'a graph' is a graph with 1 op, not a checkpoint; give the graph first"):
        sk.match(file(("w", ())), graph(("w", ())))
    with pytest.raises(ScopekitError, match="no such file"):
        sk.match(graph(("w", ())), tmp_path / "nothing")


def test_files_need_no_tensorflow(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        session.run(tf1.get_variable("w", [2]).initializer)
        tf1.train.Saver().save(session, str(tmp_path / "model"))
    asked = "bool(scopekit.match(p + '.meta', p)), 'tensorflow' in sys.modules"
    code = f"import sys, scopekit; p = sys.argv[1]; print({asked})"
    run = [sys.executable, "-c", code, str(tmp_path / "model")]
    ran = subprocess.run(run, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "False"]


OLD, NEW = st.sampled_from("abcd"), dict(zip("abcd", "pqrs", strict=True))
NAMES = st.dictionaries(
    st.lists(OLD, min_size=1, max_size=4).map("/".join), st.sampled_from([(), (2,), (2, 3)]), min_size=1, max_size=12
)


def variables_of(names: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the names as TensorFlow allows them: no name is the scope of another."""
    return [(n, s) for n, s in names.items() if not any(other.startswith(n + "/") for other in names)]


@given(NAMES)
def test_a_scope_that_was_renamed_is_found_whole(names: dict[str, Any]) -> None:
    old = variables_of(names)
    found = sk.match(graph(*((f"new/{n}", s) for n, s in old)), file(*((f"old/{n}", s) for n, s in old)))
    assert found.rename == {f"old/{n}": f"new/{n}" for n, _ in old}
    assert found.unclear == ()


@given(NAMES, st.sets(OLD))
def test_whatever_is_renamed_the_rename_is_right_or_called_unclear(names: dict[str, Any], renamed: set[str]) -> None:
    old = variables_of(names)
    now = {n: "/".join(NEW[part] if part in renamed else part for part in n.split("/")) for n, _ in old}
    found = sk.match(graph(*((now[n], s) for n, s in reversed(old))), file(*old))
    assert all(now[key] == name for key, name in found.rename.items())
    assert {*found.rename.values(), *(name for name, _ in found.unclear)} == set(now.values())


@settings(max_examples=15, deadline=None)
@given(NAMES)
def test_the_rename_brings_the_values_back(tmp_path_factory: pytest.TempPathFactory, names: dict[str, Any]) -> None:
    prefix, old = str(tmp_path_factory.mktemp("saved") / "model"), variables_of(names)
    values = {n: np.full(s, i, np.float32) for i, (n, s) in enumerate(old)}
    keys, whole = [f"old/{n}" for n in values], [""] * len(values)
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=keys, shape_and_slices=whole, tensors=[*values.values()])
    with tf.Graph().as_default() as g, tf1.Session() as session:
        made = {f"new/{n}": tf1.get_variable(f"new/{n}", s) for n, s in old}
        rename = sk.match(g, prefix).rename
        tf1.train.Saver({key: made[name] for key, name in rename.items()}).restore(session, prefix)
        restored = session.run(made)
    assert all(np.array_equal(restored[f"new/{n}"], values[n]) for n in values)
