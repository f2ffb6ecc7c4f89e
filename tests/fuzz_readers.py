"""Damaged files: each ends in an answer or in one ScopekitError that names the file and says why, and soon.

In: a seed and a number of files. Out: how many were answered and how many refused; an AssertionError for anything else.
``python tests/fuzz_readers.py 100000`` runs long; `tests/test_readers.py` runs a few hundred with a fixed seed.
The graphs to damage are written here, byte by byte, so that no TensorFlow is needed.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from scopekit.graph import ScopekitError
from scopekit.readers import read
from scopekit.sharing import analyse

NASTY = [
    "<script>alert(1)</script>",
    "a\nb",
    "\u202egnp.exe",
    "a/" * 50,
    "../../etc",
    "%s{}",
    "\x00",
    "gradients/x",
    "é" * 9,
    "",
]


def varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def field(number: int, body: bytes | str | int) -> bytes:
    if isinstance(body, int):
        return varint(number << 3) + varint(body)
    body = body.encode() if isinstance(body, str) else body
    return varint(number << 3 | 2) + varint(len(body)) + body


def attr(key: str, value: bytes) -> bytes:
    return field(5, field(1, key) + field(2, value))


def node(name: str, op: str, *inputs: str, attrs: bytes = b"") -> bytes:
    return field(1, name) + field(2, op) + b"".join(field(3, i) for i in inputs) + attrs


SHAPE = attr("shape", field(7, field(2, field(1, 3)) + field(2, field(1, 4)))) + attr("dtype", field(6, 1))


def function(name: str, arguments: list[str], nodes: list[bytes], returns: dict[str, str]) -> bytes:
    signature = field(1, name) + b"".join(field(2, field(1, a)) for a in arguments)
    signature += b"".join(field(3, field(1, r)) for r in returns)
    body = field(1, signature) + b"".join(field(3, n) for n in nodes)
    return field(1, body + b"".join(field(4, field(1, k) + field(2, v)) for k, v in returns.items()))


def call(name: str, op: str, *inputs: str, **functions: str) -> bytes:
    return node(name, op, *inputs, attrs=b"".join(attr(k, field(10, field(1, v))) for k, v in functions.items()))


def graph(names: list[str]) -> bytes:
    """Return a GraphDef with variables of both kinds, a loop of TensorFlow 1, a conditional and functions."""
    a, b = names[0] or "a", names[1] or "b"
    nodes = [
        node(a, "VariableV2", attrs=SHAPE),
        node(f"{a}/read", "Identity", a),
        node(f"{a}/Assign", "Assign", a, "zero"),
        node(b, "VarHandleOp", attrs=SHAPE + attr("shared_name", field(2, b))),
        node("x", "Placeholder"),
        *(node(f"net{i}/MatMul", "MatMul", "x", f"{a}/read") for i in ("", "_1", "_2")),
        *(node(f"net{i}/read", "ReadVariableOp", b) for i in ("", "_1")),
        *(node(f"net{i}/add", "AddV2", f"net{i}/MatMul", f"net{i}/read") for i in ("", "_1")),
        node("while/MatMul", "MatMul", "while/Merge", "while/Enter"),
        node("while/Enter", "Enter", f"{a}/read"),
        node("while/Merge", "Merge", "net/add", "while/Next"),
        node("while/Next", "NextIteration", "while/MatMul"),
        call("if", "If", "x", b, then_branch="f", else_branch="g"),
        call("call", "StatefulPartitionedCall", b, "x", f="f"),
        node("decay", "Mul", f"{a}/read", f"{a}/read"),
        node("decay/Sum", "Sum", "decay", "axis"),
        node("update", "AssignSub", a, "decay"),
        node("gradients/net/MatMul_grad/MatMul", "MatMul", "x", f"{a}/read"),
        node(f"Adam/update_{b}/ResourceApplyAdam", "ResourceApplyAdam", b),
        node("hist", "HistogramSummary", "tag", f"{a}/read"),
        *(node(name, "NoOp", "^x") for name in names[2:]),
    ]
    f = [node("r", "ReadVariableOp", "h"), node("m", "MatMul", "x", "r:value:0")]
    g = [call("again", "PartitionedCall", "h", "h", f="f"), node("r", "ReadVariableOp", "h")]
    library = function("f", ["h", "x"], f, {"y": "m:product:0"}) + function("g", ["h"], g, {"y": "r:value:0"})
    return b"".join(field(1, n) for n in nodes) + field(2, library) + field(4, field(1, 27))


def meta(names: list[str]) -> bytes:
    info = field(1, field(2, field(1, field(1, "NoOp"))) + field(5, "1.15.0"))
    variable = field(2, field(1, field(1, f"{names[0] or 'a'}:0")))
    collections = (field(4, field(1, key) + field(2, variable)) for key in ("variables", "trainable_variables"))
    return info + field(2, graph(names)) + b"".join(collections)


def saved_model(names: list[str]) -> bytes:
    objects = field(1, field(7, field(6, names[1] or "b") + field(3, 1)))
    objects += field(2, field(1, "g") + field(2, field(2, b"\0")))
    return field(1, 1) + field(2, meta(names) + field(7, objects))


def text(names: list[str]) -> bytes:
    quoted = [n.encode("unicode_escape").decode().replace('"', '\\"').replace("\\x", "\\\\x") for n in names]
    quoted = [re.sub(r"\\u([0-9a-f]{4})", r"?", q) for q in quoted]
    lines = [
        f'node {{ name: "{n}" op: "VariableV2" attr {{ key: "dtype" value {{ type: DT_FLOAT }} }} }}' for n in quoted
    ]
    lines += [f'node {{ name: "use_{i}" op: "MatMul" input: "{n}" }}' for i, n in enumerate(quoted)]
    return "\n".join([*lines, "versions { producer: 27 }"]).encode()


def table(entries: dict[bytes, bytes], magic: int = 0xDB4775248B80FB57) -> bytes:
    """Return a LevelDB table with one block, as a checkpoint's index is one."""

    def block(items: dict[bytes, bytes]) -> bytes:
        body = b"".join(b"\0" + varint(len(k)) + varint(len(v)) + k + v for k, v in sorted(items.items()))
        return body + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")

    data = block(entries)
    handle = varint(0) + varint(len(data))
    out = data + b"\0" * 5
    index = block({b"zzz": handle})
    footer = varint(len(out)) + varint(0) + varint(len(out)) + varint(len(index))
    return out + index + b"\0" * 5 + footer.ljust(40, b"\0") + magic.to_bytes(8, "little")


