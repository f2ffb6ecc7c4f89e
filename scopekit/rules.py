"""The naming and sharing rules of `tf.compat.v1` in a graph, as a program that can be read and run.

In: the calls of a TF1 program. Out: the names, identities, flags and errors that TensorFlow 2.21 gives. Values are
not computed and TensorFlow is not imported: `import scopekit.rules as tf` runs the program as it stands. What is not
covered raises `NotImplementedError`, which names it. `make prove` compares the two on random programs.

Each rule has a name, in brackets where it is stated, in the order in which a reader meets it:

1. names:     [valid-name] [unique-name] [root-name] [absolute-name] [scope-name] [collection-scope]
2. ops:       [op-name] [graph-of-inputs] [input-name]
3. variables: [variable-name] [helper-ops] [variable-collections]
4. sharing:   [full-name] [custom-getter] [already-exists] [same-shape] [same-dtype] [does-not-exist] [initializer]
5. scopes:    [default-name] [jump] [handed-down] [reuse] [counters] [both-scopes] [auxiliary]
6. templates: [template-name] [template-shares]

Then come dtypes, shapes and the values of constants and initializers, in which there is no rule of names.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import itertools
import math
import operator
import re
import threading
import types
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any


class _NotCoveredError(NotImplementedError, AttributeError):
    """TensorFlow can do it, this model cannot. An AttributeError too, so that `hasattr` keeps working."""

    def __init__(self, what: str) -> None:
        super().__init__("scopekit.rules does not cover " + what)


def __getattr__(name: str) -> Any:
    if name in _DTYPES:
        return _DTYPES[name]
    raise _NotCoveredError(f"tf.compat.v1.{name}")


class _Partial:
    """A class of TensorFlow of which only some attributes are modelled."""

    def __getattr__(self, name: str) -> Any:
        raise _NotCoveredError(f"{type(self).__name__}.{name}")


class _Value(_Partial):
    """What has operators in TensorFlow, and in this model `add` alone."""

    shape: TensorShape

    def _operator(*operands: Any) -> Any:
        raise _NotCoveredError("operators; add(x, y) stands for x + y")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __matmul__ = _operator
    __neg__ = __pow__ = __mod__ = __lt__ = __gt__ = __getitem__ = __iter__ = __len__ = __bool__ = _operator

    def get_shape(self) -> TensorShape:
        """Return the shape."""
        return self.shape


# ----------------------------------------------------------------------------------------------- 1. names

_VALID_OP_NAME_REGEX = re.compile(r"^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$")
_VALID_SCOPE_NAME_REGEX = re.compile(r"^[A-Za-z0-9_.\\/>-]*$")


@functools.lru_cache(maxsize=10_000)  # names come again and again, and matching them took a quarter of the time
def _check_name(name: str, kind: str = "op") -> None:
    """Refuse a name that is not valid.

    [valid-name] Letters, digits, _ . > - / and the backslash; an op or a root scope begins with a letter, digit or dot.
    """
    regex = _VALID_SCOPE_NAME_REGEX if kind == "scope" else _VALID_OP_NAME_REGEX
    if not regex.match(name):
        if kind == "op":
            raise ValueError(f"`{name}` is not a valid node name. Accepted names conform to Regex /{regex}/")
        pattern = f"A {kind} name has to match the following pattern: {regex.pattern}"
        raise ValueError(f"'{name}' is not a valid {kind} name. {pattern}")
    if name.endswith(("//", "\n")) or name == "/":
        raise _NotCoveredError(f"the name {name!r}")


def _check_text(name: Any) -> None:
    if not (name is None or isinstance(name, str)):
        raise _NotCoveredError(f"the name {name!r}")


class Graph(_Partial):
    """Ops, the names in use, the open name scope, collections, and the store of `get_variable`; mirrors `ops.Graph`.

    >>> g = Graph()
    >>> g.unique_name("w"), g.unique_name("W"), g.unique_name("w_1")
    ('w', 'W_1', 'w_1_1')
    """

    def __init__(self) -> None:
        self._names_in_use: dict[str, int] = {}
        self._operations: dict[str, Operation | Tensor | str] = {}  # see _operation
        self._collections: dict[Any, list[Any]] = {}
        self._variables: dict[Any, Variable] = {}
        self._local = _Local()

    def __repr__(self) -> str:  # as it stands in the error of [graph-of-inputs]
        return "<tensorflow.python.framework.ops.Graph object at 0x0>"

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Open a context in which this graph is the default one."""
        _thread.graphs.append(self)
        try:
            yield self
        finally:
            _thread.leave(self)

    def get_name_scope(self) -> str:
        """Return the open name scope without its last slash, '' at the root."""
        return self._local.name_stack

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """Return `name` under the open name scope, made unique; mirrors `Graph.unique_name`.

        [unique-name] A name that is taken gets `_1`, `_2`, … until it is free; `w` and `W` count as one name.
        """
        if stack := self._local.name_stack:
            name = stack + "/" + name
        key = base = name.lower()
        in_use = self._names_in_use
        number = in_use.get(key, 0)
        if mark_as_used:
            in_use[key] = number + 1
        if not number:
            return name
        while key in in_use:
            key = f"{base}_{number}"
            number += 1
        if mark_as_used:
            in_use[key] = 1
        return f"{name}_{number - 1}"

    def _scope_of(self, name: Any) -> str:
        """Return the scope that opening `name` gives, with its last slash; mirrors `Graph.name_scope`.

        [root-name] None and '' lead to the root.
        [absolute-name] A name that ends in `/` is taken as it is, wherever one stands and whoever has it.
        [scope-name] Another goes under the open scope and is made unique: opened again, it is another scope.
        """
        _check_text(name)
        if not name:
            return ""
        _check_name(name, "scope" if self._local.name_stack else "root scope")
        return name if name[-1] == "/" else self.unique_name(name) + "/"

    def _add(self, op_type: str, name: Any = None) -> Any:
        """Add an op and return its name; mirrors `Graph._create_op_internal`.

        [op-name] Like a scope's: made unique under the open scope, or taken as it is when it ends in `/`.
        """
        name = op_type if name is None else name
        name = name[:-1] if name and name[-1] == "/" else self.unique_name(name)
        _check_name(name)
        if name in self._operations:
            raise ValueError(f"Duplicate node name in graph: '{name}'")
        self._operations[name] = op_type
        return name

    def _add_in(self, scope: str, op_type: str) -> Any:
        """Add an op in a scope of its own below the open one, which whoever opened it restores after an error."""
        outer, self._local.name_stack = self._local.name_stack, self.unique_name(scope)
        name = self._add(op_type)
        self._local.name_stack = outer
        return name

    def _add_tensor(self, op_type: str, name: Any, dtype: DType, shape: Any, *inputs: Tensor) -> Tensor:
        """Add an op and return what it gives."""
        name = self._add(op_type, name)
        tensor = self._operations[name] = Tensor(self, op_type, name, dtype, shape, *inputs)
        return tensor

    def _operation(self, name: str) -> Operation:
        op = self._operations[name]
        if not isinstance(op, Operation):  # until it is asked for it is what it gives, or but its type
            op = self._operations[name] = Operation(self, name, op)
        return op

    def get_operations(self) -> list[Operation]:
        """Return the ops in order of creation."""
        return [self._operation(name) for name in self._operations]

    def add_to_collection(self, name: Any, value: Any) -> None:
        """Append to a collection."""
        self._collections.setdefault(name, []).append(value)

    def get_collection(self, name: Any, scope: Any = None) -> list[Any]:
        """Return a copy of a collection; mirrors `Graph.get_collection`.

        [collection-scope] `scope` is a regular expression for the START of a name: 'D' finds D_pre/w, 'D/' does not.
        """
        items = self._collections.get(name)
        if items is None or scope is None:
            return list(items or ())
        start = re.compile(scope)
        return [item for item in items if hasattr(item, "name") and start.match(item.name)]


