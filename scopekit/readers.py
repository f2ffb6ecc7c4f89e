"""A graph, or a file of one -> ScopeGraph.

In: a live `tf.Graph`, a protobuf message, or a path. Out: the `ScopeGraph`. Files are read without TensorFlow: protobuf
parses them by message classes that declare only the fields which are used here, and skips all other bytes.

One trick makes it fast. Protobuf merges messages that are joined: the NodeDefs of a thousand ops, joined and parsed as
ONE message whose ``name`` and ``op`` are declared repeated, give all names and all types as two lists, without an
object for each op. An empty input is put between the NodeDefs, so that the list of all inputs can be parted again.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator
from itertools import compress, count, islice
from operator import attrgetter, not_
from pathlib import Path
from sys import intern
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory, text_format

from scopekit.flow import CALLS, Body, Flow
from scopekit.graph import ScopeGraph, ScopekitError, Variable, pause_gc

_VARIABLES = {"VarHandleOp": "resource", "VariableV2": "ref", "Variable": "ref"}
_SPECIAL = CALLS | _VARIABLES.keys()
_FUNCTIONS = ("f", "then_branch", "else_branch", "cond", "body", "branches")
_PIECE = 1 << 20
_DTYPES = (  # noqa: SIM905 (a list of them would be 34 lines long)
    "- float32=FLOAT float64=DOUBLE int32 uint8 int16 int8 string complex64 int64 bool qint8 quint8 qint32 bfloat16"
    " qint16 quint16 uint16 complex128 float16=HALF resource variant uint32 uint64 float8_e5m2 float8_e4m3fn"
    " float8_e4m3fnuz float8_e4m3b11fnuz float8_e5m2fnuz int4 uint4 int2 uint2 float4_e2m1fn"
).split()
_FIELDS = """
    GraphDef: node*1 NodeDef, library 2 TextLibrary
    TextLibrary: function*1 TextFunction
    TextFunction: signature 1 Signature, node_def*3 NodeDef, ret*4 Ret, control_ret*6 Ret
    SavedModel: meta_graphs*2 MetaGraphDef
    Nodes: name*1, op*2, input*3
    NodeDef: name 1, op 2, input*3, attr*5 Attr
    Node: name 1, op 2, attr*5 RawAttr
    RawAttr: key 1, value 2 bytes
    Attr: key 1, value 2 Value
    Value: list 1 List, s 2 bytes, type 6 DataType, shape 7 Shape, func 10 Func
    List: func*9 Func
    Func: name 1
    Shape: dim*2 Dim, unknown_rank 3 bool
    Dim: size 1 int64
    Library: function*1 Function
    Function: signature 1 Signature, node_def*3 bytes, ret*4 Ret, control_ret*6 Ret
    Signature: name 1, input_arg*2 Arg, output_arg*3 Arg
    Arg: name 1
    Ret: key 1, value 2
    MetaGraphDef: graph_def 2 GraphDef, collection_def*4 Collection, object_graph_def 7 ObjectGraph
    Collection: key 1, value 2 CollectionValue
    CollectionValue: bytes_list 2 BytesList
    BytesList: value*1 bytes
    VariableDef: variable_name 1
    ObjectGraph: nodes*1 Object, concrete_functions*2 Concrete
    Object: variable 7 ObjectVariable
    ObjectVariable: trainable 3 bool, name 6
    Concrete: key 1, value 2 Captures
    Captures: bound_inputs*2 int32
    Entry: dtype 1 DataType, shape 2 Shape