def checkpoint(names: list[str]) -> bytes:
    entry = field(1, 1) + field(2, field(2, field(1, 3))) + field(5, 12)
    return table({b"": field(1, 1), **{(n or "w").encode(): entry for n in names}})


MAKERS = (graph, meta, saved_model, text, checkpoint)


def damaged(rng: random.Random) -> bytes:
    """Return a file: now and then whole but with bad names, mostly cut, flipped, spliced or random."""
    names = [rng.choice(["w", "net/w", "b", "scope/b_1", *NASTY]) for _ in range(rng.randrange(2, 6))]
    data = bytearray(rng.choice(MAKERS)(names))
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(data) + 1)
        how = rng.randrange(7)
        if how == 0:
            del data[at:]
        elif how == 1 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif how == 2 and data:
            data[at % len(data)] = rng.choice([0, 1, 10, 18, 26, 127, 128, 255])
        elif how == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 30))
        elif how == 4:
            del data[at : at + rng.randrange(1, 30)]
        elif how == 5:
            data[at:at] = data[rng.randrange(len(data) + 1) :][: rng.randrange(1, 200)]
        elif how == 6:
            data[at:at] = rng.choice(
                [field(1, field(1, "d") + field(2, "NoOp")), b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 99]
            )
    return bytes(data) if rng.randrange(50) else rng.randbytes(rng.randrange(1, 2000))


