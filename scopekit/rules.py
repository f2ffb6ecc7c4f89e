"""The naming and sharing rules of `tf.compat.v1` in a graph, as a program that can be read and run.

In: the calls of a TF1 program. Out: the names, identities, flags and errors that TensorFlow 2.21 gives. Values are
not computed and TensorFlow is not imported: `import scopekit.rules as tf` runs the program as it stands. What is not
covered raises `NotImplementedError`, which names it. `make prove` compares the two on random programs.

Each rule has a name, in brackets where it is stated, in the order in which a reader meets it:
 1. names      [valid-name] [unique-name] [root-name] [absolute-name] [scope-name] [collection-scope]
 2. ops        [op-name] [graph-of-inputs] [input-name]
 3. variables  [variable-name] [helper-ops] [variable-collections]
 4. sharing    [full-name] [custom-getter] [already-exists] [same-shape] [same-dtype] [does-not-exist] [initializer]
 5. scopes     [default-name] [jump] [handed-down] [reuse] [counters] [both-scopes] [auxiliary]
 6. templates  [template-name] [template-shares]
"""

from __future__ import annotations

import contextlib
import enum
import functools
import math
import re
import threading
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any


class _NotCoveredError(NotImplementedError, AttributeError):
    """TensorFlow can do it, this model cannot. An AttributeError too, so that `hasattr` keeps working."""


def __getattr__(name: str) -> Any:
    if name in _DTYPES:
        return _DTYPES[name]
    raise _NotCoveredError(f"scopekit.rules does not cover tf.compat.v1.{name}")


class _Partial:
    """A class of TensorFlow of which only some attributes are modelled, and no operators."""

    def __getattr__(self, name: str) -> Any:
        raise _NotCoveredError(f"scopekit.rules does not cover {type(self).__name__}.{name}")

    def __add__(self, other: Any) -> Any:
        raise NotImplementedError("scopekit.rules does not cover operators; add(x, y) stands for x + y")

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __matmul__ = __add__


def _refuse(**arguments: Any) -> None:
    """Refuse arguments that are given and not modelled."""
    for name, value in arguments.items():
        if value is not None:
            raise NotImplementedError(f"scopekit.rules does not cover {name}={value!r}")


# ---------------------------------------------------------------------------------------------- 1. names

# [valid-name] Letters, digits and _ . \ / > -, of which an op's or a root scope's first is a letter, a digit or a dot.
_VALID_OP_NAME_REGEX = re.compile(r"^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$")
_VALID_SCOPE_NAME_REGEX = re.compile(r"^[A-Za-z0-9_.\\/>-]*$")


@functools.lru_cache(maxsize=10_000)  # names come again and again, and matching them took a quarter of the time
def _is_valid(name: str, nested: bool) -> bool:
    return (_VALID_SCOPE_NAME_REGEX if nested else _VALID_OP_NAME_REGEX).match(name) is not None


class GraphKeys:
    """The names of the usual collections; mirrors `ops.GraphKeys`."""

    GLOBAL_VARIABLES, LOCAL_VARIABLES, MODEL_VARIABLES = "variables", "local_variables", "model_variables"
    TRAINABLE_VARIABLES, METRIC_VARIABLES = "trainable_variables", "metric_variables"
    MOVING_AVERAGE_VARIABLES, GLOBAL_STEP = "moving_average_variables", "global_step"
    REGULARIZATION_LOSSES, LOSSES, UPDATE_OPS = "regularization_losses", "losses", "update_ops"
    SUMMARIES, WEIGHTS, BIASES, ACTIVATIONS = "summaries", "weights", "biases", "activations"


class Graph(_Partial):
    """Ops, the names in use, the open name scope, collections, and the store of `get_variable`; mirrors `ops.Graph`.

    >>> g = Graph()
    >>> g.unique_name("w"), g.unique_name("W"), g.unique_name("w_1")
    ('w', 'W_1', 'w_1_1')
    """

    def __init__(self) -> None:
        self._name_stack = ""
        self._names_in_use: dict[str, int] = {}
        self._operations: dict[str, Operation] = {}
        self._collections: dict[Any, list[Any]] = {}
        self._variables: dict[Any, Variable] = {}
        self._scope_store = _VariableScopeStore()

    def __repr__(self) -> str:  # as it stands in the error of [graph-of-inputs]
        return "<tensorflow.python.framework.ops.Graph object at 0x0>"

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Open a context in which this graph is the default one."""
        _default.stack.append(self)
        try:
            yield self
        finally:
            _default.leave(self)

    def get_name_scope(self) -> str:
        """Return the open name scope without its last slash, '' at the root."""
        return self._name_stack

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """Return `name` under the open name scope, made unique; mirrors `Graph.unique_name`.

        [unique-name] A name that is taken gets `_1`, `_2`, … until it is free; `w` and `W` count as one name.
        """
        if self._name_stack:
            name = self._name_stack + "/" + name
        key = name.lower()
        number = self._names_in_use.get(key, 0)
        if mark_as_used:
            self._names_in_use[key] = number + 1
        if number > 0:
            base = key
            while key in self._names_in_use:
                key = f"{base}_{number}"
                number += 1
            if mark_as_used:
                self._names_in_use[key] = 1
            name = f"{name}_{number - 1}"
        return name

    def _scope_of(self, name: Any) -> tuple[str, str]:
        """Return the name stack and the scope that opening `name` gives; mirrors `Graph.name_scope`.

        [root-name] None and '' lead to the root.
        [absolute-name] A name that ends in `/` is taken as it is, wherever one stands and whoever has it.
        [scope-name] Another goes under the open scope and is made unique: opened again, it is another scope.
        """
        if not name:
            return "", ""
        if not isinstance(name, str):  # bytes are taken, anything else is the regular expression's TypeError
            name = name.decode() if isinstance(name, bytes) else _VALID_SCOPE_NAME_REGEX.match(name)
        if not _is_valid(name, self._name_stack != ""):
            regex, root = (_VALID_SCOPE_NAME_REGEX, "") if self._name_stack else (_VALID_OP_NAME_REGEX, "root ")
            what = f"'{name}' is not a valid {root}scope name. A {root}scope name"
            raise ValueError(f"{what} has to match the following pattern: {regex.pattern}")
        if name[-1] == "/":
            return name[:-1], name
        name = self.unique_name(name)
        return name, name + "/"

    def name_scope(self, name: Any) -> name_scope:
        """Return a context that opens a name scope in this graph."""
        return name_scope(name, _graph=self)

    def _add_op(
        self, op_type: str, name: Any = None, inputs: Sequence[Operation] = (), dtype: Any = None, shape: Any = None
    ) -> Operation:
        """Add an op to the graph; mirrors `Graph._create_op_internal`.

        [op-name] Like a scope's: made unique under the open scope, or taken as it is when it ends in `/`.
        """
        name = op_type if name is None else name
        if isinstance(name, bytes):
            _refuse(name=name)
        name = name[:-1] if name and name[-1] == "/" else self.unique_name(name)
        if not _is_valid(name, False):
            regex = _VALID_OP_NAME_REGEX
            raise ValueError(f"`{name}` is not a valid node name. Accepted names conform to Regex /{regex}/")
        if name in self._operations:
            raise ValueError(f"Duplicate node name in graph: '{name}'")
        shape = shape(name, *inputs) if callable(shape) else shape
        op = self._operations[name] = Operation(self, op_type, name, inputs, dtype, shape)
        return op

    def get_operations(self) -> list[Operation]:
        """Return the ops in order of creation."""
        return list(self._operations.values())

    def add_to_collection(self, name: Any, value: Any) -> None:
        """Append to a collection."""
        self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Append to each of several collections once; a string is one name."""
        for name in [names] if isinstance(names, str) else dict.fromkeys(names):
            self.add_to_collection(name, value)

    def get_collection_ref(self, name: Any) -> list[Any]:
        """Return a collection itself, made if it is not there."""
        return self._collections.setdefault(name, [])

    def get_collection(self, name: Any, scope: Any = None) -> list[Any]:
        """Return a copy of a collection; mirrors `Graph.get_collection`.

        [collection-scope] `scope` is a regular expression for the START of a name: 'D' finds D_pre/w, 'D/' does not.
        """
        items = list(self._collections.get(name, ()))
        if scope is None or name not in self._collections:
            return items
        start = re.compile(scope)
        return [item for item in items if hasattr(item, "name") and start.match(item.name)]

    def get_all_collection_keys(self) -> list[str]:
        """Return the names of the collections that are strings."""
        return [name for name in self._collections if isinstance(name, str)]