"""


def _messages() -> dict[str, Any]:
    """Return the message classes that `_FIELDS` declares; names and numbers are those of TensorFlow's .proto files."""
    file = descriptor_pb2.FileDescriptorProto(name="scopekit.proto", package="scopekit", syntax="proto3")
    enum = file.enum_type.add(name="DataType")
    for number, dtype in enumerate(_DTYPES):
        name = "DT_" + (dtype.partition("=")[2] or dtype.upper()).replace("-", "INVALID")
        enum.value.add(name=name, number=number)
        enum.value.add(name=name + "_REF", number=number + 100)
    kinds = {"": 9, "bytes": 12, "bool": 8, "int64": 3, "int32": 5, "DataType": 14}
    for line in _FIELDS.strip().splitlines():
        name, _, fields = line.strip().partition(": ")
        declared = file.message_type.add(name=name)
        for field in fields.split(", "):
            parts = re.fullmatch(r"(\w+?)([* ])(\d+) ?(\w*)", field)
            assert parts
            label = 3 if parts[2] == "*" else 1
            added = declared.field.add(name=parts[1], number=int(parts[3]), label=label, type=kinds.get(parts[4], 11))
            if added.type in (11, 14):
                added.type_name = ".scopekit." + parts[4]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        m.name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"scopekit.{m.name}"))
        for m in file.message_type
    }


_CLASSES = _messages()

_Get = Callable[[int, int], bytes]