def monsters() -> Iterator[tuple[str, bytes]]:
    """Yield files that are made to take long, or much memory, or a deep stack."""
    long = "n" * 10_000_000
    yield (
        "a name of 10 MB",
        b"".join(field(1, n) for n in (node(long, "VariableV2", attrs=SHAPE), node("m", "Mul", long))),
    )
    deep = "a/" * 1_000_000 + "w"
    reads = [node(f"{deep}{i}/MatMul", "MatMul", deep) for i in ("", "_1")]
    yield "a million scopes", b"".join(field(1, n) for n in (node(deep, "VariableV2", attrs=SHAPE), *reads))
    updates = [node(deep, "VariableV2", attrs=SHAPE), node(f"Adam/update_{deep}/Mul", "Mul", deep)]
    updates.append(node(f"Adam/{'update_' * 300_000}/Mul", "Mul", deep))
    yield "an update of a million scopes", b"".join(field(1, n) for n in updates)
    sides = [node("w", "VariableV2", attrs=SHAPE)]
    for i in range(20_000):
        sides += [node(f"s{i}", "Switch", "w", f"p{i % 5000}"), node(f"l/m_{i}", "Mul", f"s{i}")]
    yield "20,000 sides of conditionals", b"".join(field(1, n) for n in sides)
    yield "groups in groups", field(1, node("a", "NoOp")) + b"\x7b" * 1_000_000
    nested = b""
    for _ in range(2000):
        nested = field(1, nested)
    yield "messages in messages", nested
    yield "many empty ops", b"\x0a\x00" * 1_000_000
    yield "many libraries", field(1, node("a", "NoOp")) + b"\x12\x00" * 200_000
    many = ["w"] * 200_000
    yield "many inputs", field(1, node("w", "VariableV2", attrs=SHAPE)) + field(1, node("m", "AddN", *many))
    chain = [
        node("w", "VariableV2", attrs=SHAPE),
        *(node(f"i{i}", "Identity", f"i{i - 1}" if i else "w") for i in range(200_000)),
    ]
    yield "a long chain", b"".join(field(1, n) for n in chain)
    yield "a long chain, backwards", b"".join(field(1, n) for n in reversed(chain))
    sums = [
        node("w", "VariableV2", attrs=SHAPE),
        *(node(f"i{i}", "AddV2", f"i{i - 1}" if i else "w", "w") for i in range(100_000)),
    ]
    yield "a long sum", b"".join(field(1, n) for n in sums)
    parts = [f"w{i}" for i in range(5000)]
    variables = [node(name, "VariableV2", attrs=SHAPE) for name in parts]
    taken = [node(f"s{i}/MatMul", "MatMul", "joined") for i in range(5000)]
    joined = [*variables, node("joined", "ConcatV2", *parts, "axis"), *taken]
    yield "many variables, joined and taken many times", b"".join(field(1, n) for n in joined)
    indices = [node("i", "AddN", *(["x"] * 100_000)), *(node(f"g{i}", "Gather", "w0", "i") for i in range(20_000))]
    yield "many lookups by a wide sum", b"".join(field(1, n) for n in (variables[0], *indices))
    layers = [node(f"l0/{j}", "Mul", "w0", "x") for j in range(100)]
    layers += [
        node(f"l{i}/{j}", "AddN", *(f"l{i - 1}/{k}" for k in range(100))) for i in range(1, 23) for j in range(100)
    ]
    layers += [node(f"summary{j}", "ScalarSummary", "tag", f"l22/{j}") for j in range(100)]
    yield "sums of sums of sums, logged", b"".join(field(1, n) for n in (variables[0], *layers))
    ring = [
        node("w", "VariableV2", attrs=SHAPE),
        *(node(f"i{i}", "Merge", f"i{(i + 1) % 5000}", "w") for i in range(5000)),
    ]
    yield "a ring", b"".join(field(1, n) for n in ring)
    twice = [
        function(f"f{i}", ["h"], [call(c, "PartitionedCall", "h", f=f"f{i + 1}") for c in "ab"], {}) for i in range(60)
    ]
    start = field(1, node("w", "VarHandleOp", attrs=SHAPE)) + field(1, call("c", "PartitionedCall", "w", f="f0"))
    yield "functions that call two, 60 deep", start + field(2, b"".join(twice))
    line = [function(f"f{i}", ["h"], [call("c", "PartitionedCall", "h", f=f"f{i + 1}")], {}) for i in range(3000)]
    yield "functions 3000 deep", start + field(2, b"".join(line))
    self = function(
        "f0", ["h"], [call("c", "PartitionedCall", "h", f="f0"), node("r", "ReadVariableOp", "h")], {"o": "r:value:0"}
    )
    yield "a function that calls itself", start + field(2, self)
    wide = attr("shape", field(7, field(2, field(1, 1 << 62)) * 100_000))
    yield "100,000 dimensions", field(1, node("w", "VariableV2", attrs=wide))
    huge = attr("shape", field(7, field(2, field(1, 1 << 62)) * 254))
    yield "254 huge dimensions", field(1, node("w", "VariableV2", attrs=huge)) * 1000
    twins = [node(f"net{i}/l{j}/w", "VariableV2", attrs=SHAPE) for i in ("", "_1") for j in range(5000)]
    twins += [node(f"net{i}/l{j}/m", "MatMul", f"net{i}/l{j}/w") for i in ("", "_1") for j in range(5000)]
    yield "10,000 twins", b"".join(field(1, n) for n in twins)
    shared = [node("w", "VariableV2", attrs=SHAPE), *(node(f"s{i}/x{i}/MatMul", "MatMul", "w") for i in range(20_000))]
    yield "20,000 readers of one variable", b"".join(field(1, n) for n in shared)
    yield "braces in braces", b"node " + b"{ attr " * 100_000
    yield "unknown braces", b"node { " + b"foo { " * 100_000
    yield "a long string", b'node { name: "' + b"\\001" * 1_000_000
    yield "a table of one key that grows", table({b"": field(1, 1)})[:-48] + b"\xff" * 48
    yield "an empty SavedModel", field(1, 1)
    yield "many MetaGraphDefs", field(1, 1) + field(2, b"") * 200_000
    yield "a name that is no UTF-8", field(1, b"\x0a\x02\xff\xfe\x12\x04NoOp")
    yield "the first checkpoint format", table({b"": field(1, field(1, "w"))})