class _DefaultGraphs(threading.local):
    """The graphs of `Graph.as_default`, innermost last, and the global one; each thread has its own."""

    def __init__(self) -> None:
        self.stack: list[Graph] = []
        self.globally: Graph | None = None

    def leave(self, graph: Graph) -> None:
        if self.stack[-1] is not graph:
            kind = "<class 'tensorflow.python.framework.ops.Graph'>"
            raise AssertionError(f"Nesting violated for default stack of {kind} objects")
        self.stack.pop()


_default = _DefaultGraphs()


def get_default_graph() -> Graph:
    """Return the graph of the innermost `Graph.as_default`, or the global one; mirrors `ops.get_default_graph`."""
    stack = _default.stack
    if stack:
        return stack[-1]
    _default.globally = _default.globally or Graph()
    return _default.globally


def reset_default_graph() -> None:
    """Start a new global graph; mirrors `ops.reset_default_graph`. Raises AssertionError inside a graph's context."""
    if _default.stack:
        hint = "If you need a cleared graph, exit the nesting and create a new graph."
        raise AssertionError(f"Do not use tf.reset_default_graph() to clear nested graphs. {hint}")
    _default.globally = None


def get_collection(key: Any, scope: Any = None) -> list[Any]:
    """Return a copy of a collection of the default graph; see `Graph.get_collection`."""
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: Any) -> list[Any]:
    """Return a collection of the default graph itself."""
    return get_default_graph().get_collection_ref(key)


def add_to_collection(name: Any, value: Any) -> None:
    """Append to a collection of the default graph."""
    get_default_graph().add_to_collection(name, value)


def global_variables(scope: Any = None) -> list[Any]:
    """Return the global variables, see [collection-scope]; mirrors `variables.global_variables`."""
    return get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def local_variables(scope: Any = None) -> list[Any]:
    """Return the local variables; mirrors `variables.local_variables`."""
    return get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def trainable_variables(scope: Any = None) -> list[Any]:
    """Return the trainable variables; mirrors `variables.trainable_variables`."""
    return get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


class name_scope(_Partial):  # noqa: N801
    """A context that opens a name scope, in the graph of `values` if there are any; mirrors `ops.name_scope_v1`.

    >>> with Graph().as_default(), name_scope("tower") as scope:
    ...     print(scope, no_op("step").name, Variable(0.0, name="w").name, get_variable("w", []).name)
    tower/ tower/step tower/w:0 w:0
    """

    def __init__(self, name: Any, default_name: Any = None, values: Any = None, _graph: Any = None) -> None:
        if not (default_name is None or isinstance(default_name, str)):
            what = f"`default_name` type ({type(default_name)}) is not a string type."
            raise TypeError(f"{what} You likely meant to pass this into the `values` kwarg.")
        self.name = default_name if name is None else name
        self._values, self._graph = values, _graph
        self._open: tuple[Graph, str, bool] | None = None

    def __enter__(self) -> str:
        if self.name is None and self._values is not None:
            raise ValueError("At least one of name (None) and default_name (None) must be provided.")
        if self._open is not None:
            raise NotImplementedError("scopekit.rules does not cover a name_scope that is entered while it is open")
        default = get_default_graph()
        graph = self._graph or (_get_graph_from_inputs(self._values) if self._values else default)
        stack, scope = graph._scope_of(self.name)
        elsewhere = graph is not default and self._graph is None
        if elsewhere:
            _default.stack.append(graph)
        self._open = graph, graph._name_stack, elsewhere
        graph._name_stack = stack
        return scope

    def __exit__(self, *exc_info: Any) -> None:
        assert self._open is not None
        graph, old_stack, elsewhere = self._open
        graph._name_stack, self._open = old_stack, None
        if elsewhere:
            _default.leave(graph)


# ------------------------------------------------------------------------------------------------ 2. ops


class DType(_Partial, str):
    """The type of a tensor's elements, equal to its name; mirrors `dtypes.DType`."""

    base_dtype: DType

    def __init__(self, name: str) -> None:
        self.name = name

    def is_compatible_with(self, other: DType) -> bool:
        """Return whether `other` is this type or a reference to it."""
        return self.name in (other.name, other.base_dtype.name)

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"

    def __repr__(self) -> str:
        return f"tf.{self.name}"


_FLOATING = ("float16", "float32", "float64", "bfloat16")
_INTEGER = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_OTHER = ("bool", "string", "complex64", "complex128", "resource")
_DTYPES: dict[str, DType] = {}
for _name in (*_FLOATING, *_INTEGER, *_OTHER):
    _DTYPES |= {_name: DType(_name), _name + "_ref": DType(_name + "_ref")}
    _DTYPES[_name].base_dtype = _DTYPES[_name + "_ref"].base_dtype = _DTYPES[_name]
_DTYPES |= {"half": _DTYPES["float16"], "float": _DTYPES["float32"], "double": _DTYPES["float64"]}


def _as_dtype(value: Any) -> DType:
    """Return the DType that a name, Python's `float` or `bool`, or an object with a name stands for."""
    name = value.__name__ if isinstance(value, type) else getattr(value, "name", value)
    if isinstance(name, str) and name in _DTYPES:
        return _DTYPES[name]
    if isinstance(name, int) or value is object or re.match(r"q?u?int\d|float[48]_|variant", str(name)):
        raise NotImplementedError(f"scopekit.rules does not cover dtype={value!r}")
    raise TypeError(f"Cannot convert the argument `type_value`: {value!r} to a TensorFlow DType.")