class _Thread(threading.local):
    """What each thread has for itself: the global default graph, and after it those of `Graph.as_default`."""

    def __init__(self) -> None:
        self.graphs = [Graph()]

    def leave(self, graph: Graph) -> None:
        if self.graphs[-1] is not graph:
            raise _NotCoveredError("contexts that are left in another order than they were entered")
        self.graphs.pop()


def get_default_graph() -> Graph:
    """Return the graph of the innermost `Graph.as_default`, or the global one; mirrors `ops.get_default_graph`."""
    return _thread.graphs[-1]


def reset_default_graph() -> None:
    """Start a new global graph; mirrors `ops.reset_default_graph`. Raises AssertionError inside a graph's context."""
    if len(_thread.graphs) > 1:
        hint = "If you need a cleared graph, exit the nesting and create a new graph."
        raise AssertionError(f"Do not use tf.reset_default_graph() to clear nested graphs. {hint}")
    _thread.graphs = [Graph()]


class GraphKeys:
    """The names of the usual collections; mirrors `ops.GraphKeys`."""

    GLOBAL_VARIABLES, TRAINABLE_VARIABLES = "variables", "trainable_variables"
    LOCAL_VARIABLES, MODEL_VARIABLES = "local_variables", "model_variables"
    REGULARIZATION_LOSSES, LOSSES, UPDATE_OPS = "regularization_losses", "losses", "update_ops"


def add_to_collection(name: Any, value: Any) -> None:
    """Append to a collection of the default graph; mirrors `ops.add_to_collection`."""
    get_default_graph().add_to_collection(name, value)


def get_collection(key: Any, scope: Any = None) -> list[Any]:
    """Return a copy of a collection of the default graph, see [collection-scope]; mirrors `ops.get_collection`."""
    return get_default_graph().get_collection(key, scope)


global_variables = functools.partial(get_collection, GraphKeys.GLOBAL_VARIABLES)
trainable_variables = functools.partial(get_collection, GraphKeys.TRAINABLE_VARIABLES)


class name_scope_v1(_Partial):  # noqa: N801
    """A context that opens a name scope, in the graph of `values` if there are any; mirrors `ops.name_scope_v1`.

    >>> with Graph().as_default(), name_scope("tower") as scope:
    ...     print(scope, no_op("step").name, Variable(0.0, name="w").name, get_variable("w", []).name)
    tower/ tower/step tower/w:0 w:0
    """

    _graph: Graph | None = None
    _always_enters = False

    def __init__(self, name: Any, default_name: Any = None, values: Any = None) -> None:
        if not (default_name is None or isinstance(default_name, str)):
            what = f"`default_name` type ({type(default_name)}) is not a string type."
            raise TypeError(f"{what} You likely meant to pass this into the `values` kwarg.")
        self.name, self._values = default_name if name is None else name, values

    def __enter__(self) -> str:
        if self._graph is not None:
            raise _NotCoveredError("a name_scope that is entered while it is open")
        if self.name is None and self._values is not None:
            raise ValueError("At least one of name (None) and default_name (None) must be provided.")
        here = get_default_graph()
        graph = _get_graph_from_inputs(self._values) if self._values else here
        scope, self._enters = graph._scope_of(self.name), self._always_enters or graph is not here
        if self._enters:
            _thread.graphs.append(graph)
        self._graph, self._outer, graph._local.name_stack = graph, graph._local.name_stack, scope[:-1]
        return scope

    def __exit__(self, *exc_info: Any) -> None:
        graph, self._graph = self._graph, None
        if graph is None:
            raise _NotCoveredError("a name_scope that is left and was not entered")
        graph._local.name_stack = self._outer
        if self._enters:
            _thread.leave(graph)


name_scope = name_scope_v1  # its errors say the longer name


# ------------------------------------------------------------------------------------------------- 2. ops


class Operation(_Partial):
    """A node of the graph; mirrors `ops.Operation`. What a helper op takes and gives is not covered."""

    def __init__(self, graph: Graph, name: str, gives: Tensor | str) -> None:
        self.graph, self.name, self.type = graph, name, getattr(gives, "_op_type", gives)
        if isinstance(gives, Tensor):
            self.outputs = [gives]

    inputs = property(lambda self: self.outputs[0]._inputs)

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"

    def __str__(self) -> str:
        raise _NotCoveredError("the NodeDef of an op")