class _Parts:
    """What was found in one file or message, before the variables are followed."""

    def __init__(self) -> None:
        self.body = Body()
        self.variables: list[Variable] = []
        self.functions: dict[str, Any] = {}
        self.bodies: dict[str, Body] = {}
        self.trainable: dict[str, bool] = {}
        self.known = False  # whether the source says which variables are trainable
        self.objects: Any = None  # the objects of a SavedModel of TensorFlow 2
        self.seeds: dict[str, str] = {}
        self.described: dict[tuple[bytes | None, bytes], tuple[tuple[int | None, ...] | None, str]] = {}

    def add(self, body: Body, nodes: list[bytes]) -> None:
        """Add the ops of which `nodes` are the NodeDefs."""
        joined = b"\x1a\0".join((*nodes, b""))
        columns = _CLASSES["Nodes"].FromString(joined)
        names, types, inputs = list(columns.name), list(map(intern, columns.op)), list(columns.input)
        if not len(nodes) == len(names) == len(types) == inputs.count(""):
            raise ScopekitError("an op has no name, no type or an input without a name")
        if body.prefix:
            inputs = list(map(_tensor, inputs))
        elif ":" in (text := "".join(inputs)) and ":0" in text:
            inputs = [name.removesuffix(":0") for name in inputs]
        for i in compress(count(), map(_SPECIAL.__contains__, types)):
            self.special(body, len(body.names) + i, _CLASSES["Node"].FromString(nodes[i]))
        body.names += names
        body.types += types
        body.inputs.append(inputs)
        body.ends.append(list(compress(count(), map(not_, inputs))))

    def special(self, body: Body, op: int, node: Any) -> None:
        """Take an op of which more than its inputs is needed: a variable, or one that calls functions."""
        attrs = {attr.key: attr.value for attr in node.attr}
        if node.op in CALLS:
            values = [_CLASSES["Value"].FromString(attrs[key]) for key in _FUNCTIONS if key in attrs]
            body.callees[op] = tuple(f.name for value in values for f in (*value.list.func, value.func) if f.name)
            return
        key = attrs.get("shape"), attrs.get("dtype", b"")
        if key not in self.described:  # the same few come again and again
            shape = None if key[0] is None else _shape(_CLASSES["Value"].FromString(key[0]).shape)
            self.described[key] = shape, _dtype(_CLASSES["Value"].FromString(key[1]).type)
        name = body.prefix + node.name
        given = [_CLASSES["Value"].FromString(attrs[key]).s for key in ("container", "shared_name") if key in attrs]
        stored = "/".join(part.decode(errors="backslashreplace") for part in given if part)
        other = stored if stored != name else ""
        self.variables.append(Variable(name, _VARIABLES[node.op], *self.described[key], None, other))
        if not body.prefix:
            self.seeds[name] = name

    def library(self, name: str) -> Body | None:
        """Return the function of that name."""
        if name not in self.bodies:
            function = self.functions.get(name)
            if function is None:
                return None
            arguments = tuple(argument.name for argument in function.signature.input_arg)
            returned = {ret.key: ret.value for ret in function.ret}
            returns = tuple(_tensor(returned.get(output.name, "")) for output in function.signature.output_arg)
            effects = tuple(ret.value for ret in function.control_ret)
            body = self.bodies[name] = Body(prefix=name + "/", arguments=arguments, returns=returns, effects=effects)
            self.add(body, list(function.node_def))
        return self.bodies[name]

    def graph(self, get: _Get, start: int, end: int) -> None:
        """Take the GraphDef that lies between `start` and `end`, piece by piece."""
        at = start
        while at < end:
            data = get(at, min(at + _PIECE, end))
            nodes, libraries, used = _split(data)
            if not used:  # a field longer than a piece: of a large constant, its value is left out
                tag, first, last = next(_fields(get, at, end))
                used = last - at
                if tag == _NODE:
                    kept = []
                    for inner, start, stop in _fields(get, first, last):
                        if inner in _COLUMNS or stop - start < _PIECE:
                            kept.append(get(first, stop))
                        first = stop
                    nodes = [b"".join(kept)]
                elif tag == _LIBRARY:
                    libraries = [get(first, last)]
            if nodes:
                self.add(self.body, nodes)
            for other in libraries:
                for function in _CLASSES["Library"].FromString(other).function:
                    self.functions[function.signature.name] = function
            at += used

    def meta(self, get: _Get, start: int, end: int) -> None:
        """Take a MetaGraphDef: the graph, and which variables are trainable."""
        found = False
        for tag, first, last in _fields(get, start, end):
            if tag == _GRAPH:
                found = True
                self.graph(get, first, last)
            elif tag == _COLLECTION:
                collection = _CLASSES["Collection"].FromString(get(first, last))
                if collection.key in ("variables", "trainable_variables"):
                    self.known = True
                    for value in collection.value.bytes_list.value if collection.key[0] == "t" else ():
                        name = _CLASSES["VariableDef"].FromString(value).variable_name
                        self.trainable[name.rpartition(":")[0]] = True
            elif tag == _OBJECTS:
                self.known, self.objects = True, _CLASSES["ObjectGraph"].FromString(get(first, last))
        if not found:
            raise ScopekitError("it holds no graph: it is neither a GraphDef nor a MetaGraphDef nor a SavedModel")

    def finish(self, title: str) -> ScopeGraph:
        """Follow the variables and return the whole."""
        bodies = [body for body in map(self.library, self.functions) if body]
        if self.objects:  # Keras copies each variable to a handle that is no object of the model: it has an initializer
            ops = set(self.body.names)
            self.variables = [v for v in self.variables if f"{v.name}/Assign" not in ops] or self.variables
            self.seeds = {v.name: v.name for v in self.variables if v.name in self.seeds}
        bound = self.bind() if self.objects else {}
        flow = Flow(self.library, frozenset(v.name for v in self.variables if v.kind == "ref"))
        flow.visit(self.body, self.seeds, entry=bool(self.objects))
        if self.objects and not any(read.role in ("", "forward") for _, read, _ in flow.found):
            # No signature leads to its functions: take each that no other calls, and the first trace of each alone.
            called = {name for body in bodies for names in body.callees.values() for name in names}
            first: dict[str, Any] = {}
            for function in sorted(self.objects.concrete_functions, key=lambda f: (len(f.key), f.key)):
                if function.key not in called and function.key in self.functions:
                    first.setdefault(re.sub(r"_\d+$", "", function.key), function)
            for function in first.values():
                body, captures = self.bodies[function.key], function.value.bound_inputs
                named = zip(body.arguments[len(body.arguments) - len(captures) :], captures, strict=False)
                flow.visit(body, {argument: bound[i] for argument, i in named if i in bound})
        variables = tuple(
            Variable(*_described(v), self.trainable.get(v.name, False), v.shared_name) if self.known else v
            for v in self.variables
        )
        scalars = {v.name: "int" in v.dtype for v in self.variables if v.shape == ()}
        names, types = self.body.names, self.body.types
        for body in bodies:
            names += [body.prefix + op for op in body.names]
            types += body.types
        return ScopeGraph(title, tuple(names), tuple(types), variables, flow.reads(scalars))

    def bind(self) -> dict[int, str]:
        """Return which object of a SavedModel is which variable of its graph, and note which are trainable.

        TensorFlow makes the variables from the last object to the first, and their names unique by numbers.
        """
        objects: dict[str, list[int]] = {}
        for i, node in enumerate(self.objects.nodes):
            if node.HasField("variable"):
                objects.setdefault(node.variable.name, []).insert(0, i)
        names: dict[str, list[str]] = {}
        for variable in self.variables:
            plain = re.sub(r"_\d+$", "", variable.name)
            names.setdefault(variable.name if variable.name in objects else plain, []).append(variable.name)
        pairs = [pair for name, mine in objects.items() for pair in zip(mine, names.get(name, ()), strict=False)]
        self.trainable = {name: self.objects.nodes[i].variable.trainable for i, name in pairs}
        return dict(pairs)


