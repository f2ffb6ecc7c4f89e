"""Ops and their inputs -> who reads which variable, and in which role.

In: a `Body` (the ops of a graph) and its library of functions, as `scopekit.readers` found them. Out: the reads of a
`ScopeGraph`. A variable is followed from its own op through every op that hands the same value on: ``ReadVariableOp``,
``Identity``, ``Enter``, ``Switch``, the arguments of functions. The first op that makes something else of it reads it.

The role of that op is told by its type and its scope where these suffice (``Assign``, ``ApplyAdam``, ``gradients/…``).
Arithmetic alone says nothing (``mul`` may scale an activation, a moving average or a weight decay), so its results are
followed too: an op whose results end in assignments only is an update, one that is reduced and added to the loss a
penalty, and one that meets a gradient, a layer or nobody at all is forward.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from scopekit.graph import Read, ScopekitError

_PASS, _CALL, _JOIN, _WRITE, _APPLY, _QUIET, _ARITHMETIC, _FORWARD = range(8)
_TYPES = {
    _PASS: "Identity RefIdentity IdentityN ReadVariableOp Enter RefEnter Exit RefExit Switch RefSwitch Merge RefMerge"
    " NextIteration RefNextIteration StopGradient PreventGradient CheckNumerics Snapshot Print",
    _CALL: "PartitionedCall StatefulPartitionedCall While StatelessWhile If StatelessIf Case StatelessCase",
    _JOIN: "Concat ConcatV2",
    _QUIET: "Save SaveV2 SaveSlices IsVariableInitialized VarIsInitializedOp DestroyResourceOp DisableCopyOnRead Assert"
    " PrintV2 Shape ShapeN Size Rank VariableShape ZerosLike OnesLike BroadcastGradientArgs",
    _ARITHMETIC: "Abs Add AddN AddV2 Cast Ceil ClipByValue Div DivNoNan Equal Exp Floor FloorDiv FloorMod Greater"
    " GreaterEqual IsFinite Less LessEqual Log LogicalAnd LogicalNot LogicalOr Max Maximum Mean Min Minimum Mod Mul"
    " MulNoNan Neg Pow Prod RealDiv Reciprocal Round Rsqrt Select SelectV2 Sign Sqrt Square SquaredDifference Sub Sum"
    " TruncateDiv",
}
_WRITES = re.compile(r"Assign|(Resource)?Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)|(Resource)?StridedSliceAssign")
_APPLIES = re.compile(r"(Resource)?(Sparse)?Apply[A-Z]")
_SAVES = frozenset({"TensorListPushBack", "OptionalFromValue", "StackPushV2"})  # for the gradient of a loop
_GRADIENT = re.compile(r"(?:^|/)(?:gradients(?:_\d+)?|gradient_tape)/")
_BACKWARD = re.compile(r"__backward_|_grad_(?:body|cond|true|false|\d)")
_UID = re.compile(r"_\d+$")
_WRAPPER = "signature_wrapper"
_PENALTIES = frozenset({"Square", "Abs", "Pow", "Mul"})
_REDUCTIONS = frozenset({"Sum", "Mean", "Max", "Min"})
# What becomes of a result: the ways in which the ops behind it use it.
_ESCAPES, _DERIVES, _GRADS, _WRITTEN, _APPLIED, _LOGGED, _ENDS, _REDUCED = (1 << i for i in range(8))
_LEAVES = _ESCAPES | _GRADS | _ENDS
_TURNS, _DEPTH, _NESTED, _NEAR, _BUDGET = 64, 24, 64, 200, 20_000_000

_Branch = tuple[tuple[str, int], ...]
_new = tuple.__new__  # a third of the time of Read(…)


@dataclass(slots=True)
class Body:
    """The ops of one graph or function, column by column, which costs a tenth of an object for each."""

    names: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    inputs: list[list[str]] = field(default_factory=list)
    """In pieces: the inputs of one op after the other, an empty string behind those of each op."""
    ends: list[list[int]] = field(default_factory=list)
    """For each piece, where its empty strings are."""
    callees: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """The functions that an op calls, by its index."""
    prefix: str = ""
    """``function/`` for the ops of a function."""
    arguments: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()

    def given(self, op: int) -> list[str]:
        """Return the inputs of one op."""
        for piece, ends in zip(self.inputs, self.ends, strict=True):
            if op < len(ends):
                return piece[ends[op - 1] + 1 if op else 0 : ends[op]]
            op -= len(ends)
        return []


class _Alias:
    """A tensor that is the variable: its handle, its reference or its value."""

    __slots__ = ("born", "branch", "used", "variables")

    def __init__(self, variables: tuple[str, ...], branch: _Branch = (), born: int = -1) -> None:
        self.variables, self.branch, self.born, self.used = variables, branch, born, False


class _Result:
    """A tensor made of variables by arithmetic alone; what becomes of it says which role the arithmetic has."""

    __slots__ = ("body", "born", "boss", "depth", "fate", "foreign", "parents", "pure", "type")

    def __init__(self, body: Body, type_: str, depth: int, born: int) -> None:
        self.body, self.type, self.depth, self.born, self.fate, self.boss = body, type_, depth, born, 0, self
        self.parents: list[_Result] = []
        self.foreign: list[str] = []
        self.pure = True


class _Where(NamedTuple):
    """The way that leads to a body: nothing for the graph itself, the call ops for a function."""

    via: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    branch: _Branch = ()
    order: int = -1
    """The index of the outermost call op, by which the reads inside are sorted."""
    gradient: bool = False
    entry: bool = False
    """Whether the calls from here are the entries of a SavedModel: its functions are what runs, each for itself."""


_Watch = dict[str, _Alias | _Result]
_Hits = list[tuple[int, _Alias | _Result]]


class _Codes(dict[str, int]):
    """What the type of an op says about it."""

    def __init__(self, library: Callable[[str], Body | None]) -> None:
        super().__init__((kind, code) for code, kinds in _TYPES.items() for kind in kinds.split())
        self.library = library

    def __missing__(self, kind: str) -> int:
        if _WRITES.match(kind):
            code = _WRITE
        elif _APPLIES.match(kind):
            code = _APPLY
        elif "Summary" in kind:
            code = _QUIET
        else:
            code = _CALL if self.library(kind) else _FORWARD
        self[kind] = code
        return code


class Flow:
    """Follows the variables through one graph. `visit` once, then `reads`."""

    def __init__(self, library: Callable[[str], Body | None]) -> None:
        """Take the functions that ops may call, by their names."""
        self.library, self.codes, self.budget = library, _Codes(library), _BUDGET
        self.found: list[tuple[int, Read, _Result | None]] = []
        self.results: list[_Result] = []
        self.handed: list[tuple[int, str, _Where, _Alias]] = []
        self.indices: dict[str, dict[str, int]] = {}
        self.again = False  # whether a read may have been found twice, or out of order
        self.traces: dict[str, str] = {}

    def visit(self, body: Body, seeds: Mapping[str, str], entry: bool = False) -> None:
        """Follow the variables in `body`; seeds says which tensor is which variable."""
        watch: _Watch = {tensor: _Alias((variable,)) for tensor, variable in seeds.items()}
        self.again = self.again or entry or bool(self.found)
        self._visit(body, watch, _Where(functions=(body.prefix,), entry=entry))

    def _visit(self, body: Body, watch: _Watch, where: _Where) -> list[_Alias | None]:
        """Return what the function returns, as far as it is a variable."""
        count = len(body.names)
        # Ops mostly stand behind those that they read, but not in the loops and conditionals of TensorFlow 1: a turn
        # takes the inputs that were not known yet when the turn before passed by.
        for turn in range(_TURNS):
            base, before, fresh = 0, (turn - 1) * count, False
            for piece, ends in zip(body.inputs, body.ends, strict=True):
                end = 0
                for at, name in enumerate(piece):
                    if name not in watch or at < end:
                        continue
                    index = bisect_left(ends, at)
                    op = base + index
                    if turn and watch[name].born <= before + op:
                        continue
                    end = ends[index]
                    inputs = piece[ends[index - 1] + 1 if index else 0 : end]
                    hits = [(k, watch[given]) for k, given in enumerate(inputs) if given in watch]
                    if turn:
                        hits = [hit for hit in hits if hit[1].born > before + op]
                    self._op(body, where, watch, op, inputs, hits, turn * count + op)
                    fresh, self.again = True, self.again or turn > 0
                base += len(ends)
            if not fresh:
                break
        returned: list[_Alias | None] = []
        for value in map(watch.get, body.returns):
            if isinstance(value, _Result):
                value.fate |= _ESCAPES
            elif value:
                value.used = True
            returned.append(value if isinstance(value, _Alias) else None)
        return returned

    def _op(self, body: Body, where: _Where, watch: _Watch, op: int, inputs: list[str], hits: _Hits, now: int) -> None:
        """Take one op of which some inputs are variables, or made of them."""
        name, kind = body.names[op], body.types[op]
        code = self.codes[kind]
        if code <= _JOIN:
            if code == _CALL:
                hits = self._call(body, where, watch, op, hits, now)
            elif code == _PASS or "/ConcatPartitions/" in name:
                hits = self._pass(body, where, watch, op, inputs, hits, now)
            if not hits:
                return
        result = None
        if where.gradient or kind in _SAVES or ("grad" in name and self._in_gradient(body, name)):
            role, use = "gradient", _GRADS
        elif code >= _ARITHMETIC and ("/Regularizer/" in name or kind == "L2Loss"):
            role, use = "regularizer", _ESCAPES
        elif code == _ARITHMETIC and (result := self._result(body, watch, name, kind, inputs, hits, now)):
            role, use = "", _DERIVES
        elif code == _WRITE:
            role, use = "bookkeeping", _WRITTEN
            target = hits[0][1]
            if hits[0][0] == 0 and isinstance(target, _Alias) and name not in watch:
                watch[name] = _Alias(target.variables, target.branch, now)  # an Assign returns the reference
        elif code == _APPLY:
            role, use = "optimizer", _APPLIED
        elif code == _QUIET:
            role, use = "bookkeeping", _LOGGED
        else:
            role, use = "forward", _ESCAPES
        order = where.order if where.order >= 0 else op
        full = body.prefix + name
        seen: list[str] = []  # an op may take one variable twice
        for _, value in hits:
            if isinstance(value, _Result):
                value.fate |= use
                continue
            value.used = True
            for variable in value.variables:
                if variable in seen:
                    continue
                seen.append(variable)
                mine = role
                if "update_" in name and f"update_{variable}/" in name:
                    mine = "optimizer"
                branch = where.branch + value.branch if where.branch else value.branch
                self.found.append((order, _new(Read, (variable, full, mine, kind, where.via, branch)), result))

    def _in_gradient(self, body: Body, name: str) -> bool:
        """Whether the op was made by `tf.gradients`, whose scope may bear another name: ``g/dense/MatMul_grad/mul``."""
        if name.startswith("gradients/") or _GRADIENT.search(name):
            return True
        stem = name.rpartition("_grad/")[0]
        for _ in range(min(stem.count("/"), 40)):
            stem = stem.partition("/")[2]
            if stem in self._index(body):
                return True
        return False

    def _index(self, body: Body) -> dict[str, int]:
        if body.prefix not in self.indices:
            self.indices[body.prefix] = {name: op for op, name in enumerate(body.names)}
        return self.indices[body.prefix]

    def _pass(
        self, body: Body, where: _Where, watch: _Watch, op: int, inputs: list[str], hits: _Hits, now: int
    ) -> _Hits:
        """Hand the value on to the op's outputs; return the hits that are used otherwise (a Switch's predicate)."""
        name, kind = body.names[op], body.types[op]
        switch, merge = "Switch" in kind, "Merge" in kind or self.codes[kind] == _JOIN
        outputs: dict[str, list[_Alias | _Result]] = {}
        for at, value in hits:
            if kind == "IdentityN" or not at or merge:
                outputs.setdefault(f"{name}:{at}" if at and not merge else name, []).append(value)
        if switch and name in outputs:
            outputs[name + ":1"] = outputs[name]
        for output, values in outputs.items():
            aliases = [value for value in values if isinstance(value, _Alias)]
            result = None if aliases else self._result(body, watch, output, kind, inputs if merge else [], hits, now)
            for value in values:
                if isinstance(value, _Result):
                    value.fate |= _DERIVES if result else _ESCAPES
                else:
                    value.used = True
            old = watch.get(output)
            known = old.variables if isinstance(old, _Alias) else ()
            new = tuple(dict.fromkeys((*known, *(v for alias in aliases for v in alias.variables))))
            if new != known:
                branch = () if merge else aliases[0].branch
                if switch:
                    condition = "/".join((*where.via, *inputs[1:2]))
                    branch += ((condition, int(output != name)),)
                watch[output] = handed = _Alias(new, branch, now)
                if kind == "Identity":
                    self.handed.append((where.order if where.order >= 0 else op, body.prefix + name, where, handed))
        return [hit for hit in hits if hit[0]] if switch else []

    def _result(
        self, body: Body, watch: _Watch, name: str, kind: str, inputs: list[str], hits: _Hits, now: int
    ) -> _Result | None:
        """Return the value that arithmetic makes of `hits`, to be followed; None where that has gone on too long."""
        parents = [value for _, value in hits if isinstance(value, _Result)]
        depth = 1 + max((parent.depth for parent in parents), default=0)
        if depth > _DEPTH:
            return None
        result = watch.get(name)
        if not isinstance(result, _Result):
            watch[name] = result = _Result(body, kind, depth, now)
            self.results.append(result)
            result.foreign = [given for given in inputs if given not in watch and given[0] != "^"]
            # The axes of a sum and the exponent of a power are no data.
            result.pure = not result.foreign or ((kind in _REDUCTIONS or kind == "Pow") and inputs[0] in watch)
        result.pure = result.pure and all(parent.pure for parent in parents)
        result.parents += parents
        return result

    def _call(self, body: Body, where: _Where, watch: _Watch, op: int, hits: _Hits, now: int) -> _Hits:
        """Follow the arguments into the functions that the op calls; return the hits that enter none."""
        name, kind = body.names[op], body.types[op]
        first = 1 if "If" in kind or "Case" in kind else 0  # the predicate stands before the arguments
        callees = [(function, self.library(function)) for function in body.callees.get(op, (kind,))]
        if len(where.via) >= _NESTED or not all(callee for _, callee in callees):
            return hits
        entering = [(at - first, value) for at, value in hits if at >= first and isinstance(value, _Alias)]
        for side, (function, callee) in enumerate(callees):
            if callee is None or function in where.functions:
                continue
            self.budget -= 1000 + sum(map(len, callee.inputs))
            if self.budget < 0:
                raise ScopekitError("its functions call one another in too many ways to follow")
            arguments: _Watch = {}
            for at, value in entering:
                value.used = True
                if at < len(callee.arguments):
                    arguments[callee.arguments[at]] = _Alias(value.variables, value.branch)
            if not arguments:
                continue
            # Signatures are many doors to one model: what lies behind two of them, or was traced twice, counts once.
            trace = _UID.sub("", function)
            if where.entry and self.traces.setdefault(trace, function) != function and _WRAPPER not in function:
                continue
            call = body.prefix + name + (f"/branch_{side}" if first else "")
            inner = _Where(
                () if where.entry else (*where.via, call),
                (*where.functions, function),
                (*where.branch, ("/".join((*where.via, name)), side)) if first else where.branch,
                where.order if where.order >= 0 else op,
                where.gradient or bool(_GRADIENT.search(name + "/") or _BACKWARD.search(function)),
                where.entry and _WRAPPER in function,
            )
            for at, returned in enumerate(self._visit(callee, arguments, inner)):
                output = f"{name}:{at}" if at else name
                if returned and output not in watch:
                    watch[output] = _Alias(returned.variables, returned.branch, now)
        return [hit for hit in hits if hit[0] < first or isinstance(hit[1], _Result)]

    def reads(self) -> tuple[Read, ...]:
        """Return every read, in the order of the reading ops, now that it is known what became of each result."""
        self._settle()
        updates = self._updates()
        trained = {read.variable for _, read, _ in self.found if read.role == "optimizer"}
        roles = [read.role or self._role(read, result, updates) for _, read, result in self.found]
        forward = {read.variable for (_, read, _), role in zip(self.found, roles, strict=True) if role == "forward"}
        found: list[tuple[int, Read]] = []
        for (order, read, _), role in zip(self.found, roles, strict=True):
            if not read.role:
                if role == "penalty":  # of a variable that nothing else reads it is no penalty but the program
                    role = "regularizer" if read.variable in forward else "forward"
                elif role == "bookkeeping" and read.variable in trained and read.variable not in forward:
                    role = "optimizer"  # the powers and the step of the optimizer
                read = read._replace(role=role)
            found.append((order, read))
        for order, op, where, alias in self.handed:
            for variable in alias.variables if not alias.used else ():
                if variable not in forward and not op.startswith(variable + "/"):
                    found.append((order, Read(variable, op, "forward", "Identity", where.via, where.branch)))
        if self.again or self.handed:
            found.sort(key=itemgetter(0))
        reads = map(itemgetter(1), found)
        return tuple(dict.fromkeys(reads) if self.again else reads)

    def _settle(self) -> None:
        """Tell each result what becomes of the results that are made of it."""
        for result in self.results:
            if not result.fate & ~_LOGGED and not (result.fate and result.pure):
                result.fate |= _ENDS
            if result.type in _REDUCTIONS:
                result.fate |= _REDUCED
        todo = list(self.results)
        while todo:
            result = todo.pop()
            for parent in result.parents:
                if result.fate & ~_DERIVES & ~parent.fate:
                    parent.fate |= result.fate & ~_DERIVES
                    todo.append(parent)

    def _updates(self) -> set[_Result]:
        """Return the results that belong to an update which takes in a gradient."""
        mine = {result: None for result in self.results if not result.fate & _LEAVES and result.fate & _WRITTEN}
        for result in mine:
            for parent in result.parents:
                if parent in mine:
                    _boss(parent).boss = _boss(result)
        taking = {_boss(r) for r in mine if any(self._from_gradient(r.body, name) for name in r.foreign)}
        return {result for result in mine if _boss(result) in taking}

    def _from_gradient(self, body: Body, tensor: str) -> bool:
        """Whether a gradient is among the tensors from which this one was made, not far away."""
        index = self._index(body)
        todo, seen = [tensor], set[str]()
        while todo and len(seen) < _NEAR:
            name = todo.pop(0).partition(":")[0]
            if name in seen:
                continue
            seen.add(name)
            if self._in_gradient(body, name):
                return True
            if name in index:
                todo += [given for given in body.given(index[name]) if given[0] != "^"]
        return False

    def _role(self, read: Read, result: _Result | None, updates: set[_Result]) -> str:
        """Return the role of a read whose result has been followed."""
        assert result
        if not result.fate & _LEAVES:
            update = result in updates and "MovingAv" not in read.op
            return "optimizer" if update or result.fate & _APPLIED else "bookkeeping"
        alone = result.type in _PENALTIES and result.pure and not result.parents
        return "penalty" if alone and result.fate & _REDUCED and not result.fate & _ESCAPES else "forward"


def _boss(result: _Result) -> _Result:
    """Return the one result that stands for all that are joined with this one."""
    while result.boss is not result:
        result.boss = result = result.boss.boss
    return result
