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
from functools import cached_property
from itertools import compress, count
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
CALLS = frozenset(_TYPES[_CALL].split())
_WRITES = re.compile(r"Assign|(Resource)?Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)|(Resource)?StridedSliceAssign")
_APPLIES = re.compile(r"(Resource)?(Sparse)?Apply[A-Z]")
_GRADIENT = re.compile(r"(?:^|/)(?:gradients(?:_\d+)?|gradient_tape)/")
_BACKWARD = re.compile(r"__backward_|_grad_(?:body|cond|true|false|\d)")
_SAVES = frozenset({"TensorListPushBack", "OptionalFromValue", "StackPushV2"})  # for the gradient of a loop
_PENALTIES = frozenset({"Square", "Abs", "Pow", "Mul"})
_REDUCTIONS = frozenset({"Sum", "Mean", "Max", "Min"})
# What becomes of a result: the ways in which the ops behind it use it.
_ESCAPES, _DERIVES, _GRADS, _WRITTEN, _APPLIED, _LOGGED, _ENDS, _REDUCED = (1 << i for i in range(8))
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

    __slots__ = ("born", "depth", "fate", "parents", "pure", "type")

    def __init__(self, type_: str, depth: int, born: int, pure: bool) -> None:
        self.type, self.depth, self.born, self.pure, self.fate = type_, depth, born, pure, 0
        self.parents: list[_Result] = []


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


class Flow:
    """Follows the variables through one graph: `visit` it, then ask for its `reads`."""

    def __init__(self, library: Callable[[str], Body | None]) -> None:
        """Take the functions that ops may call, by their names."""
        self.library, self.budget = library, _BUDGET
        self.codes = {kind: code for code, kinds in _TYPES.items() for kind in kinds.split()}
        self.found: list[tuple[int, Read, _Result | None]] = []
        self.again = False  # whether a read may have been found twice, or out of order
        self.results: list[_Result] = []
        self.handed: list[tuple[int, Read, _Alias]] = []
        self.assigned: dict[str, list[tuple[_Visit, str]]] = {}
        self.traces: dict[str, str] = {}

    def visit(self, body: Body, seeds: Mapping[str, str], entry: bool = False) -> None:
        """Follow the variables in `body`; seeds says which tensor is which variable."""
        self.again = self.again or entry or bool(self.found)
        watch: _Watch = {tensor: _Alias((variable,)) for tensor, variable in seeds.items()}
        _Visit(self, body, watch, _Where(functions=(body.prefix,), entry=entry)).run()

    def code(self, kind: str) -> int:
        """Return what the type of an op says about it."""
        if kind not in self.codes:
            if _WRITES.match(kind):
                code = _WRITE
            elif _APPLIES.match(kind):
                code = _APPLY
            elif "Summary" in kind:
                code = _QUIET
            else:
                code = _CALL if self.library(kind) else _FORWARD
            self.codes[kind] = code
        return self.codes[kind]

    def reads(self, counters: frozenset[str] = frozenset()) -> tuple[Read, ...]:
        """Return every read in the order of the reading ops, now that it is known what became of each result.

        counters are the integer scalars: one that the graph adds to is a step, and what reads it no layer.
        """
        self._settle()
        applied = {read.variable for _, read, _ in self.found if read.role == "optimizer"}
        trained = {v for v in self.assigned.keys() - applied if self._trained(v)}
        self.assigned.clear()  # each visit in it knows this flow, a circle that the collector would have to find
        roles = [self._role(read, result, trained) if result else read.role for _, read, result in self.found]
        steps = set()
        for (_, read, _), role in zip(self.found, roles, strict=True):
            if read.variable in counters and role == "bookkeeping" and read.type.startswith(("AssignAdd", "Add")):
                steps.add(read.variable)
        forward = {read.variable for (_, read, _), role in zip(self.found, roles, strict=True) if role == "forward"}
        found: list[tuple[int, Read]] = []
        own = applied - forward
        for (order, read, result), role in zip(self.found, roles, strict=True):
            if role == "penalty":  # of a variable that nothing else reads it is no penalty but the program
                role = "regularizer" if read.variable in forward else "forward"
            elif role == "forward" and read.variable in steps:
                role = "bookkeeping"
            elif result and role == "bookkeeping" and read.variable in own:
                role = "optimizer"  # its powers and rates
            found.append((order, read if read.role == role else read._replace(role=role)))
        for order, read, alias in self.handed:
            if not alias.used and read.variable not in forward:
                found.append((order, read))
        if self.again or len(found) > len(self.found):
            found.sort(key=itemgetter(0))
        every = map(itemgetter(1), found)
        return tuple(dict.fromkeys(every) if self.again else every)

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

    def _role(self, read: Read, result: _Result, trained: set[str]) -> str:
        """Return the role of a read whose result has been followed."""
        if not result.fate & (_ESCAPES | _GRADS | _ENDS):
            by_assign = read.variable in trained and not read.op.count("MovingAv")
            return "optimizer" if result.fate & _APPLIED or by_assign else "bookkeeping"
        alone = result.type in _PENALTIES and result.pure and not result.parents
        return "penalty" if alone and result.fate & _REDUCED and not result.fate & _ESCAPES else "forward"

    def _trained(self, variable: str) -> bool:
        """Whether a gradient is among the tensors of which the variable's new value is made, not far away."""
        for visit, tensor in self.assigned[variable]:
            todo, seen = [tensor], set[str]()
            while todo and len(seen) < _NEAR:
                name = todo.pop(0).partition(":")[0]
                if name not in seen and visit.in_gradient(name):
                    return True
                if name not in seen and name in visit.index:
                    todo += [given for given in visit.body.given(visit.index[name]) if given[0] != "^"]
                seen.add(name)
        return False