class Tensor(_Value):
    """What an op gives; mirrors `tensor.Tensor`."""

    def __init__(self, graph: Graph, op_type: str, op_name: str, dtype: DType, shape: Any, *inputs: Tensor) -> None:
        self.graph, self._op_type, self._op_name, self._inputs = graph, op_type, op_name, inputs
        self.name, self.dtype, self.shape = op_name + ":0", dtype, shape
        self._from_ref = op_type == "VariableV2"  # whether it is made of a ref variable
        for tensor in inputs:
            self._from_ref |= tensor._from_ref

    op = property(lambda self: self.graph._operation(self._op_name))

    def __str__(self) -> str:
        shape = "" if self.shape.rank is None else f", shape={self.shape}"
        return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name})'

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={self.shape} dtype={self.dtype.name}>"


def _get_graph_from_inputs(values: Iterable[Any] | None) -> Graph:
    """Return the graph in which an op of these inputs is made; mirrors `ops._get_graph_from_inputs`.

    [graph-of-inputs] That of the first tensor or variable among them, else the default graph. All must be of one.
    """
    first: Any = None
    for value in values or ():
        if isinstance(value, (Tensor, Operation, Variable)):
            first = value if first is None else first
            if value.graph is not first.graph:
                it, its = (v._as_graph_element() if isinstance(v, Variable) else v for v in (value, first))
                raise ValueError(f"{it} must be from the same graph as {its} (graphs are {it.graph} and {its.graph}).")
    return get_default_graph() if first is None else first.graph


def _convert_to_tensor(value: Any, dtype: Any = None, name: Any = None, hint: DType | None = None) -> Tensor:
    """Return the tensor that a value is, holds or becomes; mirrors `ops.convert_to_tensor`.

    [input-name] A tensor stays as it is. A resource variable is read by one more ReadVariableOp, in the scope of the
    op that uses it; a ref variable by its `read` op. Another value becomes a Const there, named for the argument.
    """
    dtype = None if dtype is None else _as_dtype(dtype)
    if isinstance(value, (Tensor, Variable)):
        if not (dtype is None or dtype.is_compatible_with(value.dtype)):
            raise _NotCoveredError(f"the conversion of {value.dtype.name} to {dtype.name}")
        return value.value() if isinstance(value, Variable) else value
    if isinstance(value, _LazyEvalTensor):
        if not isinstance(loss := value._thunk(), Tensor):
            raise _NotCoveredError(f"the loss {loss!r} as an input")
        return loss
    if isinstance(value, Operation):
        raise TypeError(f"can't convert Operation '{value.name}' to Tensor")
    if dtype is None and hint is not None:
        with contextlib.suppress(TypeError, ValueError):
            return constant(value, hint, name=name)
    return constant(value, dtype, name=name)


def no_op(name: Any = None) -> Operation:
    """Add an op that does nothing; mirrors `gen_control_flow_ops.no_op`."""
    graph = get_default_graph()
    return graph._operation(graph._add("NoOp", graph._scope_of(name or "NoOp")))


def placeholder(dtype: Any, shape: Any = None, name: Any = None) -> Tensor:
    """Add a Placeholder op; mirrors `array_ops.placeholder`. Raises TypeError, ValueError."""
    try:
        kind, full = _as_dtype(dtype).base_dtype, TensorShape(shape)
    except TypeError:
        raise TypeError(f"Expected DataType for argument 'dtype' not {dtype!r}.") from None
    except ValueError as error:
        raise ValueError(f"Error converting shape to a TensorShape: {error}.") from None
    graph = get_default_graph()
    return graph._add_tensor("Placeholder", graph._scope_of(name or "Placeholder"), kind, full)


def constant(
    value: Any, dtype: Any = None, shape: Any = None, name: Any = "Const", verify_shape: Any = False
) -> Tensor:
    """Add a Const op to the default graph; mirrors `constant_op.constant_v1`. Raises TypeError, ValueError."""
    _check_text(name)
    if verify_shape:
        raise _NotCoveredError("verify_shape of a constant")
    kind, full = _type_and_shape(value, None if dtype is None else _as_dtype(dtype).base_dtype, shape)
    return get_default_graph()._add_tensor("Const", name, kind, full)


def identity(input: Any, name: Any = None) -> Tensor:  # noqa: A002
    """Add an Identity op; mirrors `array_ops.identity`. Raises TypeError, ValueError.

    >>> with Graph().as_default():
    ...     w = get_variable("w", [2])
    ...     (identity(w).name, identity(w).name, identity(w).op.inputs[0].name)
    ('Identity:0', 'Identity_1:0', 'Identity_2/ReadVariableOp:0')
    """
    with name_scope(name or "Identity", None, [input]) as scope:
        if input is None:
            raise ValueError("Tried to convert 'input' to a tensor and failed. Error: None values not supported.")
        x = _convert_to_tensor(input, name="input")
        return x.graph._add_tensor("Identity", scope, x.dtype.base_dtype, x.shape, x)


def add(x: Any, y: Any, name: Any = None) -> Tensor:
    """Add an AddV2 op (Add for strings); mirrors `math_ops.add`. Raises TypeError, ValueError."""
    with name_scope(name, "Add", [x]) as scope:
        x = _convert_to_tensor(x, name="x")
        y = _convert_to_tensor(y, name="y", hint=x.dtype.base_dtype)
        graph, dtype, other = _get_graph_from_inputs([x, y]), x.dtype.base_dtype, y.dtype.base_dtype
        op_type = "Add" if dtype == "string" else "AddV2"
        scope = scope or graph._scope_of(op_type)
        if dtype == "resource":
            raise _NotCoveredError("the sum of handles")
        if dtype == "bool":
            allowed = ", ".join(("bfloat16", *_FLOATING[:3], *_INTEGER[4:], *_INTEGER[:4], *_OTHER[2:4]))
            wrong = f"has DataType bool not in list of allowed values: {allowed}"
            raise TypeError(f"Value passed to parameter 'x' {wrong}")
        if dtype != other:
            wrong = f"has type {other.name} that does not match type {dtype.name} of argument 'x'."
            raise TypeError(f"Input 'y' of '{op_type}' Op {wrong}")
        result = graph._add_tensor(op_type, scope, dtype, None, x, y)
        result.shape = _sum_shape(result, x, y)
        return result


# ------------------------------------------------------------------------------------------- 3. variables


