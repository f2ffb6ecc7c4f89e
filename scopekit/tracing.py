"""A run of get_variable calls -> what each did, and why.

In: the program that runs inside `with scopekit.trace() as t:`. Out: `t`, its events in order, shown as a
table. TensorFlow's own methods are wrapped while a trace is open: they do what they did, and leave a note.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

# Where the program called, and where that place was called from: code and instruction of each, in one tuple, which
# costs a call the least. The lines are looked up when somebody reads.
Place = tuple[CodeType, int, CodeType | None, int]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that the program did."""

    what: str
    """``get_variable``, ``Variable``, ``variable_scope``, ``name_scope`` or ``reuse_variables``."""
    name: str
    """The full name: of the variable or of the scope."""
    outcome: str
    """``made``, ``shared``, ``raised``, ``opened`` or ``set``."""
    because: str
    """The rule that decided, with the line that set the flag."""
    line: str
    """File and line of the call; in a notebook ``In[7]:2``."""
    called_from: str
    """File and line of the call before that one; empty where there is none."""


class Trace:
    """What `trace` records; it may be read while the program still runs, and after it."""

    def __init__(self) -> None:
        self._notes: list[tuple[Any, ...]] = []
        # (id of a graph's store, full name) -> the store, kept so that its id stays its own, and the place.
        self._made: dict[tuple[int, str], tuple[Any, Place]] = {}

    @property
    def events(self) -> tuple[Event, ...]:
        """The events so far, in order."""
        return tuple(tell(self, *facts) for tell, *facts in self._notes)

    def table(self) -> DataFrame:
        """Return the events as a pandas table, a row each."""
        from scopekit.show.table import Table

        columns = list(Event.__slots__)
        rows = [[getattr(event, column) for column in columns] for event in self.events]
        return Table(rows, columns=[column.replace("_", " ") for column in columns])

    def __len__(self) -> int:
        return len(self._notes)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __repr__(self) -> str:
        return repr(self.table()) if self._notes else "Trace: nothing was recorded"

    def _repr_html_(self) -> str:
        return str(self.table()._repr_html_())  # type: ignore[operator]


class trace:  # noqa: N801 (a context, written like a function)
    """Record each `get_variable`, `Variable`, scope opened and flag set while the block runs.

    The program does what it would have done: same names, same errors, in every thread. The block's own errors
    pass through, and what was recorded until then is kept.

    On entering it gives a `Trace`: its `events`, its `table()`, and the same table when a notebook shows it. The
    rules told are those of `_VariableStore._get_single_variable` in tensorflow/python/ops/variable_scope.py.

    >>> with trace() as t:
    ...     pass
    >>> len(t)
    0
    """

    def __enter__(self) -> Trace:
        self._trace = Trace()
        with _lock:
            _open.append(self._trace)
            if len(_open) == 1:
                _wrap()
        return self._trace

    def __exit__(self, *_: object) -> None:
        with _lock:
            _open.remove(self._trace)
            if not _open:
                _unwrap()


# The traces that are open, in every thread, and what was wrapped for them. The lock is for opening and
# closing; a note is one append, which is safe as it is.
_lock = threading.Lock()
_open: list[Trace] = []
_wrapped: list[tuple[type, str, Any]] = []


class _Here(threading.local):
    depth = 0  # of the wrapped functions that this thread is in: what TensorFlow does of itself is not noted


_here = _Here()


def _caller() -> Place:
    """Return where the program called TensorFlow."""
    frame: Any = sys._getframe(2)
    code = frame.f_code
    while _is_internal(code.co_filename):
        frame = frame.f_back
        code = frame.f_code
    back = frame.f_back
    return (code, frame.f_lasti, back.f_code, back.f_lasti) if back else (code, frame.f_lasti, None, 0)


@functools.cache
def _is_internal(filename: str) -> bool:
    """Return whether a file is TensorFlow's own, or this one."""
    parts = Path(filename).parts
    return filename == __file__ or ("tensorflow" in parts and "python" in parts[parts.index("tensorflow") :])