class TensorShape(_Partial, tuple[Any, ...]):
    """A shape as a tuple whose sizes may be None; its rank may be None too; mirrors `tensor_shape.TensorShape`.

    >>> TensorShape([2, None]).is_compatible_with([2, 3]), str(TensorShape(2)), str(TensorShape(None))
    (True, '(2,)', '<unknown>')
    """

    rank: int | None

    def __new__(cls, dims: Any) -> TensorShape:
        """Check the sizes as `tensor_shape.Dimension` does."""
        if isinstance(dims, TensorShape):
            return dims
        plain = dims is None or isinstance(dims, (list, tuple))
        sizes = dims or [] if plain else list(dims) if isinstance(dims, Iterable) else [dims]
        for size in sizes:
            if size is None or (type(size) is int and size >= 0):
                continue
            if not hasattr(size, "__index__"):
                wrong = "could not be converted to a dimension. A shape should either be single dimension (e.g. 10), or"
                wrong = f"Failed to convert '{dims!r}' to a shape: '{size!r}'{wrong} an iterable of dimensions."
                if plain or not isinstance(dims, Iterable):
                    wrong = "Dimension value must be integer or None or have an __index__ method, got value "
                    wrong += f"'{size!r}' with type '{type(size)!r}'"
                raise TypeError(wrong)
            if isinstance(size, bool):
                raise NotImplementedError("scopekit.rules does not cover shapes with a bool in them")
            if size < 0:
                raise ValueError(f"Dimension {size} must be >= 0")
        shape = super().__new__(cls, sizes)
        shape.rank = None if dims is None else len(sizes)
        return shape

    def as_list(self) -> list[Any]:
        """Return the sizes, None where they are unknown. Raises ValueError when the rank is."""
        if self.rank is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self)

    def is_fully_defined(self) -> bool:
        """Return whether the rank and all sizes are known."""
        return self.rank is not None and None not in self

    def is_compatible_with(self, other: Any) -> bool:
        """Return whether some full shape fits both."""
        theirs = TensorShape(other)
        if self.rank is None or theirs.rank is None or tuple.__eq__(self, theirs):
            return True
        return self.rank == theirs.rank and all(a == b or None in (a, b) for a, b in zip(self, theirs, strict=True))

    ndims = property(lambda self: self.rank)
    __hash__ = tuple.__hash__

    def __getitem__(self, key: Any) -> Any:
        return TensorShape(self.as_list()[key]) if isinstance(key, slice) else self.as_list()[key]

    def __eq__(self, other: object) -> bool:
        theirs = TensorShape(other)
        return self is theirs or (self.rank == theirs.rank and tuple(self) == tuple(theirs))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __bool__(self) -> bool:
        return self.rank is not None

    def __str__(self) -> str:
        return "<unknown>" if self.rank is None else str(tuple(self))


_SCALAR = TensorShape([])


class Operation(_Partial):
    """A node of the graph; mirrors `ops.Operation`."""

    _outputs: list[Tensor] | None = None
    _from_ref = False  # whether its value depends on a ref variable

    def __init__(self, graph: Graph, op_type: str, name: str, inputs: Any, dtype: Any, shape: Any) -> None:
        self.graph, self.type, self.name = graph, op_type, name
        self._inputs, self._dtype, self._shape = inputs, dtype, _SCALAR if shape is None else shape
        for op in inputs:
            if op._from_ref:
                self._from_ref = True

    @property
    def outputs(self) -> list[Tensor]:
        """The tensors that it gives: here one or none."""
        if self._outputs is None:
            self._outputs = [] if self._dtype is None else [Tensor(self, self._dtype, self._shape)]
        return self._outputs

    @property
    def inputs(self) -> list[Tensor]:
        """The tensors that it takes."""
        return [op.outputs[0] for op in self._inputs]

    def __str__(self) -> str:  # the beginning of its NodeDef
        return f'name: "{self.name}"\nop: "{self.type}"\n'

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"


class Tensor(_Partial):
    """What an op gives; mirrors `tensor.Tensor`."""

    def __init__(self, op: Operation, dtype: DType, shape: TensorShape) -> None:
        self.op, self.graph, self.name, self.dtype, self.shape = op, op.graph, op.name + ":0", dtype, shape

    def get_shape(self) -> TensorShape:
        """Return the shape."""
        return self.shape

    def __str__(self) -> str:
        shape = "" if self.shape.rank is None else f", shape={self.shape}"
        return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name})'

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={self.shape} dtype={self.dtype.name}>"


def _get_graph_from_inputs(values: Iterable[Any]) -> Graph:
    """Return the graph in which an op of these inputs is made; mirrors `ops._get_graph_from_inputs`.

    [graph-of-inputs] That of the first tensor or variable among them, else the default graph. All must be of one.
    """
    first: Tensor | Operation | None = None
    for value in values:
        element = value._as_graph_element() if isinstance(value, Variable) else value
        if isinstance(element, (Tensor, Operation)):
            if first is not None and element.graph is not first.graph:
                graphs = f"(graphs are {element.graph} and {first.graph})"
                raise ValueError(f"{element} must be from the same graph as {first} {graphs}.")
            first = element if first is None else first
    return get_default_graph() if first is None else first.graph


def _leaves(value: Any) -> tuple[list[Any], tuple[int, ...]]:
    """Return the elements of nested lists and the shape of these."""
    if not isinstance(value, (list, tuple)):
        return [value], ()
    parts = [_leaves(item) for item in value] or [([], ())]
    if any(shape != parts[0][1] for _, shape in parts):
        raise NotImplementedError("scopekit.rules does not cover ragged lists as values")
    return [leaf for leaves, _ in parts for leaf in leaves], (len(value), *parts[0][1])


def _value_dtype(value: Any, leaves: list[Any], dtype: DType | None) -> DType:
    """Return the dtype of a constant, asked for or found; mirrors `tensor_util.make_tensor_proto`."""
    kinds = {str if type(leaf) is bytes else type(leaf) for leaf in leaves}
    if not kinds <= {bool, int, float, str} or (str in kinds and len(kinds) > 1 and dtype is None):
        raise NotImplementedError(f"scopekit.rules does not cover the value {value!r}")
    if dtype is None:
        big = int in kinds and any(type(leaf) is int and not -(2**31) <= leaf < 2**31 for leaf in leaves)
        found = {str: "string", float: "float32", int: "int64" if big else "int32", bool: "bool"}
        return _DTYPES[next((name for kind, name in found.items() if kind in kinds), "float32")]
    wanted = {"bool": (bool,), "string": (str, bytes)}.get(dtype.name, (int,) if dtype in _INTEGER else (int, float))
    for leaf in leaves:
        if not isinstance(leaf, wanted):
            raise TypeError(f"Expected {dtype.name}, but got {leaf} of type '{type(leaf).__name__}'.")
    return dtype


def constant(value: Any, dtype: Any = None, shape: Any = None, name: Any = "Const") -> Tensor:
    """Add a Const op to the default graph; mirrors `constant_op.constant_v1`. Raises TypeError, ValueError."""
    dtype = _as_dtype(dtype).base_dtype if dtype else None
    if shape is not None and isinstance(shape, Iterable) and 0 in shape:
        _refuse(shape=shape)
    if value is None:
        raise ValueError("None values not supported.")
    if hasattr(value, "__array__"):  # numpy knows
        dtype, dims = dtype or _as_dtype(value.dtype), tuple(value.shape)
    else:
        leaves, dims = _leaves(value)
        dtype = _value_dtype(value, leaves, dtype)
    if shape is not None:
        size, dims = math.prod(dims), tuple(int(dim) for dim in shape)
        if size > math.prod(dims):
            raise ValueError(f"Too many elements provided. Takes at most {math.prod(dims)}, but got {size}.")
    return get_default_graph()._add_op("Const", name, (), dtype, TensorShape(dims) if dims else _SCALAR).outputs[0]