def survive(data: bytes, path: Path, seconds: float = 5.0) -> bool:
    """Return whether the file gives an answer; assert that it else gives one good error, and either one soon."""
    path.write_bytes(data)
    start = time.process_time()
    try:
        found = analyse(read(path))
        answered = len(found.readers) == len(found.graph.variables)
        assert answered
    except ScopekitError as error:
        message = str(error)
        assert str(path) in message, message
        assert len(message) > len(str(path)) + 12, message
        answered = False
    taken = time.process_time() - start
    assert taken < seconds, f"{taken:.1f} s"
    return answered


def main() -> None:
    """Run as many files as asked for, and say how they ended."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    rng = random.Random(seed)
    answered = slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.file"
        for name, data in monsters():
            start = time.perf_counter()
            end = "answered" if survive(data, path, 20) else "refused"
            print(f"{name:<40} {len(data) / 1e6:6.1f} MB  {end:<8}  {time.perf_counter() - start:.2f} s", flush=True)
        for i in range(count):
            data = damaged(rng)
            start = time.perf_counter()
            try:
                answered += survive(data, path)
            except BaseException:
                Path("fuzz_failure.bin").write_bytes(data)
                print(f"file {i} of seed {seed} is kept in fuzz_failure.bin")
                raise
            slowest = max(slowest, time.perf_counter() - start)
    print(
        f"{count:,} damaged files: {answered:,.0f} answered, {count - answered:,.0f} refused, slowest {slowest:.2f} s"
    )


if __name__ == "__main__":
    main()