class Variable(_Value):
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

    def __init__(
        self, initial_value: Any = None, trainable: Any = None, validate_shape: Any = True, caching_device: Any = None,
        name: Any = None, variable_def: Any = None, dtype: Any = None, import_scope: Any = None,
        constraint: Any = None, synchronization: Any = None, aggregation: Any = None, shape: Any = None,
        experimental_enable_variable_lifting: Any = None, expected_shape: Any = None, collections: Any = None,
        use_resource: Any = None,
    ) -> None:  # fmt: skip
        other = caching_device, variable_def, import_scope
        if other != (None, None, None) or synchronization not in (None, _AUTO) or aggregation not in (None, _NONE):
            raise _NotCoveredError("caching_device, variable_def, import_scope, synchronization and aggregation")
        if str(getattr(dtype, "name", dtype)).endswith(("_ref", "resource")):
            raise _NotCoveredError(f"a variable of dtype={dtype!r}")
        if use_resource is None:
            use_resource = get_variable_scope()._defaults.get("use_resource")
        resource = self._resource = use_resource is None or bool(use_resource)
        if not (resource or (validate_shape is True and (shape is None or isinstance(shape, TensorShape)))):
            raise _NotCoveredError("the arguments validate_shape and shape of a ref variable")
        if initial_value is None:
            wrong = "The `initial_value` arg to `tf.Variable` must be specified except when you are not providing a "
            wrong += "`variable_def`. You provided neither."
            raise ValueError(wrong if resource else "initial_value must be specified.")
        collections = [GraphKeys.GLOBAL_VARIABLES] if collections is None else collections
        if not isinstance(collections, (list, tuple, set)):
            wrong = f"a list, tuple, or set. Got {collections} of type {type(collections)}"
            raise ValueError(f"collections argument to Variable constructor must be {wrong}")
        if constraint is not None and not callable(constraint):
            wrong = f"Argument `constraint` must be None or a callable. a callable. Got a {type(constraint)}:  "
            raise ValueError(f"{wrong}{constraint}" if resource else "The `constraint` argument must be a callable.")
        self.trainable, self.constraint = trainable is None or trainable, constraint
        if self.trainable and GraphKeys.TRAINABLE_VARIABLES not in collections:
            collections = [*collections, GraphKeys.TRAINABLE_VARIABLES]
        function, home = callable(initial_value), get_default_graph()
        context = name_scope(name, "Variable", None if function else [initial_value])
        context._always_enters = True  # so that the function cannot reset the graph; mirrors `init_scope`
        with context as scope:
            graph = self.graph = get_default_graph()
            if resource or function:
                graph._local.name_stack = graph.unique_name("Initializer")
            value = _convert_to_tensor(initial_value() if function else initial_value, dtype, "initial_value")
            graph._local.name_stack = scope[:-1]
            if value.dtype == "resource":
                raise _NotCoveredError("a variable that holds a handle")
            if value._from_ref:  # `_try_guard_against_uninitialized_dependencies` makes a `cond` of it
                raise _NotCoveredError("initial values that depend on a ref variable")
            self.initial_value, self.shape = value, value.shape if shape is None else TensorShape(shape)
            if shape is not None and not value.shape.is_compatible_with(shape):
                if not resource:
                    raise _NotCoveredError("ref variables of another shape than their value")
                wrong = f"value's shape ({value.shape}) is not compatible with the explicitly supplied `shape`"
                raise ValueError(f"In this `tf.Variable` creation, the initial {wrong} argument ({shape}).")
            self._add_ops(value, scope)
        for key in dict.fromkeys(collections):
            (graph if resource else home).add_to_collection(key, self)

    def _add_ops(self, value: Tensor, scope: str) -> None:
        graph, kind = self.graph, value.dtype.base_dtype
        if self._resource:
            handle = graph._add_tensor("VarHandleOp", scope or None, _DTYPES["resource"], _SCALAR)
            handle.name = scope[:-1] + ":0"  # even an empty one
            graph._add_in("IsInitialized", "VarIsInitializedOp")
        else:
            handle = graph._add_tensor("VariableV2", scope or None, _DTYPES[kind.name + "_ref"], self.shape)
            if not value.shape.is_fully_defined():
                raise ValueError(f"initial_value must have a shape specified: {value}")
        _get_graph_from_inputs([handle, value])
        self._handle, self.name, self.dtype = handle, handle.name, kind if self._resource else handle.dtype
        self._initializer = graph._add("AssignVariableOp" if self._resource else "Assign", "Assign")
        if self._resource:
            self._element_name = graph._add_in("Read", "ReadVariableOp")
        else:
            self._element_name = handle._op_name
            self._read = graph._add_tensor("Identity", "read", kind, self.shape, handle)

    op = property(lambda self: self._handle.op)
    initializer = property(lambda self: self.graph._operation(self._initializer))

    def _as_graph_element(self) -> Tensor:  # as it stands in the error of [graph-of-inputs]
        return Tensor(self.graph, "", self._element_name, self.dtype, self.shape)

    def value(self) -> Tensor:
        """Return a tensor that reads the variable, see [input-name]."""
        if not self._resource:
            return self._read
        return self.graph._add_tensor("ReadVariableOp", None, self.dtype, self.shape, self._handle)

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}>"


# --------------------------------------------------------------------------------------------- 4. sharing


_enum: Any = enum.Enum
AUTO_REUSE = _enum("_ReuseMode", {"AUTO_REUSE": 1}).AUTO_REUSE
_AUTO = _enum("VariableSynchronization", {"AUTO": 0}).AUTO
_NONE = _enum("VariableAggregation", {"NONE": 0}).NONE


