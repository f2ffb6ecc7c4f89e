"""Ops and their inputs -> who reads which variable, and in which role.

In: a `Body` (the ops of a graph) and its library of functions, as `scopekit.readers` found them. Out: the reads of a
`ScopeGraph`. A variable is followed from its own op through every op that hands the same value on: ``ReadVariableOp``,
``Identity``, ``Enter``, ``Switch``, the arguments of functions. The first op that makes something else of it reads it.

What becomes of arithmetic on variables is followed too, for that tells its role: `scopekit.roles`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress, count
from typing import NamedTuple

from scopekit.graph import Read, ScopekitError
from scopekit.roles import (
    APPLIED,
    DERIVES,
    ESCAPES,
    FIRST,
    GRADS,
    JOINS,
    LOGGED,
    LOOKUPS,
    MERGED,
    MOVES,
    REDUCTIONS,
    SCALES,
    SPLITS,
    SUMS,
    TABLES,
    WRITTEN,
    Alias,
    Branch,
    Evidence,
    Result,
)

_PASS, _CALL, _WRITE, _APPLY, _QUIET, _ARITHMETIC, _FORWARD = range(7)
_TYPES = {
    _PASS: "Identity RefIdentity IdentityN ReadVariableOp Enter RefEnter Exit RefExit Switch RefSwitch Merge RefMerge"
    " NextIteration RefNextIteration StopGradient PreventGradient CheckNumerics Snapshot Print",
    _CALL: "PartitionedCall StatefulPartitionedCall While StatelessWhile If StatelessIf Case StatelessCase",
    _QUIET: "Save SaveV2 SaveSlices IsVariableInitialized VarIsInitializedOp DestroyResourceOp DisableCopyOnRead Assert"
    " PrintV2 Shape ShapeN Size Rank VariableShape ZerosLike OnesLike BroadcastGradientArgs IsFinite IsInf IsNan",
    _ARITHMETIC: "Abs Add AddN AddV2 All Any ArgMax ArgMin Cast Ceil ClipByValue Cos Div DivNoNan Equal"
    " EuclideanNorm Exp Floor FloorDiv FloorMod Greater GreaterEqual L2Loss Less LessEqual Log LogicalAnd LogicalNot"
    " LogicalOr Max Maximum Mean Min Minimum Mod Mul MulNoNan Neg NotEqual Pow Prod RealDiv Reciprocal Round Rsqrt"
    " Select SelectV2 Sign Sin Sqrt Square SquaredDifference Sub Sum TopKV2 TruncateDiv",
}
CALLS = frozenset(_TYPES[_CALL].split())
_OF_CONSTANTS = frozenset(
    {"Add", "AddV2", "Cast", "Fill", "MatrixDiag", "MatrixDiagV3", "Mul", "Sub"}
    | {"RandomStandardNormal", "RandomUniform", "TruncatedNormal"}
)
_WRITES = re.compile(r"Assign|(Resource)?Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)|(Resource)?StridedSliceAssign")
_APPLIES = re.compile(r"(Resource)?(Sparse)?Apply[A-Z]")
_GRADIENT = re.compile(r"(?:^|/)(?:gradients(?:_\d+)?|gradient_tape)/")
_BACKWARD = re.compile(r"__backward_|_grad_(?:body|cond|true|false|\d)")
_SAVES = frozenset({"TensorListPushBack", "OptionalFromValue", "StackPushV2"})  # for the gradient of a loop
_TURNS, _DEPTH, _NESTED, _BUDGET = 64, 24, 64, 20_000_000

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
    effects: tuple[str, ...] = ()
    """The ops that run for what they do, whatever is returned."""

    def given(self, op: int, most: int) -> list[str]:
        """Return the inputs of one op, the first of them where there are many."""
        for piece, ends in zip(self.inputs, self.ends, strict=True):
            if op < len(ends):
                start = ends[op - 1] + 1 if op else 0
                return piece[start : min(ends[op], start + most)]
            op -= len(ends)
        return []


class _Where(NamedTuple):
    """The way that leads to a body: nothing for the graph itself, the call ops for a function."""

    via: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    branch: Branch = ()
    order: int = -1
    """The index of the outermost call op, by which the reads inside are sorted."""
    gradient: bool = False
    entry: bool = False
    """Whether the calls from here are the entries of a SavedModel: its functions are what runs, each for itself."""


_Watch = dict[str, Alias | Result]
_Hits = list[tuple[int, Alias | Result]]


class Flow(Evidence):
    """Follows the variables through one graph: `visit` it, then ask for its `reads`."""

    def __init__(self, library: Callable[[str], Body | None], refs: frozenset[str] = frozenset()) -> None:
        """Take the functions that ops may call, by their names, and which variables are of the ref kind."""
        super().__init__()
        self.library, self.refs, self.budget = library, refs, _BUDGET
        self.leaves = {name.rpartition("/")[2] for name in refs}
        self.codes = {kind: code for code, kinds in _TYPES.items() for kind in kinds.split()}
        self.codes |= dict.fromkeys(MOVES | LOOKUPS, _ARITHMETIC)
        self.traces: dict[str, str] = {}
        self.alive: dict[str, set[str]] = {}
        self.body = Body()
        self.variables: set[str] = set()

    def visit(self, body: Body, seeds: Mapping[str, str], entry: bool = False) -> None:
        """Follow the variables in `body`; seeds says which tensor is which variable."""
        self.again = self.again or entry or bool(self.found)
        watch: _Watch = {tensor: Alias((variable,)) for tensor, variable in seeds.items()}
        self.variables.update(seeds.values())
        self.body = self.body if self.body.names else body
        for value in _Visit(self, body, watch, _Where(functions=(body.prefix,), entry=entry)).run():
            if isinstance(value, Result):
                value.fate |= ESCAPES

    def keeps(self, scope: str) -> bool:
        """Whether nothing that is computed in a scope of the graph is used outside of it."""
        base = 0
        for piece, ends in zip(self.body.inputs, self.body.ends, strict=True):
            for at, tensor in enumerate(piece):
                if tensor.startswith(scope) and not self.body.names[base + bisect_left(ends, at)].startswith(scope):
                    return False
            base += len(ends)
        return True

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


def _inner(name: str) -> Iterator[str]:
    """Yield a name, and what is left of it without its outer scopes; a stranger's may have a million."""
    for _ in range(min(name.count("/") + 1, 40)):
        yield name
        name = name.partition("/")[2]