def _convert_to_tensor(value: Any, dtype: Any = None, name: Any = None, hint: DType | None = None) -> Tensor:
    """Return the tensor that a value is, holds or becomes; mirrors `ops.convert_to_tensor`.

    [input-name] A tensor stays as it is. A resource variable is read by one more ReadVariableOp, in the scope of the
    op that uses it; a ref variable by its `read` op. Another value becomes a Const there, named for the argument.
    """
    dtype = None if dtype is None else _as_dtype(dtype)
    if isinstance(value, Tensor):
        if dtype is not None and not dtype.is_compatible_with(value.dtype):
            wrong = f"Tensor conversion requested dtype {dtype.name} for Tensor with dtype {value.dtype.name}"
            raise ValueError(f"{name + ': ' if name else ''}{wrong}: {value!r}")
        return value
    if isinstance(value, Variable):
        return value._to_tensor(dtype)
    if isinstance(value, _LazyEvalTensor):
        return value.thunk()
    if isinstance(value, Operation):
        raise TypeError(f"can't convert Operation '{value.name}' to Tensor")
    if dtype is None and hint is not None:
        with contextlib.suppress(TypeError, ValueError):
            return constant(value, hint, name=name)
    return constant(value, dtype, name=name)


def _apply_op(op_type: str, name: Any, dtype: Any = None, shape: Any = None) -> Operation:
    """Add an op without inputs: it opens a scope and takes its name; mirrors `op_def_library._apply_op_helper`."""
    graph = get_default_graph()
    return graph._add_op(op_type, graph._scope_of(name or op_type)[1], (), dtype, shape)


def no_op(name: Any = None) -> Operation:
    """Add an op that does nothing; mirrors `gen_control_flow_ops.no_op`."""
    return _apply_op("NoOp", name)


def placeholder(dtype: Any, shape: Any = None, name: Any = None) -> Tensor:
    """Add a Placeholder op; mirrors `array_ops.placeholder`. Raises TypeError, ValueError."""
    try:
        dtype = _as_dtype(dtype).base_dtype
    except TypeError:
        raise TypeError(f"Expected DataType for argument 'dtype' not {dtype!r}.") from None
    return _apply_op("Placeholder", name, dtype, _make_shape(shape)).outputs[0]


def _make_shape(shape: Any) -> TensorShape:
    try:
        return TensorShape(shape)
    except (TypeError, ValueError) as error:
        raise type(error)(f"Error converting shape to a TensorShape: {error}.") from None


def identity(input: Any, name: Any = None) -> Tensor:  # noqa: A002
    """Add an Identity op; mirrors `array_ops.identity`. Raises TypeError, ValueError.

    >>> with Graph().as_default():
    ...     w = get_variable("w", [2])
    ...     (identity(w).name, identity(w).name, identity(w).op.inputs[0].name)
    ('Identity:0', 'Identity_1:0', 'Identity_2/ReadVariableOp:0')
    """
    with name_scope(name or "Identity", None, [input]) as scope:
        try:
            x = _convert_to_tensor(input, name="input")
        except ValueError as error:
            raise ValueError(f"Tried to convert 'input' to a tensor and failed. Error: {error}") from None
        return x.graph._add_op("Identity", scope, [x.op], x.dtype.base_dtype, x.shape).outputs[0]


def add(x: Any, y: Any, name: Any = None) -> Tensor:
    """Add an AddV2 op (Add for strings); mirrors `math_ops.add`. Raises TypeError, ValueError."""
    with name_scope(name, "Add", [x]) as scope:
        x = _convert_to_tensor(x, name="x")
        y = _convert_to_tensor(y, name="y", hint=x.dtype.base_dtype)
        op_type = "Add" if x.dtype == "string" else "AddV2"
        graph = _get_graph_from_inputs([x, y])
        scope = graph._scope_of(scope or op_type)[1]  # which the op opens once more, as its own
        _check_addends(op_type, x.dtype.base_dtype.name, y.dtype.base_dtype.name)
        return graph._add_op(op_type, scope, [x.op, y.op], x.dtype.base_dtype, _sum_shape).outputs[0]


def _check_addends(op_type: str, x: str, y: str) -> None:
    if x == "bool":
        allowed = ", ".join(("bfloat16", *_FLOATING[:3], *_INTEGER[4:], *_INTEGER[:4], *_OTHER[2:4]))
        raise TypeError(f"Value passed to parameter 'x' has DataType bool not in list of allowed values: {allowed}")
    if x != y:
        raise TypeError(f"Input 'y' of '{op_type}' Op has type {y} that does not match type {x} of argument 'x'.")


def _sum_shape(name: str, x: Operation, y: Operation) -> TensorShape:
    """Return the shape of a sum; mirrors `BroadcastBinaryOpOutputShapeFnHelper` of common_shape_fns.cc."""
    shapes = x._shape, y._shape
    if x._shape == y._shape:
        return x._shape
    if None in (x._shape.rank, y._shape.rank):
        return TensorShape(None)
    rank = max(map(len, shapes))
    dims = []
    for a, b in zip(*([1] * (rank - len(shape)) + [*shape] for shape in shapes), strict=True):
        if a != b and None not in (a, b) and 1 not in (a, b):
            kind = {"float16": "half", "float32": "float", "float64": "double"}.get(x._dtype.name, x._dtype.name)
            op = f"'{{{{node {name}}}}} = {'Add' if kind == 'string' else 'AddV2'}[T=DT_{kind.upper()}]"
            op += f"({x.name}, {y.name})'"
            given = ", ".join(str([*shape]).replace("None", "?").replace(" ", "") for shape in shapes)
            raise ValueError(f"Dimensions must be equal, but are {a} and {b} for {op} with input shapes: {given}.")
        large = [size for size in (a, b) if size is not None and size > 1]
        dims.append(large[0] if large else b if a == 1 else a if b == 1 or a == b else None)
    return TensorShape(dims)


# ------------------------------------------------------------------------------------------ 3. variables