class _Visit:
    """One way through one body. A function is visited anew for each call that a variable enters."""

    def __init__(self, flow: Flow, body: Body, watch: _Watch, where: _Where) -> None:
        """Take the tensors that are known to be variables in `watch`."""
        self.flow, self.body, self.watch, self.where = flow, body, watch, where

    @cached_property
    def index(self) -> dict[str, int]:
        """Which op has which name; made for the few who ask."""
        return {name: op for op, name in enumerate(self.body.names)}

    def run(self) -> list[_Alias | None]:
        """Follow the variables; return what the function returns, as far as it is a variable."""
        watch, ops, taken = self.watch, len(self.body.names), 0
        # Ops mostly stand behind those that they read, but not in the loops and conditionals of TensorFlow 1: a turn
        # takes the inputs that were not known yet when the turn before passed by.
        for turn in range(_TURNS):
            base, before, fresh = 0, (turn - 1) * ops, False
            for piece, ends in zip(self.body.inputs, self.body.ends, strict=True):
                end = 0
                # Looked up as the loop goes on, for each op may add to `watch`.
                for at in compress(count(), map(watch.__contains__, piece)):
                    if at < end:
                        continue
                    index = bisect_left(ends, at)
                    op = base + index
                    if turn and watch[piece[at]].born <= before + op:
                        continue
                    end = ends[index]
                    inputs = piece[ends[index - 1] + 1 if index else 0 : end]
                    hits = [(k, watch[given]) for k, given in enumerate(inputs) if given in watch]
                    if turn:
                        hits = [hit for hit in hits if hit[1].born > before + op]
                    taken += len(hits)
                    self.op(op, inputs, hits, turn * ops + op)
                    fresh, self.flow.again = True, self.flow.again or turn > 0
                base += len(ends)
            if not fresh or taken == sum(sum(map(watch.__contains__, piece)) for piece in self.body.inputs):
                break
        returned: list[_Alias | None] = []
        for value in map(watch.get, self.body.returns):
            if isinstance(value, _Result):
                value.fate |= _ESCAPES
            elif value:
                value.used = True
            returned.append(value if isinstance(value, _Alias) else None)
        return returned

    def op(self, op: int, inputs: list[str], hits: _Hits, now: int) -> None:
        """Take one op of which some inputs are variables, or made of them."""
        name, kind, where = self.body.names[op], self.body.types[op], self.where
        code = self.flow.codes.get(kind, -1)
        if code < 0:
            code = self.flow.code(kind)
        if code <= _JOIN:
            if code == _CALL:
                hits = self.call(op, hits, now)
            elif code == _PASS or "/ConcatPartitions/" in name:
                hits = self.hand_on(op, inputs, hits, now)
            if not hits:
                return
        result = None
        if where.gradient or kind in _SAVES or ("grad" in name and self.in_gradient(name)):
            role, use = "gradient", _GRADS
        elif code >= _ARITHMETIC and (kind == "L2Loss" or "/Regularizer/" in name):
            role, use = "regularizer", _ESCAPES
        elif code == _ARITHMETIC and (result := self.result(name, kind, inputs, hits, now)):
            role, use = "", _DERIVES
        elif code == _WRITE:
            role, use = "bookkeeping", _WRITTEN
            at, target = hits[0]
            if at == 0 and isinstance(target, _Alias):
                self.watch.setdefault(name, _Alias(target.variables, target.branch, now))  # a ref's Assign returns it
                for variable in target.variables:
                    self.flow.assigned.setdefault(variable, []).append((self, inputs[1] if len(inputs) > 1 else ""))
        elif code == _APPLY:
            role, use = "optimizer", _APPLIED
        elif code == _QUIET:
            role, use = "bookkeeping", _LOGGED
        else:
            role, use = "forward", _ESCAPES
        order = where.order if where.order >= 0 else op
        full = self.body.prefix + name
        seen: list[str] = []  # an op may take one variable twice
        for _, value in hits:
            if isinstance(value, _Result):
                value.fate |= use
                continue
            value.used = True
            for variable in value.variables:
                if variable not in seen:
                    seen.append(variable)
                    mine = "optimizer" if "update_" in name and f"update_{variable}/" in name else role
                    read = _new(Read, (variable, full, mine, kind, where.via, where.branch + value.branch))
                    self.flow.found.append((order, read, result))

    def in_gradient(self, name: str) -> bool:
        """Whether the op was made by `tf.gradients`, whose scope may bear another name: ``g/dense/MatMul_grad/mul``."""
        if name.startswith("gradients/") or _GRADIENT.search(name):
            return True
        stem = name.rpartition("_grad/")[0]
        for _ in range(min(stem.count("/"), 40)):
            stem = stem.partition("/")[2]
            if stem in self.index:
                return True
        return False

    def hand_on(self, op: int, inputs: list[str], hits: _Hits, now: int) -> _Hits:
        """Hand the value on to the op's outputs; return the hits that are used otherwise (a Switch's predicate)."""
        name, kind, watch = self.body.names[op], self.body.types[op], self.watch
        switch, merge = "Switch" in kind, "Merge" in kind or "Concat" in kind
        outputs: dict[str, list[_Alias | _Result]] = {}
        for at, value in hits:
            if kind == "IdentityN" or not at or merge:
                outputs.setdefault(f"{name}:{at}" if at and not merge else name, []).append(value)
        if switch and name in outputs:
            outputs[name + ":1"] = outputs[name]
        for output, values in outputs.items():
            aliases = [value for value in values if isinstance(value, _Alias)]
            result = None if aliases else self.result(output, kind, inputs if merge else [], hits, now)
            for value in values:
                if isinstance(value, _Result):
                    value.fate |= _DERIVES if result else _ESCAPES
                else:
                    value.used = True
            old = watch.get(output)
            known = old.variables if isinstance(old, _Alias) else ()
            new = tuple(dict.fromkeys((*known, *(v for alias in aliases for v in alias.variables))))
            if new == known:
                continue
            branch = () if merge else aliases[0].branch
            if switch:
                branch += (("/".join((*self.where.via, *inputs[1:2])), int(output != name)),)
            watch[output] = handed = _Alias(new, branch, now)
            for variable in new if kind == "Identity" else ():
                if not name.startswith(variable + "/"):
                    read = Read(variable, self.body.prefix + name, "forward", kind, self.where.via, branch)
                    self.flow.handed.append((self.where.order if self.where.order >= 0 else op, read, handed))
        return [hit for hit in hits if hit[0]] if switch else []

    def result(self, name: str, kind: str, inputs: list[str], hits: _Hits, now: int) -> _Result | None:
        """Return the value that arithmetic makes of `hits`, to be followed; None where that has gone on too long."""
        parents = [value for _, value in hits if isinstance(value, _Result)]
        depth = 1 + max((parent.depth for parent in parents), default=0)
        if depth > _DEPTH:
            return None
        result = self.watch.get(name)
        if not isinstance(result, _Result):
            # The axes of a sum and the exponent of a power are no data.
            data = inputs[:1] if kind in _REDUCTIONS or kind == "Pow" else inputs
            pure = all(given in self.watch or given[0] == "^" for given in data)
            self.watch[name] = result = _Result(kind, depth, now, pure)
            self.flow.results.append(result)
        result.pure = result.pure and all(parent.pure for parent in parents)
        result.parents += parents
        return result

    def call(self, op: int, hits: _Hits, now: int) -> _Hits:
        """Follow the arguments into the functions that the op calls; return the hits that enter none."""
        name, kind, where, flow = self.body.names[op], self.body.types[op], self.where, self.flow
        first = 1 if "If" in kind or "Case" in kind else 0  # the predicate stands before the arguments
        callees = [(function, flow.library(function)) for function in self.body.callees.get(op, (kind,))]
        if len(where.via) >= _NESTED or not all(callee for _, callee in callees):
            return hits
        for side, (function, callee) in enumerate(callees):
            # Signatures are many doors to one model: what lies behind two of them, or was traced twice, counts once.
            wrapper = where.entry and "signature_wrapper" in function
            trace = re.sub(r"_\d+$", "", function)
            if where.entry and not wrapper and flow.traces.setdefault(trace, function) != function:
                continue
            arguments: _Watch = {}
            for at, value in hits:
                if isinstance(value, _Alias) and callee and first <= at < first + len(callee.arguments):
                    value.used = True
                    arguments[callee.arguments[at - first]] = _Alias(value.variables, value.branch)
            if not arguments or not callee or function in where.functions:
                continue
            flow.budget -= 1000 + sum(map(len, callee.inputs))
            if flow.budget < 0:
                raise ScopekitError("its functions call one another in too many ways to follow")
            call = self.body.prefix + name
            inner = _Where(
                () if where.entry else (*where.via, f"{call}/branch_{side}" if first else call),
                (*where.functions, function),
                (*where.branch, ("/".join((*where.via, call)), side)) if first else where.branch,
                where.order if where.order >= 0 else op,
                where.gradient or bool(_GRADIENT.search(name + "/") or _BACKWARD.search(function)),
                wrapper,
            )
            for at, returned in enumerate(_Visit(flow, callee, arguments, inner).run()):
                output = f"{name}:{at}" if at else name
                if returned and output not in self.watch:
                    self.watch[output] = _Alias(returned.variables, returned.branch, now)
        return [hit for hit in hits if hit[0] < first or isinstance(hit[1], _Result)]
