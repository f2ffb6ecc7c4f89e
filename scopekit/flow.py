"""Ops and their inputs -> who reads which variable, and in which role.

In: a `Body` (the ops of a graph) and its library of functions, as `scopekit.readers` found them. Out: the `Read` tuple of a
`ScopeGraph`. A variable is followed from its own op through every op that hands the same value on (``ReadVariableOp``,
``Identity``, ``Enter``, ``Switch``, the arguments of functions); the first op that makes something else of it reads it.

The role of that op is told by its type and its scope where these suffice (``Assign``, ``ApplyAdam``, ``gradients/…``).
Arithmetic alone says nothing (``mul`` may scale an activation, a moving average or a weight decay), so its results are
followed too: an op whose results end in assignments only is an update, one that is reduced and added to the loss a
penalty, and one that meets a gradient, a layer or nobody at all is forward.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from scopekit.graph import Read, ScopekitError

_PASS, _WRITE, _APPLY, _QUIET, _ARITHMETIC, _FORWARD, _CALL = range(7)
_TYPES = {
    _PASS: "Identity RefIdentity IdentityN ReadVariableOp Enter RefEnter Exit RefExit Switch RefSwitch Merge RefMerge"
    " NextIteration RefNextIteration StopGradient PreventGradient CheckNumerics Snapshot Print",
    _QUIET: "Save SaveV2 SaveSlices IsVariableInitialized VarIsInitializedOp DestroyResourceOp DisableCopyOnRead Assert"
    " PrintV2 Shape ShapeN Size Rank VariableShape ZerosLike OnesLike BroadcastGradientArgs",
    _ARITHMETIC: "Abs Add AddN AddV2 Cast Ceil ClipByValue Div DivNoNan Equal Exp Floor FloorDiv FloorMod Greater"
    " GreaterEqual IsFinite L2Loss Less LessEqual Log LogicalAnd LogicalNot LogicalOr Max Maximum Mean Min Minimum Mod"
    " Mul MulNoNan Neg Pow Prod RealDiv Reciprocal Round Rsqrt Select SelectV2 Sign Sqrt Square SquaredDifference Sub"
    " Sum TruncateDiv",
    _CALL: "PartitionedCall StatefulPartitionedCall While StatelessWhile If StatelessIf Case StatelessCase",
}
_CODES = {kind: code for code, kinds in _TYPES.items() for kind in kinds.split()}
_WRITES = re.compile(r"Assign|(Resource)?Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)|(Resource)?StridedSliceAssign")
_APPLIES = re.compile(r"(Resource)?(Sparse)?Apply[A-Z]")
_GRADIENT = re.compile(r"(?:^|/)(?:gradients(?:_\d+)?|gradient_tape)/")
_BACKWARD = re.compile(r"__backward_|_grad_(?:body|cond|true|false|\d)")
_PENALTIES = frozenset({"Square", "Abs", "Pow", "Mul", "L2Loss"})
_REDUCTIONS = frozenset({"Sum", "Mean", "L2Loss", "Max"})
# What becomes of a result: the ways in which the ops behind it use it.
_ESCAPES, _DERIVES, _GRADS, _WRITTEN, _APPLIED, _LOGGED, _ENDS, _REDUCED = (1 << i for i in range(8))
_TURNS = 64
_DEPTH = 24
_NESTED = 64


@dataclass(slots=True)
class Body:
    """The ops of one graph or function, column by column, which costs a tenth of an object for each."""

    names: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    inputs: list[list[str]] = field(default_factory=list)
    """In pieces: the inputs of one op after the other, an empty string behind those of each op."""
    callees: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """The functions that an op calls, by its index."""
    prefix: str = ""
    """``function/`` for the ops of a function."""
    arguments: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()


class _Alias:
    """A tensor that is the variable: its handle, its reference or its value."""

    __slots__ = ("born", "branch", "used", "variables")

    def __init__(self, variables: tuple[str, ...], branch: tuple[tuple[str, int], ...] = (), born: int = -1) -> None:
        self.variables, self.branch, self.born, self.used = variables, branch, born, False


class _Result:
    """A tensor made of variables by arithmetic alone; what becomes of it says which role the arithmetic has."""

    __slots__ = ("born", "boss", "depth", "foreign", "found", "parents", "pure", "type")

    def __init__(self, type_: str, born: int, depth: int) -> None:
        self.type, self.born, self.depth = type_, born, depth
        self.parents: list[_Result] = []
        self.foreign: tuple[str, ...] = ()
        self.found, self.pure, self.boss = 0, True, self


_Watch = dict[str, "_Alias | _Result | None"]
_Hits = list[tuple[int, "_Alias | _Result"]]


@dataclass(slots=True)
class _Where:
    """The way that leads to a body: nothing for the graph itself, the call ops for a function."""

    via: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    branch: tuple[tuple[str, int], ...] = ()
    order: int = -1
    """The index of the outermost call op, by which the reads inside are sorted."""
    gradient: bool = False


class Flow:
    """Follows variables through one graph; `reads` gives the answer when all was visited."""

    def __init__(self, library: Callable[[str], Body | None], budget: int = 20_000_000) -> None:
        """Take the functions that ops may call, and how many inputs may be looked at inside of them."""
        self.library = library
        self.budget = budget
        self.codes = dict(_CODES)
        self.found: list[tuple[int, int, str, str, str, _Where, tuple[tuple[str, int], ...], str | _Result]] = []
        self.results: list[_Result] = []
        self.handed: list[tuple[int, int, str, str, _Where, _Alias]] = []
        self.bodies: list[Body] = []
        self.gradients = False

    def visit(self, body: Body, seeds: Mapping[str, Iterable[str]]) -> None:
        """Follow the variables in `body`; seeds says which tensor names are which variables."""
        watch: _Watch = {name: _Alias(tuple(variables)) for name, variables in seeds.items()}
        self._visit(body, watch, _Where())

    def _visit(self, body: Body, watch: _Watch, where: _Where) -> list[_Alias | _Result | None]:
        """Return what the function returns, as far as it is a variable or made of variables."""
        watch[""] = None
        self.bodies.append(body)
        count = len(body.names)
        # Ops mostly stand behind those that they read, but not those in loops and conditionals of TensorFlow 1.
        for turn in range(_TURNS):
            op, before, fresh = 0, (turn - 1) * count, False
            hits: _Hits = []
            for piece in body.inputs:
                start = 0
                for at, name in enumerate(piece):
                    if name in watch:
                        value = watch[name]
                        if value is not None:
                            if value.born > before + op or not turn:
                                hits.append((at - start, value))
                            continue
                        if hits:
                            self._op(body, where, watch, op, piece[start:at], hits, turn * count + op)
                            hits, fresh = [], True
                        op += 1
                        start = at + 1
            if not fresh:
                break
        returned = [watch.get(name) for name in body.returns]
        for value in returned:
            if isinstance(value, _Alias):
                value.used = True
            elif value is not None:
                value.found |= _ESCAPES
        return returned

    def _op(self, body: Body, where: _Where, watch: _Watch, op: int, inputs: list[str], hits: _Hits, now: int) -> None:
        """Take one op of which some inputs are variables or made of them."""
        name, kind = body.names[op], body.types[op]
        code = self.codes.get(kind)
        if code is None:
            code = self.codes[kind] = self._code(kind)
        if code == _PASS or (kind in ("ConcatV2", "Concat") and "/ConcatPartitions/" in name):
            hits = self._pass(body, where, watch, op, inputs, hits, now)
        elif code == _CALL:
            hits = self._call(body, where, watch, op, hits, now)
        if not hits:
            return
        role: str | _Result
        if where.gradient or ("grad" in name and self._in_gradient(body, name)):
            role, use, self.gradients = "gradient", _GRADS, True
        elif code == _WRITE:
            role, use = "bookkeeping", _WRITTEN
            if hits[0][0] == 0 and isinstance(hits[0][1], _Alias):
                watch.setdefault(name, _Alias(hits[0][1].variables, born=now))  # a ref's Assign returns the ref
        elif code == _APPLY:
            role, use = "optimizer", _APPLIED
        elif code == _QUIET:
            role, use = "bookkeeping", _LOGGED
        elif "/Regularizer/" in name or kind == "L2Loss":
            role, use = "regularizer", _ESCAPES
        elif code == _ARITHMETIC and (result := self._result(watch, name, kind, inputs, hits, now)):
            role, use = result, _DERIVES
        else:
            role, use = "forward", _ESCAPES
        order = where.order if where.via else op
        seen = set()
        for _, value in hits:
            if isinstance(value, _Result):
                value.found |= use
                continue
            value.used = True
            branch = where.branch + value.branch
            for variable in value.variables:
                if variable not in seen:
                    seen.add(variable)
                    mine = "optimizer" if f"update_{variable}/" in name else role
                    full = body.prefix + name
                    self.found.append((order, len(self.found), variable, full, kind, where, branch, mine))

    def _code(self, kind: str) -> int:
        if _WRITES.match(kind):
            return _WRITE
        if _APPLIES.match(kind):
            return _APPLY
        if "Summary" in kind:
            return _QUIET
        return _CALL if self.library(kind) else _FORWARD

    def _in_gradient(self, body: Body, name: str) -> bool:
        """Whether the op belongs to `tf.gradients`, whose scope may bear another name: ``g/dense/MatMul_grad/mul``."""
        if _GRADIENT.search(name):
            return True
        stem = name.rpartition("_grad/")[0]
        for _ in range(min(stem.count("/"), 40)):
            stem = stem.partition("/")[2]
            if stem in self._names(body):
                return True
        return False

    def _names(self, body: Body) -> frozenset[str]:
        if self._named is None or self._named[0] is not body:
            self._named = body, frozenset(body.names)
        return self._named[1]

    _named: tuple[Body, frozenset[str]] | None = None

    def _pass(
        self, body: Body, where: _Where, watch: _Watch, op: int, inputs: list[str], hits: _Hits, now: int
    ) -> _Hits:
        """Hand the value on to the op's outputs; return the hits that are used otherwise (a Switch's predicate)."""
        name, kind = body.names[op], body.types[op]
        many = kind in ("Merge", "RefMerge", "ConcatV2", "Concat")
        outputs: dict[str, _Hits] = {}
        rest: _Hits = []
        for at, value in hits:
            if kind == "IdentityN" and at:
                outputs.setdefault(f"{name}:{at}", []).append((at, value))
            elif many or not at:
                outputs.setdefault(name, []).append((at, value))
            elif kind != "Print":
                rest.append((at, value))
        if kind in ("Switch", "RefSwitch") and name in outputs:
            outputs[f"{name}:1"] = outputs[name]
        for output, given in outputs.items():
            aliases = [value for _, value in given if isinstance(value, _Alias)]
            if not aliases:
                if not self._result(watch, output, kind, inputs, given, now):
                    rest += given
                for _, value in given:
                    value.found |= _DERIVES  # type: ignore[union-attr]
                continue
            old = watch.get(output)
            known = old.variables if isinstance(old, _Alias) else ()
            new = tuple(dict.fromkeys((*known, *(v for alias in aliases for v in alias.variables))))
            branch = aliases[0].branch
            if "Switch" in kind:
                branch += (("/".join((*where.via, inputs[1] if len(inputs) > 1 else "")), int(output != name)),)
            elif many:
                branch = ()
            for _, value in given:
                if isinstance(value, _Alias):
                    value.used = True
                else:
                    value.found |= _ESCAPES
            if new != known:
                watch[output] = alias = _Alias(new, branch, now)
                if kind == "Identity":
                    self.handed.append((where.order if where.via else op, op, body.prefix + name, kind, where, alias))
        return rest

    def _result(self, watch: _Watch, name: str, kind: str, inputs: list[str], hits: _Hits, now: int) -> _Result | None:
        """Return the value that arithmetic makes of `hits`, to be followed; None where that went on too long."""
        parents = [value for _, value in hits if isinstance(value, _Result)]
        depth = 1 + max((parent.depth for parent in parents), default=0)
        if depth > _DEPTH:
            return None
        result = watch.get(name)
        if not isinstance(result, _Result):
            watch[name] = result = _Result(kind, now, depth)
            self.results.append(result)
            data = [given for given in inputs if given[0] != "^"]
            result.foreign = tuple(given for given in data if given not in watch)
            # The axes of a sum and the exponent of a power are no data.
            other = data[:1] if kind in _REDUCTIONS or kind == "Pow" else data
            result.pure = all(given in watch for given in other)
        result.pure = result.pure and all(parent.pure for parent in parents)
        result.parents += parents
        return result

    def _call(self, body: Body, where: _Where, watch: _Watch, op: int, hits: _Hits, now: int) -> _Hits:
        """Follow the arguments into the functions that the op calls; return the hits that enter none."""
        name, kind = body.names[op], body.types[op]
        first = 1 if "If" in kind or "Case" in kind else 0  # the predicate stands before the arguments
        callees = [(f, self.library(f)) for f in body.callees.get(op, (kind,))]
        rest: _Hits = []
        entering: _Hits = []
        for at, value in hits:
            if at < first or isinstance(value, _Result) or len(where.via) >= _NESTED:
                rest.append((at, value))
            else:
                entering.append((at - first, value))
                value.used = True
        for side, (function, callee) in enumerate(callees):
            if callee is None:
                rest += [(at + first, value) for at, value in entering]
                break
            if function in where.functions:
                continue
            self.budget -= 100 + sum(map(len, callee.inputs))
            if self.budget < 0:
                raise ScopekitError("its functions call one another in too many ways to follow")
            call = "/".join((*where.via, body.prefix + name))
            inner = _Where(
                (*where.via, body.prefix + name),
                (*where.functions, function),
                where.branch + (((call, side),) if first else ()),
                where.order if where.via else op,
                where.gradient or bool(_GRADIENT.search(name + "/") or _BACKWARD.search(function)),
            )
            arguments: _Watch = {}
            for at, value in entering:
                if at < len(callee.arguments) and isinstance(value, _Alias):
                    arguments[callee.arguments[at]] = _Alias(value.variables, value.branch)
            for at, value in enumerate(self._visit(callee, arguments, inner) if arguments else ()):
                output = f"{name}:{at}" if at else name
                if isinstance(value, _Alias) and output not in watch:
                    watch[output] = _Alias(value.variables, value.branch, now)
        return rest

    def reads(self) -> tuple[Read, ...]:
        """Return every read, in the order of the reading ops, now that it is known what became of each result."""
        self._settle()
        updates = self._updates()
        roles = [self._role(role, op, updates) for *_, op, _, _, _, role in self.found]
        forward = {item[2] for item, role in zip(self.found, roles, strict=True) if role == "forward"}
        found = []
        for item, role in zip(self.found, roles, strict=True):
            if role == "penalty":  # of a variable that has no other reader it is not a penalty but the program
                role = "regularizer" if item[2] in forward else "forward"
            order, seq, variable, op, kind, where, branch, _ = item
            found.append((order, seq, Read(variable, op, role, kind, where.via, branch)))
        for order, seq, op, kind, where, alias in self.handed:
            for variable in alias.variables:
                if not alias.used and variable not in forward and not op.startswith(variable + "/"):
                    found.append((order, seq, Read(variable, op, "forward", kind, where.via, alias.branch)))
        found.sort(key=lambda item: item[:2])
        return tuple(dict.fromkeys(read for _, _, read in found))

    def _settle(self) -> None:
        """Tell each result what becomes of the results made of it."""
        for result in self.results:
            if not result.found & ~_LOGGED and not (result.found and result.pure):
                result.found |= _ENDS
            if result.type in _REDUCTIONS:
                result.found |= _REDUCED
        todo = list(self.results)
        while todo:
            result = todo.pop()
            for parent in result.parents:
                if result.found & ~_DERIVES & ~parent.found:
                    parent.found |= result.found & ~_DERIVES
                    todo.append(parent)

    def _updates(self) -> set[int]:
        """Return which results (by id) belong to an update that takes in something besides variables and constants."""
        mine = [
            r for r in self.results if not r.found & (_ESCAPES | _GRADS | _ENDS) and r.found & (_WRITTEN | _APPLIED)
        ]
        if not mine or not self.gradients:
            return set()
        wanted = {name for result in mine for name in result.foreign}
        constants = {
            name
            for body in {id(b): b for b in self.bodies}.values()
            for name, kind in zip(body.names, body.types, strict=True)
            if name in wanted and kind in ("Const", "Placeholder")
        }
        chosen = {id(result) for result in mine}
        for result in mine:
            for parent in result.parents:
                if id(parent) in chosen:
                    _boss(parent).boss = _boss(result)
        taking = {id(_boss(r)) for r in mine if not constants.issuperset(r.foreign)}
        return {id(r) for r in mine if id(_boss(r)) in taking}

    def _role(self, role: str | _Result, op: str, updates: set[int]) -> str:
        if isinstance(role, str):
            return role
        found = role.found
        if not found & (_ESCAPES | _GRADS | _ENDS):
            if found & _APPLIED or (id(role) in updates and "MovingAv" not in op):
                return "optimizer"
            return "bookkeeping"
        single = role.type in _PENALTIES and role.pure and not role.parents
        return "penalty" if single and found & _REDUCED and not found & _ESCAPES else "forward"


def _boss(result: _Result) -> _Result:
    """Return the one result that stands for all that are joined with this one."""
    while result.boss is not result:
        result.boss = result = result.boss.boss
    return result