def _updates(name: str, variable: str, variables: set[str]) -> bool:
    """Whether an op is of an optimizer's update of the variable, or of the variable that this is a slot of.

    A slot's name may begin with a scope that the optimizer was called in: ``optimizer/E/Adam`` for ``E``.
    """
    if f"update_{variable}/" in name:
        return True
    return any(owner in variables and f"update_{owner}/" in name for owner in _inner(variable.rpartition("/")[0]))


def _pure(inputs: list[str], hits: _Hits) -> bool:
    """Whether an op takes nothing but variables, and what is made of nothing else: then its type alone says nothing."""
    if len(hits) < len(inputs) and (inputs[-1][0] != "^" or len(hits) < sum(given[0] != "^" for given in inputs)):
        return False
    return all(isinstance(value, Alias) or value.pure for _, value in hits)


class _Visit:
    """One way through one body. A function is visited anew for each call that a variable enters."""

    def __init__(self, flow: Flow, body: Body, watch: _Watch, where: _Where) -> None:
        """Take the tensors that are known to be variables in `watch`."""
        self.flow, self.body, self.watch, self.where = flow, body, watch, where

    @cached_property
    def index(self) -> dict[str, int]:
        """Which op has which name; made for the few who ask."""
        return {name: op for op, name in enumerate(self.body.names)}

    @cached_property
    def constants(self) -> set[str]:
        """The names of what is made of constants alone, random numbers too; made for the few who ask."""
        base, names, types = 0, self.body.names, self.body.types
        found = set(compress(names, map("Const".__eq__, types)))
        for piece, ends in zip(self.body.inputs, self.body.ends, strict=True):
            for i in compress(count(), map(_OF_CONSTANTS.__contains__, types[base : base + len(ends)])):
                start = ends[i - 1] + 1 if i else 0
                if piece[start] in found and all(name in found or name[0] == "^" for name in piece[start : ends[i]]):
                    found.add(names[base + i])
            base += len(ends)
        return found

    @cached_property
    def alive(self) -> set[str]:
        """The ops of a function on which depends what it returns or does. The others are left out when it runs.

        Keras makes some: a first step of each recurrent layer, to see what comes out of it.
        """
        if self.body.prefix not in self.flow.alive:
            todo, seen = [*self.body.returns, *self.body.effects], set[str]()
            while todo:
                name = todo.pop().removeprefix("^").partition(":")[0]
                todo += self.given(name, len(self.body.names)) if name not in seen else ()
                seen.add(name)
            self.flow.alive[self.body.prefix] = seen
        return self.flow.alive[self.body.prefix]

    @cached_property
    def outputs(self) -> dict[str, set[str]]:
        """The tensors that an op gives besides the first, as far as somebody takes them; made for the few who ask."""
        found: dict[str, set[str]] = {}
        for piece in self.body.inputs:
            for tensor in piece:
                if ":" in tensor:
                    found.setdefault(tensor.partition(":")[0], set()).add(tensor)
        return found

    def run(self) -> list[Alias | Result | None]:
        """Follow the variables; return what the function returns, as far as it is a variable or made of some."""
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
        returned = [watch.get(tensor) for tensor in self.body.returns]
        for value in returned:
            if isinstance(value, Alias):
                value.used = True
        return returned

    def op(self, op: int, inputs: list[str], hits: _Hits, now: int) -> None:
        """Take one op of which some inputs are variables, or made of them."""
        name, kind, where = self.body.names[op], self.body.types[op], self.where
        code = self.flow.codes.get(kind, -1)
        if code < 0:
            code = self.flow.code(kind)
        if code >= _ARITHMETIC and self.body.returns and name not in self.alive:
            return
        if code == _CALL:
            hits = self.call(op, hits, now)
        elif (kind in JOINS and "/ConcatPartitions/" in name) or (
            code == _PASS
            and not name.endswith("/pred_id")
            and not ("AssertGuard" in name and isinstance(hits[0][1], Result))
        ):
            hits = self.hand_on(op, inputs, hits, now)
        if not hits:
            return
        result = None
        if where.gradient or kind in _SAVES or ("grad" in name and self.in_gradient(name)):
            role, use = "gradient", GRADS
        elif self.flow.refs and "_" in name and (copied := self.copied(name, kind)):
            self.flow.copied.add(copied)
            role, use = "bookkeeping", WRITTEN
        elif code >= _ARITHMETIC and "/Regularizer/" in name:
            role, use = "regularizer", ESCAPES
        elif (code == _ARITHMETIC or (code == _FORWARD and _pure(inputs, hits))) and (
            result := self.result(name, kind, inputs, hits, now)
        ):
            role, use = "", DERIVES
        elif code == _WRITE:
            role, use = "bookkeeping", WRITTEN
            (at, target), value = hits[0], inputs[1] if len(inputs) > 1 else ""
            if at == 0 and isinstance(target, Alias):
                self.watch.setdefault(name, Alias(target.variables, target.branch, now))  # a ref's Assign returns it
                if kind.startswith(("AssignAdd", "ScatterAdd", "ResourceScatterAdd")):
                    (self.flow.stepped if value in self.constants else self.flow.summed).update(target.variables)
                for variable in target.variables:
                    self.flow.assigned.setdefault(variable, []).append((self, value, self.body.prefix + name))
        elif code == _APPLY:
            role, use = "optimizer", APPLIED
        elif code == _QUIET or kind == "Print" or "AssertGuard" in name:
            role, use = "bookkeeping", LOGGED
        else:
            role, use = "forward", ESCAPES
        order = where.order if where.order >= 0 else op
        full, table = self.body.prefix + name, result.takers if result else None
        seen: list[str] = []  # an op may take one variable twice
        for at, given in hits:
            if isinstance(given, Result):
                meets = role in ("", "forward") and not (result and result.pure)
                given.fate |= use | (given.meets(kind, at) if meets else 0)
                if given.takers is not None and given.takers is not table and role in ("", "forward"):
                    given.takers.append((order, Read("", full, role, kind, where.via, where.branch)))
                continue
            given.used = True
            if code == _APPLY:
                (self.flow.slots if at else self.flow.targets).update(given.variables)
            for variable in given.variables:
                if variable not in seen:
                    seen.append(variable)
                    mine = role
                    if role != "optimizer" and "update_" in name and _updates(name, variable, self.flow.variables):
                        mine = "optimizer"
                    read = _new(Read, (variable, full, mine, kind, where.via, where.branch + given.branch, ""))
                    self.flow.found.append((order, read, result))

    def in_gradient(self, name: str) -> bool:
        """Whether the op was made by `tf.gradients`, whose scope may bear another name: ``g/dense/MatMul_grad/mul``."""
        if name.startswith("gradients/") or _GRADIENT.search(name):
            return True
        return any(stem in self.index for stem in _inner(name.rpartition("_grad/")[0].partition("/")[2]))

    def near_gradient(self, tensors: list[str], limit: int) -> bool:
        """Whether a gradient is among the tensors of which these are made, not far away."""
        todo, seen = list(tensors), set[str]()
        while todo and len(seen) < limit:
            name = todo.pop(0).partition(":")[0]
            if name not in seen and self.in_gradient(name):
                return True
            if name not in seen:
                todo += [given for given in self.given(name, limit) if given[0] != "^"]
            seen.add(name)
        return False

    def copied(self, name: str, kind: str) -> str:
        """Return the op of which TensorFlow made this copy for a ref variable's initial value: ``MatMul_net/w``."""
        last = name.rfind("/") + 1
        at = name.find("_", 0 if name[last:] in self.flow.leaves else last)
        while at >= 0:
            if name[at + 1 :] in self.flow.refs and name[:at] in self.index:
                return name[:at] if self.body.types[self.index[name[:at]]] == kind else ""
            at = name.find("_", at + 1)
        return ""

    def hand_on(self, op: int, inputs: list[str], hits: _Hits, now: int) -> _Hits:
        """Hand the value on to the op's outputs; return the hits that are used otherwise, as a predicate is."""
        name, kind, watch = self.body.names[op], self.body.types[op], self.watch
        switch, merge = "Switch" in kind, "Merge" in kind or "Concat" in kind
        if "Exit" in kind and self.changed(inputs[0]):
            return []
        outputs: dict[str, list[Alias | Result]] = {}
        for at, value in hits:
            if kind == "IdentityN" or not at or merge:
                outputs.setdefault(f"{name}:{at}" if at and not merge else name, []).append(value)
        if switch and name in outputs:
            outputs[name + ":1"] = outputs[name]
        for output, values in outputs.items():
            aliases = [value for value in values if isinstance(value, Alias)]
            if switch and output != name and not aliases:  # one result, of which either side may be used
                if name in watch:
                    watch.setdefault(output, watch[name])
                continue
            old = watch.get(output)
            known = old.variables if isinstance(old, Alias) else ()
            result = None if aliases or known else self.result(output, kind, inputs if merge else [], hits, now)
            for value in values:
                if isinstance(value, Result):
                    value.fate |= DERIVES if result else MERGED if (aliases or known) and value.pure else ESCAPES
                else:
                    value.used = True
            new = tuple(dict.fromkeys((*known, *(v for alias in aliases for v in alias.variables))))
            if new == known:
                continue
            branch = () if merge else aliases[0].branch
            if switch:
                branch += (("/".join((*self.where.via, *inputs[1:2])), int(output != name)),)
            watch[output] = handed = Alias(new, branch, now)
            for variable in new if kind == "Identity" else ():
                if not name.startswith(variable + "/"):
                    read = Read(variable, self.body.prefix + name, "forward", kind, self.where.via, branch)
                    self.flow.handed.append((self.where.order if self.where.order >= 0 else op, read, handed))
        # What is switched by itself is the predicate of a conditional, which its `pred_id` reads.
        by_itself = len({value.variables for _, value in hits if isinstance(value, Alias)}) < len(hits)
        return [hit for hit in hits if hit[0]] if kind == "Print" or (switch and not by_itself) else []

    def changed(self, switch: str) -> bool:
        """Whether what leaves a loop by this Switch was made by the loop's body, and did not go in as it is."""
        merge = self.given(switch, 1)
        values = self.given(merge[0], 2) if merge else []
        return len(values) > 1 and not self.leads(values[1], merge[0].partition(":")[0])

    def given(self, tensor: str, most: int) -> list[str]:
        """Return the inputs of the op that gives a tensor, the first of them where there are many."""
        op = self.index.get(tensor.partition(":")[0], -1)
        return self.body.given(op, most) if op >= 0 else []

    def leads(self, tensor: str, target: str) -> bool:
        """Whether a tensor is what an op gives, handed on."""
        for _ in range(32):
            name = tensor.partition(":")[0]
            before = self.given(tensor, 1)
            if name == target or not before or self.flow.code(self.body.types[self.index[name]]) != _PASS:
                return name == target
            tensor = before[0]
        return False

    def result(self, name: str, kind: str, inputs: list[str], hits: _Hits, now: int) -> Result | None:
        """Return the value that arithmetic makes of `hits`, to be followed; None where that has gone on too long."""
        parents = [value for _, value in hits if isinstance(value, Result)]
        # A penalty may be added up in as many steps as there are weights.
        depth = (kind not in SUMS) + max((parent.depth for parent in parents), default=0)
        if depth > _DEPTH:
            return None
        result = self.watch.get(name)
        if not isinstance(result, Result):
            # The axes of a sum, the exponent of a power and the place of a slice are no data.
            data = inputs[:1] if kind in FIRST else inputs[1:] if kind == "Split" else inputs
            data = data[:-1] if kind == "ConcatV2" else data
            others = [given for given in data if given not in self.watch and given[0] != "^"]
            self.watch[name] = result = Result(self, name, kind, depth, now, others)
            result.pure = not others or self.constants.issuperset(others)
            if kind in SPLITS or self.flow.codes[kind] == _FORWARD:
                self.watch.update(dict.fromkeys(self.outputs.get(name, ()), result))
            self.flow.results.append(result)
            # A table without its first row, with zeros before it, scaled or under dropout, is still the table.
            kept = kind in SCALES or kind in TABLES or "dropout" in name or self.flow.codes[kind] == _PASS
            if len(parents) < 2 and kind not in LOOKUPS and kept:
                made = all(given.startswith(name + "/") for given in others)
                made = made or "dropout" in name or result.pure
                result.takers = parents[0].takers if parents and made else []
                result.masked = not made or any(parent.masked for parent in parents)
        result.pure = result.pure and all(parent.pure for parent in parents)
        if kind not in REDUCTIONS:
            result.whole = result.whole or any(isinstance(value, Alias) or value.whole for _, value in hits)
            result.inverse = result.inverse or any(isinstance(v, Result) and v.divides(kind, at) for at, v in hits)
        result.parents += parents
        return result

    def call(self, op: int, hits: _Hits, now: int) -> _Hits:
        """Follow the arguments into the functions that the op calls; return the hits that enter none."""
        name, kind, where, flow = self.body.names[op], self.body.types[op], self.where, self.flow
        first = 1 if "If" in kind or "Case" in kind else 0  # the predicate stands before the arguments
        callees = [(function, flow.library(function)) for function in self.body.callees.get(op, (kind,))]
        if len(where.via) >= _NESTED or not all(callee for _, callee in callees):
            return hits
        entered: set[int] = set()
        for side, (function, callee) in enumerate(callees):
            # Signatures are many doors to one model: what lies behind two of them, or was traced twice, counts once.
            wrapper = where.entry and "signature_wrapper" in function
            trace = re.sub(r"_\d+$", "", function)
            if where.entry and not wrapper and flow.traces.setdefault(trace, function) != function:
                continue
            inside = [hit for hit in hits if callee and first <= hit[0] < first + len(callee.arguments)]
            if not inside or not callee or function in where.functions:
                continue
            entered.update(at for at, _ in inside)
            arguments: _Watch = {}
            for at, value in inside:
                argument = callee.arguments[at - first]
                if isinstance(value, Alias):
                    value.used, arguments[argument] = True, Alias(value.variables, value.branch)
                else:
                    arguments[argument] = self.through(value, -1)
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
                old = self.watch.get(output)
                known = old.variables if isinstance(old, Alias) else ()
                if isinstance(returned, Result):
                    if isinstance(old, Result):
                        old.merge(returned)
                    elif old:
                        returned.fate |= MERGED if returned.pure else ESCAPES
                    else:
                        self.watch[output] = self.through(returned, now)
                elif returned and not set(known).issuperset(returned.variables):  # each side may return another one
                    if isinstance(old, Result):
                        old.fate |= MERGED if old.pure else ESCAPES
                    both = tuple(dict.fromkeys((*known, *returned.variables)))
                    self.watch[output] = Alias(both, () if known else returned.branch, now)
        return [hit for hit in hits if hit[0] < first or (isinstance(hit[1], Result) and hit[0] not in entered)]

    def through(self, value: Result, born: int) -> Result:
        """Return a result as it goes into a function, or comes out of it."""
        result = Result(value.visit, value.name, value.type, value.depth, born, [])
        result.pure, result.whole, result.inverse = value.pure, value.whole, value.inverse
        result.takers, result.masked = value.takers, value.masked
        result.parents.append(value)
        result.fate |= DERIVES if born < 0 else 0  # what one side of a conditional takes and does not use ends nowhere
        value.fate |= DERIVES
        self.flow.results.append(result)
        return result