def get_variable(
    name: Any, shape: Any = None, dtype: Any = None, initializer: Any = None, regularizer: Any = None,
    trainable: Any = None, collections: Any = None, caching_device: Any = None, partitioner: Any = None,
    validate_shape: Any = True, use_resource: Any = None, custom_getter: Any = None, constraint: Any = None,
    synchronization: Any = _AUTO, aggregation: Any = _NONE,
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
    graph = get_default_graph()
    scope, name_stack = graph._local.current_scope, graph._local.name_stack
    arguments = {
        "name": scope._full_name(name), "shape": shape, "dtype": dtype, "initializer": initializer,
        "regularizer": regularizer, "reuse": scope._reuse, "trainable": True if trainable is None else trainable,
        "collections": collections, "caching_device": caching_device, "partitioner": partitioner,
        "validate_shape": validate_shape, "use_resource": use_resource, "custom_getter": custom_getter,
        "constraint": constraint, "synchronization": _AUTO if synchronization is None else synchronization,
        "aggregation": _NONE if aggregation is None else aggregation,
    }  # fmt: skip
    graph._local.name_stack = ""
    try:
        if dtype is not None and initializer is not None and not callable(initializer):
            found: Any = _convert_to_tensor(initializer).dtype.base_dtype  # leaves a Const behind each time
            with contextlib.suppress(TypeError):
                found = None if found == _as_dtype(dtype) else found
            if found is not None:
                raise ValueError(f"Initializer type '{found}' and explicit dtype '{dtype}' don't match.")
        for key, default in scope._defaults.items():
            if arguments[key] is None:
                arguments[key] = default
        arguments["dtype"] = getattr(arguments["dtype"], "base_dtype", arguments["dtype"])
        getter = arguments.pop("custom_getter")
        if getter is None:
            return _true_getter(graph._variables, **arguments)
        if not callable(getter):
            raise ValueError(f"Passed a custom_getter which is not callable: {getter}")
        spec = _argspec(getter)
        if spec.varkw is None and "constraint" not in spec.args:
            del arguments["constraint"]
        return getter(getter=functools.partial(_true_getter, graph._variables), **arguments)
    finally:
        graph._local.name_stack = name_stack


def _true_getter(
    store: dict[Any, Variable], name: Any, shape: Any = None, dtype: Any = "float32", initializer: Any = None,
    regularizer: Any = None, reuse: Any = None, trainable: Any = None, collections: Any = None,
    caching_device: Any = None, partitioner: Any = None, validate_shape: Any = True, use_resource: Any = None,
    constraint: Any = None, synchronization: Any = _AUTO, aggregation: Any = _NONE,
) -> Variable:  # fmt: skip
    """Find or make one variable by its full name; mirrors `_VariableStore._get_single_variable`, check by check."""
    _check_text(name)
    if partitioner is not None:
        raise _NotCoveredError(f"partitioner={partitioner!r}")
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
    if initializer is None:
        if shape is None:
            raise ValueError(f"Variable {name} did not get an initializer, so its `shape` argument must be specified.")
        if dtype.base_dtype not in _DEFAULT_INITIALIZERS:
            raise ValueError(f"An initializer for variable {name} of {dtype.base_dtype} is required")
        initializer = _DEFAULT_INITIALIZERS[dtype.base_dtype]
    initial_dtype = None
    if not from_value:
        initializer = initializer() if isinstance(initializer, type) else initializer
        if not callable(initializer):
            raise _NotCoveredError(f"a class as an initializer that gives {initializer!r}")
        if shape is not None and shape.is_fully_defined():
            initial_dtype, given = dtype.base_dtype, {"dtype": dtype}
            if not isinstance(initializer, _Initializer) and "partition_info" in _argspec(initializer).args:
                given["partition_info"] = None
            initializer = functools.partial(initializer, shape.as_list(), **given)
        elif isinstance(initializer, _Initializer) or _needs_arguments(initializer):
            raise ValueError(
                "The initializer passed is not valid. It should be a callable with no arguments and the shape should "
                "not be provided or an instance of `tf.keras.initializers.*' and `shape` should be fully defined."
            )
    variable = store[name] = Variable(
        initializer, trainable, validate_shape, caching_device, name, dtype=initial_dtype, collections=collections,
        constraint=constraint, use_resource=True if use_resource is None else use_resource,
        synchronization=synchronization, aggregation=aggregation, shape=shape,
    )  # fmt: skip
    if regularizer and regularizer(variable) is not None:  # called to ask, and again under the variable's name

        def loss() -> Tensor:
            with name_scope(name + "/Regularizer/"):
                return regularizer(variable)  # type: ignore[no-any-return]

        add_to_collection(GraphKeys.REGULARIZATION_LOSSES, _LazyEvalTensor(loss))
    return variable


class _LazyEvalTensor(_Value):
    """A regularization loss: made once for its name, and once more wherever it is used."""

    def __init__(self, thunk: Callable[[], Any]) -> None:
        self._thunk, self._master_tensor = thunk, thunk()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._master_tensor, name)


def no_regularizer(_: Any) -> None:
    """Give no loss, and keep an outer scope's regularizer away."""


# ---------------------------------------------------------------------------------------------- 5. scopes

_DEFAULTS = ["initializer", "regularizer", "caching_device", "partitioner", "custom_getter", "dtype"]
_DEFAULTS += ["use_resource", "constraint"]


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return those of a function's arguments, its `locals()`, that a scope hands down and that are given."""
    return {key: arguments[key] for key in _DEFAULTS if arguments[key] is not None}