_NODE, _LIBRARY, _VERSIONS, _GRAPH, _COLLECTION, _OBJECTS = 0x0A, 0x12, 0x22, 0x12, 0x22, 0x3A
_COLUMNS = (0x0A, 0x12, 0x1A)  # NodeDef.name, op and input


_described = attrgetter("name", "kind", "shape", "dtype")


def _shape(shape: Any) -> tuple[int | None, ...] | None:
    if len(shape.dim) > 254:
        raise ScopekitError(f"a variable has {len(shape.dim)} dimensions; TensorFlow allows 254")
    return None if shape.unknown_rank else tuple(d.size if d.size >= 0 else None for d in shape.dim)


def _dtype(number: int) -> str:
    number = number - 100 if number > 100 else number
    return _DTYPES[number].partition("=")[0] if 0 < number < len(_DTYPES) else "unknown"


def _tensor(name: str) -> str:
    """Return a tensor of a function, ``switch:output_true:0``, as it is written in a graph: ``switch:1``."""
    op, _, rest = name.partition(":")
    output, _, index = rest.partition(":")
    index = "1" if output == "output_true" else index
    return f"{op}:{index}" if index not in ("", "0") else op


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that starts at `at`, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at
        if shift > 63:
            raise ScopekitError("it is no protobuf message: a number has more than ten bytes")