class Variable(_Partial):
    """A variable and its helper ops; mirrors `_init_from_args` of `ResourceVariable` and `RefVariable`.

    [variable-name] Named like an op: under the open name scope, made unique. It neither looks at `reuse` nor is it
    known to `get_variable`.
    [helper-ops] A resource variable takes the names `w/Initializer/…`, `w`, `w/IsInitialized/VarIsInitializedOp`,
    `w/Assign`, `w/Read/ReadVariableOp`; a ref variable (use_resource=False) `w/initial_value`, or `w/Initializer/…`
    if a function gives its value, `w`, `w/Assign`, `w/read`.
    [variable-collections] It enters `variables`, or the collections that it is given, and `trainable_variables`.

    >>> with Graph().as_default(), variable_scope("a", reuse=True):
    ...     (Variable(0.0, name="w").name, Variable(0.0, name="w").name)
    ('a/w:0', 'a/w_1:0')
    """

    op: Operation

    def __init__(
        self, initial_value: Any = None, trainable: Any = None, collections: Any = None, validate_shape: Any = True,
        caching_device: Any = None, name: Any = None, variable_def: Any = None, dtype: Any = None,
        expected_shape: Any = None, import_scope: Any = None, constraint: Any = None, use_resource: Any = None,
        synchronization: Any = None, aggregation: Any = None, shape: Any = None,
    ) -> None:  # fmt: skip
        _refuse(
            variable_def=variable_def, import_scope=import_scope, caching_device=caching_device,
            synchronization=synchronization, aggregation=aggregation, name=name if isinstance(name, bytes) else None,
        )  # fmt: skip
        use_resource = get_variable_scope().use_resource if use_resource is None else use_resource
        resource = self._resource = use_resource is None or bool(use_resource)
        if initial_value is None:
            given = "The `initial_value` arg to `tf.Variable` must be specified except when you are not providing a "
            given += "`variable_def`. You provided neither."
            raise ValueError(given if resource else "initial_value must be specified.")
        collections = [GraphKeys.GLOBAL_VARIABLES] if collections is None else collections
        if not isinstance(collections, (list, tuple, set)):
            wrong = f"a list, tuple, or set. Got {collections} of type {type(collections)}"
            raise ValueError(f"collections argument to Variable constructor must be {wrong}")
        if constraint is not None and not callable(constraint):
            wrong = (
                f"Argument `constraint` must be None or a callable. a callable. Got a {type(constraint)}:  {constraint}"
            )
            raise ValueError(wrong if resource else "The `constraint` argument must be a callable.")
        self.trainable, self.constraint = True if trainable is None else trainable, constraint
        if self.trainable and GraphKeys.TRAINABLE_VARIABLES not in collections:
            collections = [*collections, GraphKeys.TRAINABLE_VARIABLES]
        function, home = callable(initial_value), get_default_graph()
        here = home._name_stack  # which `init_scope` opens anew, as an absolute name
        with (
            name_scope(here if here.endswith("/") else here + "/") if here else contextlib.nullcontext(),
            name_scope(name, "Variable", None if function else [initial_value]) as scope,
        ):
            with name_scope("Initializer") if resource or function else contextlib.nullcontext():
                value = _convert_to_tensor(initial_value() if function else initial_value, dtype, "initial_value")
            self.initial_value, self.graph = value, get_default_graph()
            if resource and shape is not None and not value.shape.is_compatible_with(shape):
                wrong = f"value's shape ({value.shape}) is not compatible with the explicitly supplied `shape` argument"
                raise ValueError(f"In this `tf.Variable` creation, the initial {wrong} ({shape}).")
            self.shape = value.shape if shape is None else TensorShape(shape) if resource else _make_shape(shape)
            if resource:
                self.name, self.dtype, home = scope.removesuffix("/") + ":0", value.dtype.base_dtype, self.graph
                self._add_resource_ops(scope)
            else:
                self.dtype = _DTYPES[value.dtype.base_dtype.name + "_ref"]
                self._add_ref_ops(scope, validate_shape)
        home.add_to_collections(collections, self)

    def _add_resource_ops(self, scope: str) -> None:
        add_op = self.graph._add_op
        self.op = add_op("VarHandleOp", self.graph._scope_of(scope)[1] or None, (), _DTYPES["resource"])
        with name_scope("IsInitialized"):
            add_op("VarIsInitializedOp", None, [self.op], _DTYPES["bool"])
        self._refuse_ref_value()
        self.initializer = add_op("AssignVariableOp", "Assign", [self.op, self.initial_value.op])
        with name_scope("Read"):
            self._read = self._read_op()

    def _add_ref_ops(self, scope: str, validate_shape: Any) -> None:
        add_op, value = self.graph._add_op, self.initial_value
        self.op = add_op("VariableV2", self.graph._scope_of(scope)[1] or None, (), self.dtype, self.shape)
        self.name, self.op._from_ref = self.op.name + ":0", True
        if not validate_shape or not self.shape.is_compatible_with(value.shape):
            raise NotImplementedError("scopekit.rules does not cover ref variables of another shape than their value")
        if not value.shape.is_fully_defined():
            raise ValueError(f"initial_value must have a shape specified: {value}")
        self._refuse_ref_value()
        self.initializer = add_op("Assign", None, [self.op, value.op], self.dtype, self.shape)
        self._read = add_op("Identity", "read", [self.op], self.dtype.base_dtype, self.shape)

    def _refuse_ref_value(self) -> None:  # `_try_guard_against_uninitialized_dependencies` makes a `cond` of it
        if self.initial_value.op._from_ref:
            raise NotImplementedError("scopekit.rules does not cover initial values that depend on a ref variable")

    def _read_op(self) -> Operation:
        return self.graph._add_op("ReadVariableOp", None, [self.op], self.dtype, self.shape)

    def _as_graph_element(self) -> Tensor:
        return self._read.outputs[0] if self._resource else self.op.outputs[0]

    def _to_tensor(self, dtype: DType | None) -> Tensor:
        if dtype is None or dtype.is_compatible_with(self.dtype):
            return self.value()
        wrong = f"type '{dtype.name}' for variable of type '{self.dtype.name}'"
        if self._resource:
            wrong = f"type {dtype.name} for `tf.Variable of type {self.dtype.name}. (Variable: {self})"
        raise ValueError(f"Incompatible type conversion requested to {wrong}")

    def value(self) -> Tensor:
        """Return a tensor that reads the variable, see [input-name]."""
        return (self._read_op() if self._resource else self._read).outputs[0]

    def get_shape(self) -> TensorShape:
        """Return the shape."""
        return self.shape

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}>"


class Zeros:
    """Give one Const op, `zeros`, or a Fill from 1000 elements on; mirrors `init_ops.Zeros`."""

    def __init__(self, dtype: Any = "float32") -> None:
        self.dtype = _as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Make the ops."""
        kind = self.dtype if dtype is None else _as_dtype(dtype)
        with name_scope(None, "zeros") as scope:
            add_op, zero = get_default_graph()._add_op, {"bool": False, "string": ""}.get(kind.name, 0)
            if math.prod(shape) < 1000:
                return add_op("Const", scope, (), kind, TensorShape(shape)).outputs[0]
            dims = constant(list(shape), "int32", name="shape_as_tensor").op
            return add_op("Fill", scope, [dims, constant(zero, kind).op], kind, TensorShape(shape)).outputs[0]


class VarianceScaling(Zeros):
    """Give seven ops, `random_uniform`; what `get_variable` takes for floats; mirrors `init_ops.GlorotUniform`."""

    def __init__(self, seed: Any = None, dtype: Any = "float32") -> None:
        super().__init__(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Make the ops."""
        kind, full = self.dtype if dtype is None else _as_dtype(dtype), TensorShape(shape)
        if kind not in _FLOATING:
            _refuse(dtype=kind)
        with name_scope(None, "random_uniform") as scope:
            add_op = get_default_graph()._add_op
            sizes = add_op("Const", "shape", (), _DTYPES["int32"], TensorShape([len(full)]))
            low, high = add_op("Const", "min", (), kind), add_op("Const", "max", (), kind)
            unit = add_op("RandomUniform", None, [sizes], kind, full)
            width = add_op("Sub", "sub", [high, low], kind)
            scaled = add_op("Mul", "mul", [unit, width], kind, full)
            return add_op("AddV2", scope, [scaled, low], kind, full).outputs[0]


zeros_initializer, glorot_uniform_initializer = Zeros, VarianceScaling
_DEFAULT_INITIALIZERS = {
    **dict.fromkeys(_FLOATING, VarianceScaling), **dict.fromkeys([*_INTEGER, "bool", "string"], Zeros),
}  # fmt: skip


# -------------------------------------------------------------------------------------------- 4. sharing


class _ReuseMode(enum.Enum):
    AUTO_REUSE = 1


