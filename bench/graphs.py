"""Graph files of any size, for the benchmark: written byte by byte, so that neither TensorFlow nor memory is needed.

In: a number of ops. Out: a GraphDef file shaped like a transformer's training graph from TensorFlow 1 (BERT): per
layer sixteen ref variables with initializers and savers, the network called twice, its gradients, and Adam.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

_FLOAT = b"\x30\x01"  # AttrValue.type = DT_FLOAT


def _field(number: int, body: bytes) -> bytes:
    size, head = len(body), bytearray([number << 3 | 2])
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    head.append(size)
    return bytes(head) + body


def _attr(key: bytes, value: bytes) -> bytes:
    return _field(5, _field(1, key) + _field(2, value))


def _shape(*dims: int) -> bytes:
    def varint(n: int) -> bytes:
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)

    return b"".join(_field(2, b"\x08" + varint(d)) for d in dims)


_T = _attr(b"T", _FLOAT)
_SHAPES = _attr(b"_output_shapes", _field(1, _field(7, _shape(32, 128, 768))))
_CONST = _attr(b"dtype", _FLOAT) + _attr(b"value", _field(8, b"\x08\x01" + _field(2, _shape(4)) + _field(4, bytes(16))))


def node(name: str, op: str, *inputs: str, attrs: bytes = _T + _SHAPES) -> bytes:
    """Return one NodeDef as a field of a GraphDef."""
    body = _field(1, name.encode()) + _field(2, op.encode())
    return _field(1, body + b"".join(_field(3, i.encode()) for i in inputs) + attrs)


def _variable(name: str, *dims: int) -> Iterator[bytes]:
    shape = _attr(b"shape", _field(7, _shape(*dims)))
    loc = _attr(b"_class", _field(1, _field(2, b"loc:@" + name.encode())))
    start = f"{name}/Initializer/truncated_normal"
    for part in ("shape", "mean", "stddev"):
        yield node(f"{start}/{part}", "Const", attrs=_CONST + loc)
    yield node(f"{start}/TruncatedNormal", "TruncatedNormal", f"{start}/shape", attrs=_T + loc)
    yield node(f"{start}/mul", "Mul", f"{start}/TruncatedNormal", f"{start}/stddev", attrs=_T + loc)
    yield node(start, "Add", f"{start}/mul", f"{start}/mean", attrs=_T + loc)
    text = _attr(b"container", b"\x12\x00") + _attr(b"shared_name", b"\x12\x00")
    yield node(name, "VariableV2", attrs=loc + text + _attr(b"dtype", _FLOAT) + shape)
    yield node(f"{name}/Assign", "Assign", name, start, attrs=_T + loc)
    yield node(f"{name}/read", "Identity", name, attrs=_T + loc)


_DENSE = ("attention/self/query", "attention/self/key", "attention/self/value", "attention/output/dense")
_FFN = ("intermediate/dense", "output/dense")
_NORM = ("attention/output/LayerNorm", "output/LayerNorm")


def _forward(net: str, layer: str, x: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield (name, op, inputs) of one layer; the last is its output."""
    home = f"{net}/{layer}"
    for part in (*_DENSE, *_FFN):
        s, v = f"{home}/{part}", f"bert/{layer}/{part}"
        yield f"{s}/Reshape/shape", "Const", ()
        yield f"{s}/Reshape", "Reshape", (x, f"{s}/Reshape/shape")
        yield f"{s}/MatMul", "MatMul", (f"{s}/Reshape", f"{v}/kernel/read")
        yield f"{s}/BiasAdd", "BiasAdd", (f"{s}/MatMul", f"{v}/bias/read")
        yield f"{s}/Shape", "Shape", (f"{s}/BiasAdd",)
        for i in range(3):
            yield f"{s}/strided_slice/stack_{i}", "Const", ()
        stack = tuple(f"{s}/strided_slice/stack_{i}" for i in range(3))
        yield f"{s}/strided_slice", "StridedSlice", (f"{s}/Shape", *stack)
        for i in range(2):
            yield f"{s}/Reshape_1/shape/{i}", "Const", (f"^{s}/strided_slice",)
        yield f"{s}/Reshape_1/shape", "Pack", (f"{s}/strided_slice", *(f"{s}/Reshape_1/shape/{i}" for i in (0, 1)))
        yield f"{s}/Reshape_1", "Reshape", (f"{s}/BiasAdd", f"{s}/Reshape_1/shape")
        yield f"{s}/dropout/random_uniform", "RandomUniform", (f"{s}/Shape",)
        yield f"{s}/dropout/keep_prob", "Const", ()
        yield f"{s}/dropout/add", "Add", (f"{s}/dropout/random_uniform", f"{s}/dropout/keep_prob")
        yield f"{s}/dropout/Floor", "Floor", (f"{s}/dropout/add",)
        yield f"{s}/dropout/mul", "Mul", (f"{s}/Reshape_1", f"{s}/dropout/Floor")
        x = f"{s}/dropout/mul"
    for part in _NORM:
        s, v = f"{home}/{part}", f"bert/{layer}/{part}"
        yield f"{s}/moments/mean", "Mean", (x, f"{home}/attention/self/query/Reshape/shape")
        yield f"{s}/moments/SquaredDifference", "SquaredDifference", (x, f"{s}/moments/mean")
        yield f"{s}/batchnorm/Rsqrt", "Rsqrt", (f"{s}/moments/SquaredDifference",)
        yield f"{s}/batchnorm/mul", "Mul", (f"{s}/batchnorm/Rsqrt", f"{v}/gamma/read")
        yield f"{s}/batchnorm/mul_1", "Mul", (x, f"{s}/batchnorm/mul")
        yield f"{s}/batchnorm/sub", "Sub", (f"{v}/beta/read", f"{s}/batchnorm/mul_1")
        yield f"{s}/batchnorm/add_1", "Add", (f"{s}/batchnorm/mul_1", f"{s}/batchnorm/sub")
        x = f"{s}/batchnorm/add_1"