class VariableScope(_Partial):
    """A prefix and defaults for `get_variable`; mirrors `variable_scope.VariableScope`.

    It is a value, not a place: it knows no graph, and gives the same prefix and flags wherever it is opened.
    """

    def __init__(
        self, reuse: Any, name: Any = "", initializer: Any = None, regularizer: Any = None,
        caching_device: Any = None, partitioner: Any = None, custom_getter: Any = None, name_scope: Any = "",
        dtype: Any = ..., use_resource: Any = None, constraint: Any = None,
    ) -> None:  # fmt: skip
        dtype = _DTYPES["float32"] if dtype is ... else dtype
        self._reuse, self._name, self._name_scope, self._defaults = reuse, name, name_scope, _given(locals())

    name, reuse, original_name_scope = (property(operator.attrgetter(a)) for a in ("_name", "_reuse", "_name_scope"))

    def __getattr__(self, name: str) -> Any:  # initializer, dtype, … and set_initializer, set_dtype, …
        key = name.removeprefix("set_")
        if key not in _DEFAULTS or name == "set_constraint":
            return super().__getattr__(name)
        return self._defaults.get(key) if key == name else functools.partial(self._set, key)

    def _set(self, key: str, value: Any) -> None:
        self._defaults = {**self._defaults, key: value}  # what it was may be an inner scope's too

    def reuse_variables(self) -> None:
        """Set `reuse` of this object to True: to the end of its block, and wherever it is opened again."""
        self._reuse = True

    def get_collection(self, name: Any) -> list[Any]:
        """Return what a collection has under this scope's name, which is used as in [collection-scope]."""
        return get_collection(name, self._name + "/" if self._name else "")

    trainable_variables = functools.partialmethod(get_collection, GraphKeys.TRAINABLE_VARIABLES)
    global_variables = functools.partialmethod(get_collection, GraphKeys.GLOBAL_VARIABLES)
    local_variables = functools.partialmethod(get_collection, GraphKeys.LOCAL_VARIABLES)

    def _full_name(self, name: Any) -> Any:
        return self._name + "/" + name if self._name else name

    def _derive(self, reuse: Any, name: Any, name_scope: Any, given: dict[str, Any]) -> VariableScope:
        """Return the scope that a block opens under this one, or for it.

        [reuse] Given or inherited: False never turns it off, and only AUTO_REUSE replaces an inherited True.
        [handed-down] What is not given is the parent's, all but `constraint`. Custom getters nest: the innermost is
        called first, and what it gets as true getter is the next one out.
        """
        scope = VariableScope.__new__(VariableScope)
        scope._reuse, scope._name, scope._name_scope = reuse or self._reuse, name, name_scope
        scope._defaults = self._defaults
        if given or "constraint" in self._defaults:
            scope._defaults = {**self._defaults, "constraint": None, **given}
            inner, outer = given.get("custom_getter"), self._defaults.get("custom_getter")
            if inner is not None and outer is not None:
                nested = lambda getter, *args, **kwargs: inner(functools.partial(outer, getter), *args, **kwargs)  # noqa: E731
                scope._defaults["custom_getter"] = nested
        return scope


class _Local(threading.local):
    """What each thread has for itself in a graph: its name scope, its variable scope, how often each was opened."""

    def __init__(self) -> None:
        self.name_stack = ""
        self.current_scope = _ROOT._derive(False, "", "", {})
        self.counts: dict[Any, int] = defaultdict(int)

    def unique_name(self, prefix: Any) -> Any:
        """Return a name for a scope that has none; mirrors `_get_unique_variable_scope`.

        [default-name] `lin`, `lin_1`, …: the first that counts as not opened under the current variable scope.
        """
        _check_text(prefix)
        name = full = self.current_scope._full_name(prefix)
        number = 0
        while self.counts.get(name):
            number += 1
            name = f"{full}_{number}"
        return f"{prefix}_{number}" if number else prefix

    def close(self, name: str) -> None:
        """[counters] Left by name, all that was opened under a scope counts as not opened."""
        for below in [below for below in self.counts if below.startswith(name + "/")]:
            del self.counts[below]


def get_variable_scope() -> VariableScope:
    """Return the current variable scope of the default graph; mirrors `variable_scope.get_variable_scope`."""
    return get_default_graph()._local.current_scope


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

    _scope: VariableScope | None = None

    def __init__(
        self, name_or_scope: Any, default_name: Any = None, values: Any = None, initializer: Any = None,
        regularizer: Any = None, caching_device: Any = None, partitioner: Any = None, custom_getter: Any = None,
        reuse: Any = None, dtype: Any = None, use_resource: Any = None, constraint: Any = None,
        auxiliary_name_scope: Any = True,
    ) -> None:  # fmt: skip
        self._name_or_scope, self._default_name, self._given = name_or_scope, default_name, _given(locals())
        if default_name is None and name_or_scope is None:
            raise TypeError("If default_name is None then name_or_scope is required")
        if not (reuse is None or isinstance(reuse, bool) or reuse is AUTO_REUSE):
            raise ValueError("The reuse parameter must be True or False or None.")
        self._reuse, self._graph = reuse, _get_graph_from_inputs(values)
        if not isinstance(auxiliary_name_scope, bool):
            raise TypeError(f"The auxiliary_name_scope must be `True` or `False`, while get {auxiliary_name_scope}")
        self._auxiliary_name_scope = auxiliary_name_scope

    def __enter__(self) -> VariableScope:
        if self._scope is not None:
            raise _NotCoveredError("a variable_scope that is entered a second time")
        target, graph, store = self._name_or_scope, self._graph, self._graph._local
        if target is None and self._reuse:
            raise ValueError("reuse=True cannot be used without a name_or_scope")
        jump = isinstance(target, VariableScope)
        if not (target is None or jump or isinstance(target, str)):
            raise TypeError("VariableScope: name_or_scope must be a string or VariableScope.")
        self._outer, self._old = store.name_stack, store.current_scope
        name = self._default_name if target is None else target
        opened = target._name.split("/")[-1] if jump else name
        name_scope = self._outer and self._outer + "/"
        if self._auxiliary_name_scope and (opened or target is None):  # '' leaves the name scope alone
            name_scope = graph._scope_of(opened)
        if jump:
            # [jump] A scope OBJECT is opened as a copy of itself: its prefix and flags, wherever one stands.
            parent, name, original = target, target._name, target._name_scope
        else:
            parent, name = self._old, self._old._full_name(store.unique_name(name) if target is None else name)
            original = name_scope if opened or not self._auxiliary_name_scope else ""
        store.current_scope = self._scope = parent._derive(self._reuse, name, original, self._given)
        store.name_stack = self._inner = name_scope[:-1]
        store.counts[name] += 1
        self._counts = store.counts.copy() if jump else None
        _thread.graphs.append(graph)
        return self._scope

    def __exit__(self, *exc_info: Any) -> None:
        store = self._graph._local
        if store.current_scope is not self._scope or store.name_stack != self._inner:
            raise _NotCoveredError("contexts that are left in another order than they were entered")
        if self._counts is None:
            store.close(store.current_scope._name)
        else:  # left by object, the counts are what they were when it was entered
            store.counts = self._counts
        store.current_scope, store.name_stack = self._old, self._outer
        _thread.leave(self._graph)


# ------------------------------------------------------------------------------------------- 6. templates