AUTO_REUSE = _ReuseMode.AUTO_REUSE


def get_variable(
    name: Any, shape: Any = None, dtype: Any = None, initializer: Any = None, regularizer: Any = None,
    trainable: Any = None, collections: Any = None, caching_device: Any = None, partitioner: Any = None,
    validate_shape: Any = True, use_resource: Any = None, custom_getter: Any = None, constraint: Any = None,
    synchronization: Any = None, aggregation: Any = None,
) -> Any:  # fmt: skip
    """Find or make a variable under the current variable scope; mirrors `VariableScope.get_variable`.

    [full-name] The scope's name, a slash, `name`. Name scopes play no part: the variable is made at the root. If an op
    has its name there already the variable gets `_1`, but the store still knows it by the full name.

    [custom-getter] It is called instead, with the true getter and every argument by name. It may ask the true getter
    for this name, for another or for none; what it returns is the answer.

    Args are those of `tf.compat.v1.get_variable`. Returns the variable, or what a custom getter gives. Raises
    ValueError as [already-exists], [does-not-exist], [same-shape], [same-dtype] and [initializer] say.

    >>> with Graph().as_default(), name_scope("ignored"), variable_scope("a", reuse=AUTO_REUSE):
    ...     w = get_variable("w", [2])
    ...     (w.name, get_variable("w", [2]) is w)
    ('a/w:0', True)
    """
    arguments = dict(locals())
    scope = get_variable_scope()
    arguments["name"] = scope.name + "/" + name if scope.name else name
    arguments["reuse"] = scope.reuse
    with name_scope(None):
        if dtype is not None and initializer is not None and not callable(initializer):
            found: DType | None = _convert_to_tensor(initializer).dtype.base_dtype  # leaves a Const behind each time
            with contextlib.suppress(TypeError):
                found = found if found != _as_dtype(dtype) else None
            if found is not None:
                raise ValueError(f"Initializer type '{found}' and explicit dtype '{dtype}' don't match.")
        for key, default in scope._defaults.items():
            if arguments[key] is None:
                arguments[key] = default
        true_getter = functools.partial(_true_getter, get_default_graph()._variables)
        getter = arguments.pop("custom_getter")
        if getter is not None and not callable(getter):
            raise ValueError(f"Passed a custom_getter which is not callable: {getter}")
        arguments["dtype"] = getattr(arguments["dtype"], "base_dtype", arguments["dtype"])
        arguments["trainable"] = True if trainable is None else trainable
        if getter is None:
            return true_getter(**arguments)
        spec = _argspec(getter)
        if spec.varkw is None and "constraint" not in spec.args:
            del arguments["constraint"]
        return getter(getter=true_getter, **arguments)


def _true_getter(
    store: dict[Any, Variable], name: Any, shape: Any = None, dtype: Any = "float32", initializer: Any = None,
    regularizer: Any = None, reuse: Any = None, trainable: Any = None, collections: Any = None,
    caching_device: Any = None, partitioner: Any = None, validate_shape: Any = True, use_resource: Any = None,
    constraint: Any = None, synchronization: Any = None, aggregation: Any = None,
) -> Variable:  # fmt: skip
    """Find or make one variable by its full name; mirrors `_VariableStore._get_single_variable`, check by check."""
    if partitioner is not None and not (isinstance(shape, Sequence) and not shape):
        if not callable(partitioner):
            raise ValueError(f"Partitioner must be callable, but received: {partitioner}")
        _refuse(partitioner=partitioner)
    if f"{name}/part_0" in store:
        found_part = f"a partitioned version of the variable was found: {name}/part_0."
        hint = "Perhaps a variable of the same name was already created with partitioning?"
        raise ValueError(f"No partitioner was provided, but {found_part} {hint}")
    from_value = initializer is not None and not callable(initializer)
    if shape is not None and from_value:
        raise ValueError("If initializer is a constant, do not specify shape.")
    dtype, shape = _as_dtype(dtype), None if shape is None else TensorShape(shape)
    if name in store:
        found = store[name]
        # [already-exists] An error while `reuse` is False; True, AUTO_REUSE and None share what is there.
        if reuse is False:
            hint = "Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in VarScope?"
            where = "" if found._resource else " Originally defined at:\n\n"
            raise ValueError(f"Variable {name} already exists, disallowed. {hint}{where}")
        share = f"Trying to share variable {name}, but specified"
        # [same-shape] A shape that is asked for has to be compatible with the shape that is there.
        if shape is not None and not shape.is_compatible_with(found.shape):
            raise ValueError(f"{share} shape {shape} and found shape {found.shape}.")
        # [same-dtype] So has the dtype; where none is given, the scope's is asked for (float32 unless set).
        if not dtype.is_compatible_with(found.dtype):
            raise ValueError(f"{share} dtype {dtype.name} and found dtype {found.dtype.name}.")
        return found
    # [does-not-exist] An error while `reuse` is True, even if a `Variable` has the name.
    if reuse is True:
        hint = "Did you mean to set reuse=tf.AUTO_REUSE in VarScope?"
        raise ValueError(f"Variable {name} does not exist, or was not created with tf.get_variable(). {hint}")
    # [initializer] A value brings its own shape and dtype. A function gets shape and dtype if the shape is fully known,
    # and nothing if it needs nothing. None is glorot_uniform for floats, zeros for integers, bool and string.
    if initializer is None and shape is None:
        raise ValueError(f"Variable {name} did not get an initializer, so its `shape` argument must be specified.")
    if initializer is None:
        initializer = _DEFAULT_INITIALIZERS.get(dtype.base_dtype)
        if initializer is None:
            raise ValueError(f"An initializer for variable {name} of {dtype.base_dtype} is required")
    initial_value: Any = initializer
    initial_dtype = None
    if not from_value:
        function: Any = initializer() if isinstance(initializer, type) else initializer
        initial_value = function
        if shape is not None and shape.is_fully_defined():
            asks = not isinstance(function, Zeros) and "partition_info" in _argspec(function).args
            extra = {"partition_info": None} if asks else {}
            initial_value = functools.partial(function, shape.as_list(), dtype=dtype, **extra)
            initial_dtype = dtype.base_dtype
        elif not _needs_no_arguments(function):
            raise ValueError(
                "The initializer passed is not valid. It should be a callable with no arguments and the shape should "
                "not be provided or an instance of `tf.keras.initializers.*' and `shape` should be fully defined."
            )
    variable = store[name] = Variable(
        initial_value, trainable, collections, validate_shape, caching_device, name, dtype=initial_dtype,
        constraint=constraint, use_resource=True if use_resource is None else use_resource,
        synchronization=synchronization, aggregation=aggregation, shape=shape,
    )  # fmt: skip
    if regularizer and regularizer(variable) is not None:  # called to ask, and again under the variable's name

        def loss() -> Tensor:
            with name_scope(name + "/Regularizer/"):
                return regularizer(variable)  # type: ignore[no-any-return]

        add_to_collection(GraphKeys.REGULARIZATION_LOSSES, _LazyEvalTensor(loss))
    return variable


def _argspec(function: Any) -> Any:
    from inspect import getfullargspec  # half of the import time of this module, and seldom needed

    return getfullargspec(function)


def _needs_no_arguments(function: Any) -> bool:
    spec = _argspec(function)
    bound = not isinstance(function, types.FunctionType) and not isinstance(function, functools.partial)
    return len(spec.args) - bound == len(spec.defaults or ())