def _layer(layer: str, x: list[str]) -> Iterator[bytes]:
    variables = [
        (f"bert/{layer}/{p}/{n}", (768, 768)[: 2 - i])
        for p in (*_DENSE, *_FFN)
        for i, n in enumerate(("kernel", "bias"))
    ]
    variables += [(f"bert/{layer}/{p}/{n}", (768,)) for p in _NORM for n in ("gamma", "beta")]
    for name, dims in variables:
        yield from _variable(name, *dims)
    ops: list[tuple[str, str, tuple[str, ...]]] = []
    for i, net in enumerate(("bert", "bert_1")):
        new = list(_forward(net, layer, x[i]))
        x[i] = new[-1][0]
        ops += new
    for name, op, inputs in ops:
        yield node(name, op, *inputs, attrs=_CONST if op == "Const" else _T + _SHAPES)
    back = x[1]
    for name, op, inputs in reversed(ops):
        if op in ("Const", "Shape", "Floor", "RandomUniform", "Pack", "StridedSlice"):
            continue
        s = f"gradients/{name}_grad"
        for i, given in enumerate(inputs):
            yield node(f"{s}/Shape_{i}", "Shape", given)
            yield node(f"{s}/mul_{i}", "Mul", back, inputs[1 - i] if len(inputs) == 2 else given)
            yield node(f"{s}/Reshape_{i}", "Reshape", f"{s}/mul_{i}", f"{s}/Shape_{i}")
        yield node(f"{s}/tuple/group_deps", "NoOp", *(f"^{s}/Reshape_{i}" for i in range(len(inputs))), attrs=b"")
        yield node(f"{s}/tuple/control_dependency", "Identity", f"{s}/Reshape_0", f"^{s}/tuple/group_deps")
        back = f"{s}/tuple/control_dependency"
    for name, dims in variables:
        for slot in ("Adam", "Adam_1"):
            yield from _variable(f"{name}/{slot}", *dims)
        state = (name, f"{name}/Adam", f"{name}/Adam_1", "beta1_power/read", "beta2_power/read", "learning_rate", back)
        yield node(f"Adam/update_{name}/ApplyAdam", "ApplyAdam", *state)


def write(path: Path, ops: int) -> int:
    """Write a GraphDef of at least `ops` ops to `path`; return how many it has."""
    count, layer = 0, 0
    x = ["ids", "ids_1"]
    with path.open("wb") as out:
        head = [node(i, "Placeholder", attrs=_attr(b"dtype", _FLOAT)) for i in x]
        head += [node("learning_rate", "Const", attrs=_CONST)]
        head += [*_variable("beta1_power"), *_variable("beta2_power")]
        out.write(b"".join(head))
        count += len(head)
        while count < ops:
            nodes = list(_layer(f"encoder/layer_{layer}", x))
            out.write(b"".join(nodes))
            count, layer = count + len(nodes), layer + 1
        out.write(_field(4, b"\x08\x1b"))
    return count


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), int(sys.argv[2])))