class Template(_Partial):
    """A function whose calls share one set of variables; mirrors `template.Template`."""

    def __init__(self, name: Any, func: Any, create_scope_now: Any, unique_name: Any, custom_getter: Any) -> None:
        if name is None:
            raise ValueError("name cannot be None.")
        _check_text(name)
        _check_text(unique_name)
        self.name, self.func, self._unique_name, self._custom_getter = name, func, unique_name, custom_getter
        self.variable_scope: VariableScope | None = None
        self._variables_created, self._first_call = False, True
        # [template-name] Named like a `default_name`, at the first call, or at once with create_scope_now_;
        # unique_name_ is taken as it is.
        if create_scope_now:
            store = get_default_graph()._local
            name, old = unique_name or store.unique_name(name), store.current_scope
            full = old._full_name(name)
            given = {"dtype": _DTYPES["float32"]} | ({"custom_getter": custom_getter} if custom_getter else {})
            self.variable_scope = old._derive(None, full, name, given)
            store.counts[full] += 1
            store.close(full)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function in the template's scope, with reuse on from the second call."""
        if self.variable_scope is not None:
            context = variable_scope(self.variable_scope, reuse=not self._first_call)
        else:
            context = variable_scope(self._unique_name, self.name, custom_getter=self._custom_getter)
        with context as scope:
            self.variable_scope = self.variable_scope or scope
            return self._call_func(args, kwargs)

    def _call_func(self, args: Any, kwargs: Any) -> Any:
        # Mirrors `Template._call_func`.
        # [template-shares] After a first call that came to its end, making a trainable variable is an error.
        for key in (GraphKeys.GLOBAL_VARIABLES, GraphKeys.TRAINABLE_VARIABLES) if self._variables_created else ():
            get_default_graph()._collections.setdefault(key, [])  # to count what is in a collection makes it
        before, first, self._first_call = len(trainable_variables()), self._first_call, False
        try:
            result = self.func(*args, **kwargs)
        except BaseException:
            self._first_call = first
            raise
        made = trainable_variables()[before:]
        if self._variables_created and made:
            wrong = "Trainable variable created when calling a template after the first time, perhaps you used"
            raise ValueError(f"{wrong} tf.Variable when you meant tf.get_variable: {made}")
        self._variables_created = self._variables_created or first  # not by a call from within the first one
        return result

    def _collection(self, key: str) -> list[Any]:
        return get_collection(key, self.variable_scope_name) if self._variables_created else []

    @property
    def variable_scope_name(self) -> str | None:
        """The name of the template's scope with a last slash, None before there is one."""
        name: str | None = None if self.variable_scope is None else self.variable_scope._name
        return name + "/" if name and name[-1] != "/" else name

    global_variables = property(lambda self: self._collection(GraphKeys.GLOBAL_VARIABLES))
    local_variables = property(lambda self: self._collection(GraphKeys.LOCAL_VARIABLES))
    trainable_variables = property(lambda self: self._collection(GraphKeys.TRAINABLE_VARIABLES))
    variables = property(lambda self: self.global_variables + self.local_variables)


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


# ----------------------------------------------------------- dtypes, shapes and values: no rules of names


class DType(_Partial, str):
    """The type of a tensor's elements, equal to its name; mirrors `dtypes.DType`."""

    base_dtype: DType
    name = property(str.__str__)

    def is_compatible_with(self, other: DType) -> bool:
        """Return whether `other` is this type or a reference to it."""
        return self in (other, other.base_dtype)

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"

    def __repr__(self) -> str:
        return f"tf.{self.name}"


_FLOATING = "float16", "float32", "float64", "bfloat16"
_INTEGER = "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"
_OTHER = "bool", "string", "complex64", "complex128", "resource"
_DTYPES = {name: DType(name) for of in (_FLOATING, _INTEGER, _OTHER) for kind in of for name in (kind, kind + "_ref")}
for _name in _DTYPES:
    _DTYPES[_name].base_dtype = _DTYPES[_name.removesuffix("_ref")]
_DTYPES |= {"half": _DTYPES["float16"], "float": _DTYPES["float32"], "double": _DTYPES["float64"]}


def _as_dtype(value: Any) -> DType:
    """Return the DType that a name, Python's `float` or `bool`, or an object with a name stands for."""
    if isinstance(value, DType):
        return value
    name = value.__name__ if isinstance(value, type) else getattr(value, "name", value)
    if isinstance(name, str) and name in _DTYPES:
        return _DTYPES[name]
    odd = isinstance(name, int) or value is object or (value is not None and not value)
    if odd or re.match(r"q?u?int\d|float[48]_|variant", str(name)):
        raise _NotCoveredError(f"dtype={value!r}")
    raise TypeError(f"Cannot convert the argument `type_value`: {value!r} to a TensorFlow DType.")


class TensorShape(_Value):
    """Sizes of which some may be None, or None: then the rank is unknown too; mirrors `tensor_shape.TensorShape`.

    >>> TensorShape([2, None]).is_compatible_with([2, 3]), str(TensorShape(2)), str(TensorShape(None))
    (True, '(2,)', '<unknown>')
    """

    def __init__(self, dims: Any) -> None:
        if isinstance(dims, TensorShape):
            dims = dims._dims
        elif dims is not None:
            dims = tuple(dims) if isinstance(dims, (list, tuple)) else (dims,)
            for size in dims:
                if type(size) is not int and size is not None:
                    raise _NotCoveredError(f"a shape with {size!r} in it")
                if size is not None and size < 0:
                    raise ValueError(f"Dimension {size} must be >= 0")
        self._dims: tuple[Any, ...] | None = dims

    rank = ndims = property(lambda self: None if self._dims is None else len(self._dims))

    def as_list(self) -> list[Any]:
        """Return the sizes, None where they are unknown. Raises ValueError when the rank is."""
        if self._dims is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self._dims)

    def is_fully_defined(self) -> bool:
        """Return whether the rank and all sizes are known."""
        return self._dims is not None and None not in self._dims

    def is_compatible_with(self, other: Any) -> bool:
        """Return whether some full shape fits both."""
        mine, theirs = self._dims, (other if isinstance(other, TensorShape) else TensorShape(other))._dims
        if mine is None or theirs is None or mine == theirs:
            return True
        return len(mine) == len(theirs) and all(a == b or None in (a, b) for a, b in zip(mine, theirs, strict=True))

    def __eq__(self, other: object) -> bool:
        return self._dims == TensorShape(other)._dims

    def __str__(self) -> str:
        return "<unknown>" if self._dims is None else str(self._dims)