class _LazyEvalTensor:
    """A regularization loss: made once for its name, and once more wherever it is used."""

    def __init__(self, thunk: Callable[[], Tensor]) -> None:
        self.thunk, self._made = thunk, thunk()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)


def get_local_variable(
    name: Any, shape: Any = None, dtype: Any = None, initializer: Any = None, regularizer: Any = None,
    trainable: Any = False, collections: Any = None, *args: Any, **kwargs: Any,
) -> Any:  # fmt: skip
    """Like `get_variable`, untrainable, in the local collection; mirrors `variable_scope.get_local_variable`."""
    if collections:
        collections += [GraphKeys.LOCAL_VARIABLES]
    else:
        collections = [GraphKeys.LOCAL_VARIABLES]
    return get_variable(name, shape, dtype, initializer, regularizer, False, collections, *args, **kwargs)


def no_regularizer(_: Any) -> None:
    """Give no loss, and keep an outer scope's regularizer away."""


# --------------------------------------------------------------------------------------------- 5. scopes


class VariableScope(_Partial):
    """A prefix and defaults for `get_variable`; mirrors `variable_scope.VariableScope`.

    It is a value, not a place: it knows no graph, and gives the same prefix and flags wherever it is opened.
    """

    def __init__(
        self, reuse: Any, name: Any = "", initializer: Any = None, regularizer: Any = None,
        caching_device: Any = None, partitioner: Any = None, custom_getter: Any = None, name_scope: Any = "",
        dtype: Any = _DTYPES["float32"], use_resource: Any = None, constraint: Any = None,
    ) -> None:  # fmt: skip
        self._reuse, self._name, self._original_name_scope = reuse, name, name_scope
        self._defaults = {
            "initializer": initializer, "regularizer": regularizer, "caching_device": caching_device,
            "partitioner": partitioner, "custom_getter": custom_getter, "dtype": dtype, "use_resource": use_resource,
            "constraint": constraint,
        }  # fmt: skip

    name = property(lambda self: self._name)
    original_name_scope = property(lambda self: self._original_name_scope)
    reuse = property(lambda self: self._reuse)

    def __getattr__(self, name: str) -> Any:  # initializer, dtype, … and set_initializer, set_dtype, …
        if name.removeprefix("set_") not in self.__dict__.get("_defaults", ()):
            return super().__getattr__(name)
        if name.startswith("set_"):
            return functools.partial(self._defaults.__setitem__, name.removeprefix("set_"))
        return self._defaults[name]

    def reuse_variables(self) -> None:
        """Set `reuse` of this object to True: to the end of its block, and wherever it is opened again."""
        self._reuse = True

    def get_collection(self, name: Any) -> list[Any]:
        """Return what a collection has under this scope's name, which is used as in [collection-scope]."""
        return get_collection(name, self._name + "/" if self._name else "")

    def trainable_variables(self) -> list[Any]:
        """Return the trainable variables under this scope's name."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def global_variables(self) -> list[Any]:
        """Return the global variables under this scope's name."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Any]:
        """Return the local variables under this scope's name."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)


class _VariableScopeStore(threading.local):
    """A graph's current variable scope, and how often each name was opened; each thread has its own."""

    def __init__(self) -> None:
        self.current_scope = VariableScope(False)
        self.counts: dict[Any, int] = {}


def get_variable_scope() -> VariableScope:
    """Return the current variable scope of the default graph; mirrors `variable_scope.get_variable_scope`."""
    return get_default_graph()._scope_store.current_scope


def _get_unique_variable_scope(prefix: Any) -> Any:
    """[default-name] `lin`, `lin_1`, …: the first that counts as not opened under the current variable scope."""
    counts, current = get_default_graph()._scope_store.counts, get_variable_scope().name
    full = current + "/" + prefix if current else prefix
    if not counts.get(full):
        return prefix
    number = 1
    while counts.get(f"{full}_{number}"):
        number += 1
    return f"{prefix}_{number}"


class _pure_variable_scope:  # noqa: N801
    """The half of `variable_scope` that concerns variables; mirrors `variable_scope._pure_variable_scope`."""

    def __init__(
        self, name_or_scope: Any, reuse: Any = None, old_name_scope: Any = None, dtype: Any = _DTYPES["float32"],
        **given: Any,
    ) -> None:  # fmt: skip
        self._name, self._reuse, self._original = name_or_scope, reuse, old_name_scope
        self._given = {key: value for key, value in {**given, "dtype": dtype}.items() if value is not None}
        self._store = get_default_graph()._scope_store
        self._jump = isinstance(name_or_scope, VariableScope)
        if not (self._jump or isinstance(name_or_scope, str)):
            _refuse(name=name_or_scope)  # bytes and the like, which TensorFlow trips over when it leaves the scope
        if self._jump:
            # [jump] A scope OBJECT is opened as a copy of itself: its prefix and flags, wherever one stands.
            self._full_name, self._original = name_or_scope.name, name_or_scope.original_name_scope
            self._scope = self._derive(name_or_scope, reuse or name_or_scope.reuse)

    def _derive(self, parent: VariableScope, reuse: Any) -> VariableScope:
        # [handed-down] What is not given is the parent's, all but `constraint`. Custom getters nest: the innermost is
        # called first, and what it gets as true getter is the next one out.
        defaults = {**parent._defaults, "constraint": None, **self._given}
        inner, outer = self._given.get("custom_getter"), parent._defaults["custom_getter"]
        if inner is not None and outer is not None:
            defaults["custom_getter"] = functools.partial(_nested_getter, inner, outer)
        return VariableScope(reuse, self._full_name, name_scope=self._original, **defaults)

    def __enter__(self) -> VariableScope:
        store = self._store
        self._old = store.current_scope
        if not self._jump:
            # [reuse] Given or inherited: False never turns it off, and only AUTO_REUSE replaces an inherited True.
            self._reuse = self._reuse or self._old.reuse
            self._full_name = self._old.name + "/" + self._name if self._old.name else self._name
            self._original = self._name if self._original is None else self._original
            self._scope = self._derive(self._old, self._reuse)
        store.counts[self._full_name] = store.counts.get(self._full_name, 0) + 1
        self._old_counts = dict(store.counts) if self._jump else {}
        store.current_scope = self._scope
        return self._scope

    def __exit__(self, *exc_info: Any) -> None:
        store = self._store
        if store.current_scope is not self._scope:
            raise RuntimeError("Improper nesting of variable_scope.")
        # [counters] Left by name, all that was opened under the scope counts as not opened; left by object, the
        # counts are what they were when it was entered.
        if self._jump:
            store.counts = self._old_counts
        else:
            under = self._full_name + "/"
            store.counts |= {name: 0 for name in store.counts if name.startswith(under)}
        store.current_scope = self._old


def _nested_getter(inner: Any, outer: Any, getter: Any, *args: Any, **kwargs: Any) -> Any:
    return inner(functools.partial(outer, getter), *args, **kwargs)