def _place(place: Place) -> str:
    """Return a place as a reader knows it: the notebook's cell, or the file's own name, and the line."""
    return _line(*place[:2])


def _line(code: CodeType | None, instruction: int) -> str:
    if code is None:
        return ""
    filename = code.co_filename
    line = next(line for start, end, line in code.co_lines() if start <= instruction < end)
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    cell = shell.compile.format_code_name(filename) if shell else None
    if cell:
        return f"{cell[1]}:{line}"
    # Below a notebook's cell, and below a module's top level, stands the machinery that runs them.
    machinery = ("IPython" in Path(filename).parts) or filename.startswith("<frozen")
    return "" if machinery else f"{Path(filename).name}:{line}"


def _note(*note: Any) -> None:
    """Keep a note: a function that makes the event, and its arguments. It is called when somebody reads."""
    for each in _open:
        each._notes.append(note)


# Why a scope has the reuse flag that it has: id of the scope -> the scope, words, place. The scope is kept, so
# that its id is not given to another while the trace is open.
Origin = tuple[Any, str, Place]
_origins: dict[int, Origin] = {}


def _why(flag: object, origin: Origin | None, argument: object = None) -> str:
    """Return in words which flag decides, and who set it where."""
    if argument is not None:
        return f"reuse={_flag(argument)} in the call"
    if flag is False:
        return "reuse is off"
    return f"reuse={_flag(flag)}, " + (f"{origin[1]} at {_place(origin[2])}" if origin else "set before the trace")


def _flag(reuse: object) -> str:
    return str(reuse) if isinstance(reuse, bool) else "AUTO_REUSE"


def _tell(_: Trace, what: str, name: str, outcome: str, because: str, place: Place) -> Event:
    return Event(what, name, outcome, because, _line(*place[:2]), _line(*place[2:]))


def _tell_scope(trace: Trace, name: str, flag: object, origin: Origin | None, place: Place) -> Event:
    return _tell(trace, "variable_scope", name, "opened", _why(flag, origin), place)


def _tell_get_variable(
    trace: Trace,
    var_store: Any,
    full: str,
    outcome: str,
    error: str,
    flag: object,
    origin: Origin | None,
    argument: object,
    place: Place,
) -> Event:
    """Return the event of one `get_variable`, in the order in which TensorFlow decides."""
    why, first = _why(flag, origin, argument), trace._made.get((id(var_store), full))
    there = f"'{full}' was first made at {_place(first[1])}" if first else f"'{full}' was made before the trace"
    if outcome == "made":
        because = f"no '{full}' in this graph's variable store yet; {why}"
    elif outcome == "shared" or "already exists" in error:
        because = f"{there}; {why}"
    elif "does not exist" in error:
        because = f"no '{full}' in this graph to find; {why}"
    else:
        because = error
    return _tell(trace, "get_variable", full, outcome, because, place)


def _get_variable(original: Any) -> Any:
    from tensorflow import VariableAggregation, VariableSynchronization

    # Written out, for to gather the arguments and spread them again takes as long as all the rest; `more` are those of
    # a TensorFlow to come.
    def get_variable(
        self: Any, var_store: Any, name: Any, shape: Any = None, dtype: Any = None, initializer: Any = None,
        regularizer: Any = None, reuse: Any = None, trainable: Any = None, collections: Any = None,
        caching_device: Any = None, partitioner: Any = None, validate_shape: Any = True, use_resource: Any = None,
        custom_getter: Any = None, constraint: Any = None, synchronization: Any = VariableSynchronization.AUTO,
        aggregation: Any = VariableAggregation.NONE, **more: Any,
    ) -> Any:  # fmt: skip
        place = _caller()
        full = f"{self._name}/{name}" if self._name else name
        existed = full in var_store._vars or full in var_store._partitioned_vars
        # As they are now: a later reuse_variables() must not change what is said of this call.
        flag, origin = self._reuse, _origins.get(id(self))
        outcome, error, depth = "raised", "", _here.depth
        _here.depth = depth + 1
        try:
            variable = original(
                self, var_store, name, shape, dtype, initializer, regularizer, reuse, trainable, collections,
                caching_device, partitioner, validate_shape, use_resource, custom_getter, constraint, synchronization,
                aggregation, **more,
            )  # fmt: skip
            outcome = "shared" if existed else "made"
            return variable
        except Exception as raised:
            error = str(raised).split("\n")[0]
            raise
        finally:
            _here.depth = depth
            note = (_tell_get_variable, var_store, full, outcome, error, flag, origin, reuse, place)
            for each in _open:
                if outcome == "made":
                    each._made[id(var_store), full] = (var_store, place)
                each._notes.append(note)

    return get_variable