_PYTHON_TYPES = {str: "string", float: "float32", int: "int32", bool: "bool"}  # of several in a list, the first


def _leaves(value: Any) -> tuple[list[Any], tuple[int, ...]]:
    """Return the elements of nested lists and the shape of these."""
    if not isinstance(value, (list, tuple)):
        return [value], ()
    parts = [_leaves(item) for item in value]
    dims = {dims for _, dims in parts} or {()}
    if len(dims) > 1:
        raise _NotCoveredError("ragged lists as values")
    return [leaf for leaves, _ in parts for leaf in leaves], (len(value), *dims.pop())


def _type_and_shape(value: Any, dtype: DType | None, shape: Any) -> tuple[DType, TensorShape]:
    """Return those of a constant, asked for or found; mirrors `tensor_util.make_tensor_proto`."""
    if value is None:
        raise ValueError("None values not supported.")
    if type(value) is float and dtype is None and shape is None:
        return _DTYPES["float32"], _SCALAR  # as the rest would find, for the most usual value
    leaves, dims = _leaves(value)
    kinds = set(map(type, leaves))
    beyond = [leaf for leaf in leaves if type(leaf) is int and not -(2**63) <= leaf < 2**63]
    if not kinds <= _PYTHON_TYPES.keys() or {str} < kinds or beyond or dtype == "resource":
        raise _NotCoveredError(f"the value {value!r}")
    if not (shape is None or (isinstance(shape, (list, tuple)) and all(type(n) is int and n > 0 for n in shape))):
        raise _NotCoveredError(f"the shape {shape!r} of a constant")
    if dtype is None:
        kind = next((kind for kind in _PYTHON_TYPES if kind in kinds), float)
        large = kind is int and not all(-(2**31) <= leaf < 2**31 for leaf in leaves)
        dtype = _DTYPES["int64" if large else _PYTHON_TYPES[kind]]
    fitting = {"bool": bool, "string": str}.get(dtype, int if dtype in _INTEGER else (int, float))
    for leaf in leaves:
        if not isinstance(leaf, fitting):
            raise TypeError(f"Expected {dtype.name}, but got {leaf} of type '{type(leaf).__name__}'.")
    full = TensorShape(dims if shape is None else shape)
    most = math.prod(full.as_list())
    if len(leaves) > most:
        raise ValueError(f"Too many elements provided. Takes at most {most}, but got {len(leaves)}.")
    return dtype, full


def _sum_shape(sum_: Tensor, *operands: Tensor) -> TensorShape:
    """Return the shape of a sum; mirrors `BroadcastBinaryOpOutputShapeFnHelper` of common_shape_fns.cc."""
    x, y = (operand.shape._dims for operand in operands)
    if x is None or y is None or x == y:
        return operands[0].shape if x == y else TensorShape(None)
    dims: list[Any] = []
    for a, b in reversed([*itertools.zip_longest(x[::-1], y[::-1], fillvalue=1)]):
        if not (a == b or 1 in (a, b) or None in (a, b)):
            del sum_.graph._operations[sum_._op_name]
            kind = {"float16": "half", "float32": "float", "float64": "double"}.get(sum_.dtype, sum_.dtype.name).upper()
            inputs = ", ".join(operand._op_name for operand in operands)
            node = f"'{{{{node {sum_._op_name}}}}} = {sum_._op_type}[T=DT_{kind}]({inputs})'"
            given = ", ".join(str([*shape]).replace("None", "?").replace(" ", "") for shape in (x, y))
            raise ValueError(f"Dimensions must be equal, but are {a} and {b} for {node} with input shapes: {given}.")
        dims.append(b if a == 1 else a if b in (1, a) else max(a or 0, b or 0) or None)
    return TensorShape(dims)


@functools.lru_cache(maxsize=1000)
def _argspec(function: Any) -> Any:
    import inspect  # here, for it takes a quarter of the time of `import scopekit.rules`

    return inspect.getfullargspec(function)


def _needs_arguments(function: Any) -> bool:
    spec, bound = _argspec(function), not isinstance(function, (types.FunctionType, functools.partial))
    return len(spec.args) - bound != len(spec.defaults or ())


class _Initializer(_Partial):
    def __init__(self, **given: Any) -> None:
        if given:
            raise _NotCoveredError(f"an initializer with {', '.join(given)}")

    def __call__(self, shape: Any = None, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Make the ops that give the value."""
        if shape is None:
            raise _NotCoveredError("an initializer that is called without a shape")
        graph, kind, full = get_default_graph(), _as_dtype(dtype or "float32"), TensorShape(shape)
        name, helpers, op_type = self._ops(kind, full)
        with name_scope(None, name) as scope:
            for helper in helpers:
                graph._add(*helper)
            value = graph._add_tensor(op_type, scope, kind, full)
            if helpers:
                del value._inputs  # helpers are names and nothing else
            return value


class zeros_initializer(_Initializer):  # noqa: N801
    """Give one Const op, `zeros`, or a Fill from 1000 elements on; mirrors `init_ops.Zeros`."""

    def _ops(self, kind: DType, full: TensorShape) -> Any:
        large = math.prod(full.as_list()) >= 1000
        return "zeros", [("Const", "shape_as_tensor"), ("Const", None)] * large, "Fill" if large else "Const"


class glorot_uniform_initializer(_Initializer):  # noqa: N801
    """Give seven ops, `random_uniform`; what `get_variable` takes for floats; mirrors `init_ops.GlorotUniform`."""

    def _ops(self, kind: DType, full: TensorShape) -> Any:
        if kind not in _FLOATING:
            raise _NotCoveredError(f"glorot_uniform_initializer of {kind.name}")
        values = ("Const", "shape"), ("Const", "min"), ("Const", "max")
        return "random_uniform", [*values, ("RandomUniform", None), ("Sub", "sub"), ("Mul", "mul")], "AddV2"


_DEFAULT_INITIALIZERS: dict[str, Any] = dict.fromkeys(_FLOATING, glorot_uniform_initializer)
_DEFAULT_INITIALIZERS |= dict.fromkeys((*_INTEGER, "bool", "string"), zeros_initializer)
_ROOT, _SCALAR = VariableScope(False), TensorShape([])
_thread = _Thread()