class variable_scope(_Partial):  # noqa: N801
    """A context that opens a variable scope and a name scope; mirrors `variable_scope.variable_scope`.

    [both-scopes] The variable scope `a` is the same each time, the name scope `a` is made unique each time: `a/`,
    `a_1/`, … For a scope object it is the last part of its name, opened wherever one stands.
    [auxiliary] With auxiliary_name_scope=False the open name scope is kept.

    >>> def layer():
    ...     with variable_scope("a", reuse=AUTO_REUSE):
    ...         w = get_variable("w", [2])
    ...         return w.name, identity(w, "out").name
    >>> with Graph().as_default():
    ...     (layer(), layer())
    (('a/w:0', 'a/out:0'), ('a/w:0', 'a_1/out:0'))
    """

    def __init__(
        self, name_or_scope: Any, default_name: Any = None, values: Any = None, initializer: Any = None,
        regularizer: Any = None, caching_device: Any = None, partitioner: Any = None, custom_getter: Any = None,
        reuse: Any = None, dtype: Any = None, use_resource: Any = None, constraint: Any = None,
        auxiliary_name_scope: Any = True,
    ) -> None:  # fmt: skip
        self._given = {
            "initializer": initializer, "regularizer": regularizer, "caching_device": caching_device,
            "partitioner": partitioner, "custom_getter": custom_getter, "dtype": dtype, "use_resource": use_resource,
            "constraint": constraint,
        }  # fmt: skip
        self._name_or_scope, self._default_name = name_or_scope, default_name
        if default_name is None and name_or_scope is None:
            raise TypeError("If default_name is None then name_or_scope is required")
        self._reuse = None if reuse is False else reuse
        if not (self._reuse is True or self._reuse is None or self._reuse is AUTO_REUSE):
            raise ValueError("The reuse parameter must be True or False or None.")
        self._graph = _get_graph_from_inputs(() if values is None else values)
        if not isinstance(auxiliary_name_scope, bool):
            raise TypeError(f"The auxiliary_name_scope must be `True` or `False`, while get {auxiliary_name_scope}")
        self._auxiliary_name_scope = auxiliary_name_scope
        self._name_scope: name_scope | None = None
        self._pure: _pure_variable_scope | None = None
        self._open = False

    def __enter__(self) -> VariableScope:
        if self._open:
            raise NotImplementedError("scopekit.rules does not cover a variable_scope that is entered while it is open")
        _default.stack.append(self._graph)
        self._open = True
        try:
            if self._pure is None:
                return self._enter_first()
        except BaseException:
            _default.stack.pop()
            self._open = False
            raise
        if self._name_scope is not None:  # entered again: the name scope is opened anew, the rest is as it was
            self._name_scope.__enter__()
        return self._pure.__enter__()

    def _enter_first(self) -> VariableScope:
        name, context, here = self._name_or_scope, None, self._graph.get_name_scope()
        if name is None and self._reuse:
            raise ValueError("reuse=True cannot be used without a name_or_scope")
        if not (name is None or isinstance(name, (str, VariableScope))):
            raise TypeError("VariableScope: name_or_scope must be a string or VariableScope.")
        opened = self._default_name if name is None else name if isinstance(name, str) else name.name.split("/")[-1]
        if not self._auxiliary_name_scope:
            context = name_scope(here + "/" if here else here)
        elif opened or name is None:  # '' leaves the name scope alone
            context = name_scope(opened)
        original = None if context is None else context.__enter__()
        self._name_scope = context
        name = _get_unique_variable_scope(self._default_name) if name is None else name
        pure = _pure_variable_scope(name, self._reuse, original, **self._given)
        scope = pure.__enter__()
        self._pure = pure
        return scope

    def __exit__(self, *exc_info: Any) -> None:
        try:
            assert self._pure is not None
            self._pure.__exit__()
        finally:
            if self._name_scope is not None:
                self._name_scope.__exit__()
            self._open = False
            _default.leave(self._graph)


# ------------------------------------------------------------------------------------------ 6. templates


class Template(_Partial):
    """A function whose calls share one set of variables; mirrors `template.Template`."""

    def __init__(self, name: Any, func: Any, create_scope_now: Any, unique_name: Any, custom_getter: Any) -> None:
        self.name, self.func, self._unique_name, self._custom_getter = name, func, unique_name, custom_getter
        if name is None:
            raise ValueError("name cannot be None.")
        self.variable_scope: VariableScope | None = None
        self._variables_created, self._first_call = False, True
        # [template-name] Named like a `default_name`, at the first call, or at once with create_scope_now_;
        # unique_name_ is taken as it is.
        if create_scope_now:
            scope_name = unique_name or _get_unique_variable_scope(name)
            with _pure_variable_scope(scope_name, custom_getter=custom_getter) as self.variable_scope:
                pass

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function in the template's scope, with reuse on from the second call."""
        if self.variable_scope is not None:
            context = variable_scope(self.variable_scope, reuse=not self._first_call)
        else:
            context = variable_scope(self._unique_name, self.name, custom_getter=self._custom_getter)
        with context as scope:
            self.variable_scope = self.variable_scope or scope
            try:
                return self._call_func(args, kwargs)
            except Exception as error:
                first, *rest = error.args or ("",)
                error.args = (f"{first}\n\noriginally defined at:\nmake_template({self.name!r}, …)", *rest)
                raise

    def _call_func(self, args: Any, kwargs: Any) -> Any:
        # [template-shares] After a first call that came to its end, making a trainable variable is an error.
        if self._variables_created:
            get_collection_ref(GraphKeys.GLOBAL_VARIABLES)
            before = len(get_collection_ref(GraphKeys.TRAINABLE_VARIABLES))
            result = self.func(*args, **kwargs)
            made = get_collection_ref(GraphKeys.TRAINABLE_VARIABLES)[before:]
            if before != len(get_collection_ref(GraphKeys.TRAINABLE_VARIABLES)):
                raise ValueError(
                    "Trainable variable created when calling a template after the first time, perhaps you used "
                    f"tf.Variable when you meant tf.get_variable: {made}"
                )
            return result
        first, self._first_call = self._first_call, False
        try:
            result = self.func(*args, **kwargs)
        except BaseException:
            self._first_call = first
            raise
        self._variables_created = self._variables_created or first  # not by a call from within the first one
        return result

    @property
    def variable_scope_name(self) -> str | None:
        """The name of the template's scope with a last slash, None before there is one."""
        name: str | None = None if self.variable_scope is None else self.variable_scope.name
        return name + "/" if name and name[-1] != "/" else name

    def _collection(self, key: str) -> list[Any]:
        return get_collection(key, self.variable_scope_name) if self._variables_created else []

    global_variables = property(lambda self: self._collection(GraphKeys.GLOBAL_VARIABLES))
    local_variables = property(lambda self: self._collection(GraphKeys.LOCAL_VARIABLES))
    variables = weights = property(lambda self: self.global_variables + self.local_variables)
    trainable_variables = trainable_weights = property(lambda self: self._collection(GraphKeys.TRAINABLE_VARIABLES))


def make_template(
    name_: Any, func_: Any, create_scope_now_: Any = False, unique_name_: Any = None, custom_getter_: Any = None,
    **kwargs: Any,
) -> Template:  # fmt: skip
    """Wrap a function so that all its calls share one set of variables; mirrors `template.make_template`.

    >>> layer = make_template("layer", lambda: get_variable("w", [2]))
    >>> with Graph().as_default():
    ...     (layer().name, layer() is layer())
    ('layer/w:0', True)
    """
    func_ = functools.partial(func_, **kwargs) if kwargs else func_
    return Template(name_, func_, create_scope_now_, unique_name_, custom_getter_)