def _fields(get: _Get, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (tag, start, end) for each field of the message that lies between `start` and `end`."""
    at = start
    while at < end:
        head = get(at, min(at + 24, end))
        try:
            tag, used = _varint(head, 0)
            size = 0
            if tag & 7 == 2 and tag > 7:
                size, used = _varint(head, used)
            elif tag & 7 == 0 and tag:
                _, used = _varint(head, used)
            elif tag & 7 in (1, 5):
                size = 8 if tag & 7 == 1 else 4
            else:
                raise ScopekitError(f"it is no protobuf message: byte {at} starts no field")
        except IndexError:
            raise ScopekitError(f"it is cut off: it ends within the field that starts at byte {at}") from None
        if at + used + size > end:
            left = end - at - used
            raise ScopekitError(f"it is cut off or no graph: byte {at} announces {size} bytes, {left} are left")
        yield tag, at + used, at + used + size
        at += used + size


def _split(data: bytes) -> tuple[list[bytes], list[bytes], int]:
    """Return the NodeDefs and the libraries in a piece of a GraphDef, and the bytes used: whole fields only."""
    nodes: list[bytes] = []
    libraries: list[bytes] = []
    at = used = 0
    add = nodes.append
    try:
        while True:
            while data[at] == _NODE:  # the loop that takes a million turns
                size = data[at + 1]
                if size < 128:
                    start = at + 2
                elif data[at + 2] < 128:
                    size, start = size + (data[at + 2] - 1 << 7), at + 3
                else:
                    size, start = _varint(data, at + 1)
                used, at = at, start + size
                add(data[start:at])
            tag, start, end = next(_fields(lambda a, b: data[a:b], at, len(data)))
            if tag == _LIBRARY:
                libraries.append(data[start:end])
            at = end
    except (IndexError, ScopekitError):  # the field goes on behind the piece, or is none: `_fields` will say so
        if at > len(data):
            nodes.pop()
            at = used
    return nodes, libraries, at


def _kind(get: _Get, start: int, end: int, depth: int = 0) -> str:
    """Tell GraphDef, MetaGraphDef and SavedModel apart, which have no mark, by what their first field holds."""
    tag, a, b = next(_fields(get, start, end), (_VERSIONS, 0, 0))
    if tag == 0x08:  # SavedModel.saved_model_schema_version
        return "SavedModel"
    if tag == _NODE:  # or MetaGraphDef.meta_info_def, which has a list of ops where a NodeDef has its type
        types = [get(x, min(y, x + 200)) for t, x, y in islice(_fields(get, a, b), 4) if t == 0x12]
        return "GraphDef" if types and re.fullmatch(rb"[\w.>]+", types[0]) else "MetaGraphDef"
    if tag == 0x12 and depth < 3:  # GraphDef.library, MetaGraphDef.graph_def or SavedModel.meta_graphs
        inner = _kind(get, a, b, depth + 1)
        return {"MetaGraphDef": "SavedModel", "GraphDef": "MetaGraphDef"}.get(inner, "GraphDef")
    if tag in (_VERSIONS, 0x18):  # GraphDef.versions, GraphDef.version
        return "GraphDef"
    raise ScopekitError("it is no graph: expected a GraphDef, a MetaGraphDef, a SavedModel or a checkpoint's index")


def _take(get: _Get, size: int, title: str, kind: str = "") -> ScopeGraph:
    """Return the graph in `size` bytes of protobuf."""
    parts = _Parts()
    kind = kind or _kind(get, 0, size)
    if kind == "GraphDef":
        parts.graph(get, 0, size)
    elif kind == "MetaGraphDef":
        parts.meta(get, 0, size)
    else:
        metas = [(a, b) for tag, a, b in _fields(get, 0, size) if tag == 0x12]
        if not metas:
            raise ScopekitError("it is a SavedModel without a graph")
        parts.meta(get, *metas[0])
    return parts.finish(title)


def _text(data: bytes, title: str) -> ScopeGraph:
    """Return the graph in protobuf's text format."""
    first = _TEXT.match(data)
    assert first
    kind = _ROOTS.get(first[1].decode())
    if not kind:
        raise ScopekitError(f"it is text that starts with {first[1].decode()!r}, which is no field of a graph")
    # As TensorFlow writes it, the attributes that are not used are a block of lines each; without them it goes faster.
    parsed = text_format.Parse(_UNUSED.sub("", data.decode()), _CLASSES[kind](), allow_unknown_field=True)
    binary = parsed.SerializeToString()
    return _take(lambda a, b: binary[a:b], len(binary), title, kind)


def _checkpoint(data: bytes, title: str) -> ScopeGraph:
    """Return the variables of a checkpoint's index, a table of LevelDB that holds a BundleEntryProto for each key."""
    entries = dict(_table(data))
    header = entries.pop(b"", b"")
    if header[:1] == b"\x0a":
        raise ScopekitError("it is a checkpoint of the format before TensorFlow 0.12: restore it and save it anew")
    variables = []
    for key, value in entries.items():
        # A slice of a partitioned variable has a key that starts with a zero.
        if not key.startswith(b"\0") and key != b"_CHECKPOINTABLE_OBJECT_GRAPH":
            entry = _CLASSES["Entry"].FromString(value)
            name = key.decode(errors="backslashreplace")
            variables.append(Variable(name, "checkpoint", _shape(entry.shape), _dtype(entry.dtype), None))
    return ScopeGraph(title, (), (), tuple(variables), ())


def _table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a LevelDB table (table_format.txt)."""
    at = len(data) - 48
    _, at = _varint(data, at)
    _, at = _varint(data, at)
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    for _, handle in _block(data, offset, size):
        offset, at = _varint(handle, 0)
        size, at = _varint(handle, at)
        yield from _block(data, offset, size)


def _block(data: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the entries of one block; each key says how much of the key before it is the same."""
    if offset + size >= len(data) or size < 4:
        raise ScopekitError("it is a damaged checkpoint index: a block lies outside of it")
    if data[offset + size]:
        raise ScopekitError("it is a compressed checkpoint index, which TensorFlow does not write")
    restarts = int.from_bytes(data[offset + size - 4 : offset + size], "little")
    at, end, key = offset, offset + size - 4 - 4 * restarts, b""
    while at < end:
        shared, at = _varint(data, at)
        fresh, at = _varint(data, at)
        length, at = _varint(data, at)
        if shared > len(key) or at + fresh + length > end or shared + fresh > 1 << 16:
            raise ScopekitError("it is a damaged checkpoint index: an entry is longer than its block")
        key = key[:shared] + data[at : at + fresh]
        yield key, data[at + fresh : at + fresh + length]
        at += fresh + length


def _live(graph: Any, title: str) -> ScopeGraph:
    """Return a live `tf.Graph`, or the `FuncGraph` of a `tf.function` with the variables that it captures."""
    parts = _Parts()
    data = graph.as_graph_def().SerializeToString()
    parts.graph(lambda a, b: data[a:b], 0, len(data))
    parts.known = bool(graph.get_collection("variables") or graph.get_collection("trainable_variables"))
    # A function's graph may hold collections of eager mode, whose variables have no op.
    ops = (getattr(v, "op", None) for v in graph.get_collection("trainable_variables"))
    parts.trainable = {op.name: True for op in ops if op is not None}
    parts.body.returns = tuple(output.name.removesuffix(":0") for output in getattr(graph, "outputs", ()))
    parts.body.effects = tuple(op.name for op in getattr(graph, "control_outputs", ()))
    captures = getattr(graph, "captures", ())
    variables = {id(v.handle): v for v in graph.variables} if captures else {}
    for outer, inner in captures:  # in their order; that of `variables` changes from run to run
        variable = variables.get(id(outer))
        if variable is not None:
            plain = name = variable.name.rpartition(":")[0]
            number = count(1)
            while name in parts.trainable:  # in eager mode two variables may have one name
                name = f"{plain}_{next(number)}"
            shape = _shape(variable.shape.as_proto())
            parts.variables.append(Variable(name, "resource", shape, variable.dtype.base_dtype.name, None))
            parts.known, parts.trainable[name] = True, variable.trainable
            parts.seeds[inner.op.name] = name
    return parts.finish(title)


def _path(path: Path) -> ScopeGraph:
    """Return the graph in a file or a SavedModel's folder, or the variables of a checkpoint."""
    file = path
    if path.is_dir():
        inside = [path / "saved_model.pb", path / "saved_model.pbtxt"]
        file = next((p for p in inside if p.is_file()), path)
        if file is path:
            raise ScopekitError("it is a folder without saved_model.pb or saved_model.pbtxt")
    elif not path.exists():
        file = path.with_name(path.name + ".index")
        if not file.is_file():
            beside = any(path.parent.glob(glob.escape(path.name) + ".*")) if path.parent.is_dir() else False
            what = f"it is a checkpoint's prefix but no {file.name!r} lies beside it" if beside else "no such file"
            raise ScopekitError(what)
    with file.open("rb") as stream:
        size = stream.seek(0, 2)

        def get(start: int, end: int) -> bytes:
            stream.seek(start)
            return stream.read(end - start)

        if not size:
            raise ScopekitError("it is empty")
        values = re.fullmatch(r"(.+)\.data-\d+-of-\d+", path.name)
        if values:
            raise ScopekitError(f"it holds the values of a checkpoint: give the prefix, {values[1]!r}")
        if get(max(0, size - 8), size) == _TABLE:
            return _checkpoint(get(0, size), path.name)
        if _TEXT.match(get(0, 4096)):
            return _text(get(0, size), path.name)
        return _take(get, size, path.name)


_TABLE = (0xDB4775248B80FB57).to_bytes(8, "little")
_TEXT = re.compile(rb"(?:\s|#.*\n)*([a-z_]{4,30})\s*[:{<]")
_USED = "|".join(("shape", "dtype", "container", "shared_name", *_FUNCTIONS))
_UNUSED = re.compile(rf'^( +)attr {{\n\1  key: "(?!(?:{_USED})")[^"\n]*"\n(?:\1  .*\n)*\1}}\n', re.MULTILINE)
_KINDS = ("GraphDef", "MetaGraphDef", "SavedModel")
_ROOTS = {
    **dict.fromkeys(("node", "library", "version", "versions"), "GraphDef"),
    **dict.fromkeys(("meta_info_def", "graph_def", "saver_def", "collection_def", "signature_def"), "MetaGraphDef"),
    **dict.fromkeys(("asset_file_def", "object_graph_def"), "MetaGraphDef"),
    **dict.fromkeys(("saved_model_schema_version", "meta_graphs"), "SavedModel"),
}


def read(source: Any = None) -> ScopeGraph:
    """Return the `ScopeGraph` of a graph: what is in it, which variables, and who reads them.

    Args:
        source: Nothing for the current default graph; a `tf.Graph` or a concrete `tf.function`; a GraphDef,
            MetaGraphDef or SavedModel message; a `ScopeGraph`, which is given back; or a path: to such a message in a
            file of any name (``.pb``, ``.pbtxt``, ``.meta``), to a SavedModel's folder, or a checkpoint's prefix,
            which gives the variables alone.

    Raises:
        ScopekitError: The source is none of these, or it is damaged; the message names it and says why.

    Mirrors `tf.compat.v1.train.import_meta_graph` and `tf.train.load_checkpoint`, without their memory and time.

    >>> from google.protobuf import text_format
    >>> import tempfile
    >>> text = '''node { name: "w" op: "VariableV2" } node { name: "w/read" op: "Identity" input: "w" }
    ... node { name: "net/mul" op: "Mul" input: "w/read" } node { name: "net_1/mul" op: "Mul" input: "w/read" }'''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.pbtxt"
    ...     _ = path.write_text(text)
    ...     graph = read(path)
    >>> [(r.variable, r.op, r.role) for r in graph.reads]
    [('w', 'net/mul', 'forward'), ('w', 'net_1/mul', 'forward')]
    """
    title = repr(str(source)) if isinstance(source, str | Path) else type(source).__name__
    try:
        with pause_gc():
            return _read(source)
    except ScopekitError as error:
        raise ScopekitError(f"{title}: {error}") from error.__cause__
    except (OSError, message.DecodeError, text_format.ParseError, UnicodeError) as error:
        raise ScopekitError(f"{title} cannot be read: {_short(error)}") from error
    except (IndexError, RecursionError, MemoryError, ValueError) as error:
        raise ScopekitError(f"{title} is damaged: {_short(error)}") from error


def _short(error: BaseException) -> str:
    """Return what an error says, in one line without what a stranger's file may have put into it."""
    return "".join(c if c.isprintable() else "?" for c in str(error)[:200]) or type(error).__name__


def _read(source: Any) -> ScopeGraph:
    if source is None:
        from tensorflow.compat.v1 import get_default_graph

        return _live(get_default_graph(), "the current graph")
    if isinstance(source, ScopeGraph):
        return source
    if isinstance(source, str | Path):
        return _path(Path(source))
    if hasattr(source, "captured_inputs"):  # a concrete function
        return _live(source.graph, source.graph.name)
    if hasattr(source, "as_graph_def"):
        return _live(source, getattr(source, "name", "") or "a graph")
    if isinstance(source, message.Message) and source.DESCRIPTOR.name in _KINDS:
        data = source.SerializeToString()
        return _take(lambda a, b: data[a:b], len(data), f"a {source.DESCRIPTOR.name}", source.DESCRIPTOR.name)
    raise ScopekitError("expected a tf.Graph, a concrete function, a GraphDef, a MetaGraphDef, a SavedModel or a path")