def _variable(original: Any) -> Any:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        if _here.depth:  # made by get_variable, which leaves its own note
            return original(self, *args, **kwargs)  # type: ignore[no-any-return]
        place = _caller()
        wanted = kwargs.get("name")
        _here.depth = 1
        try:
            original(self, *args, **kwargs)
        except Exception as raised:
            _note(
                _tell,
                "Variable",
                str(wanted or "Variable"),
                "raised",
                str(raised).split("\n")[0],
                place,
            )
            raise
        finally:
            _here.depth = 0
        full = self.name.removesuffix(":0")
        because = "tf.Variable makes one at every call, whatever reuse says"
        if wanted and full.split("/")[-1] != wanted:
            because += f"; '{wanted}' was taken, so it is named anew"
        return _note(_tell, "Variable", full, "made", because, place)

    return __init__


def _enter_variable_scope(original: Any) -> Any:
    def __enter__(self: Any) -> Any:  # noqa: N807
        from tensorflow.python.ops import variable_scope as tf_scopes

        place = _caller()
        parent = tf_scopes.get_variable_scope()
        _here.depth += 1
        try:
            scope = original(self)
        finally:
            _here.depth -= 1
        source = self._name_or_scope if isinstance(self._name_or_scope, tf_scopes.VariableScope) else parent
        inherited = _origins.get(id(source))
        if self._reuse:
            _origins[id(scope)] = (scope, f"given to the scope '{scope.name}'", place)
        elif scope.reuse and inherited:
            _origins[id(scope)] = (scope, *inherited[1:])
        _note(_tell_scope, scope.name, scope.reuse, _origins.get(id(scope)), place)
        return scope

    return __enter__


def _enter_name_scope(original: Any) -> Any:
    def __enter__(self: Any) -> Any:  # noqa: N807
        name = original(self)
        # TensorFlow opens name scopes of its own in nearly every op; only the program's are noted.
        if not _here.depth and not _is_internal(sys._getframe(1).f_code.co_filename):
            because = "prefixes ops and tf.Variable; get_variable does not look at it"
            _note(_tell, "name_scope", (name or "").rstrip("/"), "opened", because, _caller())
        return name

    return __enter__


def _reuse_variables(original: Any) -> Any:
    def reuse_variables(self: Any) -> None:
        place = _caller()
        original(self)
        _origins[id(self)] = (self, f"set by reuse_variables() on the scope '{self.name}'", place)
        because = "until this scope's block ends, and wherever the scope object is opened again"
        _note(_tell, "reuse_variables", self.name, "set", because, place)

    return reuse_variables


def _wrap() -> None:
    from tensorflow.python.framework import ops
    from tensorflow.python.ops import ref_variable, resource_variable_ops, variable_scope

    for owner, name, wrapper in (
        (variable_scope.VariableScope, "get_variable", _get_variable),
        (variable_scope.VariableScope, "reuse_variables", _reuse_variables),
        (variable_scope.variable_scope, "__enter__", _enter_variable_scope),
        (ops.name_scope_v1, "__enter__", _enter_name_scope),
        (ops.name_scope_v2, "__enter__", _enter_name_scope),
        (resource_variable_ops.ResourceVariable, "__init__", _variable),
        (ref_variable.RefVariable, "__init__", _variable),
    ):
        original = owner.__dict__[name]
        _wrapped.append((owner, name, original))
        setattr(owner, name, functools.wraps(original)(wrapper(original)))


def _unwrap() -> None:
    while _wrapped:
        owner, name, original = _wrapped.pop()
        setattr(owner, name, original)
    _origins.clear()
