"""What following the variables found -> the role of each read.

In: reads, and the results of arithmetic on variables, as `scopekit.flow` finds them. Out: the reads of a `ScopeGraph`.

The role of an op is told by its type and its scope where these suffice (``Assign``, ``ApplyAdam``, ``gradients/…``).
Arithmetic alone says nothing (``mul`` may scale an activation, a moving average or a weight decay), nor do moves and
lookups, nor any op that takes nothing but variables, so their results are followed, and what becomes of them decides.
One that ends in assignments only is an update, and it is the optimizer's if a gradient went into what is assigned; one
that is made of variables and constants alone, and meets the data as a number only, is a penalty; one that meets a
layer, data or nobody at all as a whole is forward. What is made of variables alone and goes into a summary, or is only
moved and then fetched, is a figure: it is bookkeeping if something else reads the variable. A table that is moved (its
first row cut off, say) and then looked up is read by those who look it up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Protocol

from scopekit.graph import Read

# Moves and lookups compute nothing, but what becomes of their results tells what they are for.
SPLITS = frozenset({"Split", "SplitV", "Unpack"})
MOVES = SPLITS | {
    *("Concat", "ConcatV2", "ExpandDims", "Pack", "Pad", "PadV2", "Reshape", "ReverseV2", "Slice", "Squeeze"),
    *("StridedSlice", "Tile", "Transpose"),
}
JOINS = frozenset({"Concat", "ConcatV2"})
# What may leave a table a table; of the second, with a number or a mask.
TABLES = JOINS | {"Pad", "PadV2", "Reshape", "Slice", "StridedSlice"}
SCALES = frozenset({"Cast", "Div", "Mul", "RealDiv"})
SUMS = frozenset({"Add", "AddN", "AddV2"})
LOOKUPS = frozenset({"Gather", "GatherNd", "GatherV2", "ResourceGather", "ResourceGatherNd"})
_INVERSES = {"Div": 1, "DivNoNan": 1, "RealDiv": 1, "Reciprocal": 0, "Rsqrt": 0}  # and which input it is
REDUCTIONS = frozenset({"Sum", "Mean", "Max", "Min", "L2Loss"})
FIRST = REDUCTIONS | MOVES - JOINS - {"Pack", "Split"} | {"All", "Any", "ArgMax", "ArgMin", "Pow"}
# What becomes of a result: the ways in which the ops behind it use it.
ESCAPES, DERIVES, GRADS, WRITTEN, APPLIED, LOGGED, ENDS = (1 << i for i in range(7))
COMPUTED, WHOLE, DIVIDES, MERGED = (1 << i for i in range(7, 11))
_NEAR, _ROOM = 200, 100_000

Branch = tuple[tuple[str, int], ...]


class Place(Protocol):
    """The ops among which a result stands."""

    def near_gradient(self, tensors: list[str], limit: int) -> bool:
        """Whether a gradient is among the tensors of which these are made, not far away."""


class Alias:
    """A tensor that is the variable: its handle, its reference or its value."""

    __slots__ = ("born", "branch", "used", "variables")

    def __init__(self, variables: tuple[str, ...], branch: Branch = (), born: int = -1) -> None:
        self.variables, self.branch, self.born, self.used = variables, branch, born, False


class Result:
    """A tensor made of variables by arithmetic alone; what becomes of it says which role the arithmetic has."""

    __slots__ = (
        "born", "depth", "fate", "inverse", "joined", "masked", "name", "others", "parents", "pure", "takers",
        "type", "visit", "whole",
    )  # fmt: skip

    def __init__(self, visit: Place, name: str, type_: str, depth: int, born: int, others: list[str]) -> None:
        self.visit, self.name, self.type, self.depth, self.born, self.fate = visit, name, type_, depth, born, 0
        self.others = others  # what goes into it besides
        self.pure = True  # whether nothing does but constants
        self.whole = False  # whether it has not been reduced to a number, or to one for each row
        self.inverse = False  # whether it is one divided by the variable, or a multiple of that
        self.parents: list[Result] = []
        self.joined: Result | None = None  # with which it makes one value of variables alone: see `root`
        self.takers: list[tuple[int, Read]] | None = None  # of what is still the table: who uses it
        self.masked = False  # whether it is the table only if it is looked up: times a mask, or an activation

    @property
    def root(self) -> Result:
        """Return the same one for all results that make one value together: a weight's norm, and the quotient."""
        root = self
        while root.joined:
            root.joined = root.joined.joined or root.joined
            root = root.joined
        return root

    def merge(self, other: Result) -> None:
        """Take what the other side of a conditional gives in its place."""
        self.parents.append(other)
        self.pure, self.whole = self.pure and other.pure, self.whole or other.whole
        other.fate |= DERIVES

    def divides(self, kind: str, at: int) -> bool:
        """Whether an op of that kind divides by it, its input number `at`."""
        return _INVERSES.get(kind) == at or (self.inverse and kind in SCALES)

    def meets(self, kind: str, at: int) -> int:
        """Return in which way it meets data in an op of that kind: whole, as a layer's does, or dividing them."""
        return (WHOLE if self.pure and self.whole else 0) | (DIVIDES if self.divides(kind, at) else 0)


class Evidence:
    """What was found: ask for its `reads` when all of it is there."""

    def __init__(self) -> None:
        self.found: list[tuple[int, Read, Result | None]] = []
        self.again = False  # whether a read may have been found twice, or out of order
        self.results: list[Result] = []
        self.handed: list[tuple[int, Read, Alias]] = []
        self.assigned: dict[str, list[tuple[Place, str, str]]] = {}  # among which ops, which value, by which op
        self.targets: set[str] = set()  # what an optimizer trains
        self.slots: set[str] = set()  # what it takes besides
        self.summed: set[str] = set()  # what the graph adds to
        self.stepped: set[str] = set()  # what it adds a constant to
        self.copied: set[str] = set()  # ops of an initial value, of which copies run in their place

    def reads(self, scalars: Mapping[str, bool]) -> tuple[Read, ...]:
        """Return every read in the order of the reading ops, now that it is known what became of each result.

        scalars says of each scalar variable whether it is an integer. One that the graph adds to is a step, and what
        reads it no layer; so is a float to which it adds a constant.
        """
        self._settle()
        applied = {read.variable for _, read, _ in self.found if read.role == "optimizer"}
        updates = self._updates(self.assigned.keys() - applied)
        trained = {variable for variable, ops in updates.items() if ops}
        roles = [self._role(read, result, trained) if result else read.role for _, read, result in self.found]
        counters = {v for v, integer in scalars.items() if integer or v in self.stepped}
        steps = {v for v in counters if v.endswith("global_step")}  # which a graph without a training step only reads
        for (_, read, _), role in zip(self.found, roles, strict=True):
            if read.variable in counters and role == "bookkeeping" and read.type.startswith(("AssignAdd", "Add")):
                steps.add(read.variable)
        forward = {read.variable for (_, read, _), role in zip(self.found, roles, strict=True) if role == "forward"}
        penalties = {  # of several variables, such as a weight and where it began, if one is a layer's
            id(result.root)
            for (_, read, result), role in zip(self.found, roles, strict=True)
            if result and role == "penalty" and read.variable in forward
        }
        together = Counter(
            (read.variable, id(result.root))
            for (_, read, result), role in zip(self.found, roles, strict=True)
            if result and result.pure and role == "forward"
        )
        found: list[tuple[int, Read]] = []
        apart: dict[int, bool] = {}
        room = _ROOM  # a file may join ten thousand variables, and let ten thousand ops take them
        own, slots = applied - forward, (self.slots - self.targets) | self._counted(applied | trained)
        for (order, read, result), role in zip(self.found, roles, strict=True):
            if role == "merged":  # with the variable itself, in a conditional: read by those who take it from there
                continue
            if role == "penalty":  # of a variable that nothing else reads it is no penalty but the program
                role = "regularizer" if result and id(result.root) in penalties else "forward"
            elif role == "handed":  # given out as a flat vector of all weights is, or as a figure for a summary
                role = "bookkeeping" if read.variable in forward else "forward"
            if role == "forward" and (read.variable in steps or read.variable in slots):
                role = "bookkeeping"
            elif role == "bookkeeping" and (
                (result and read.variable in own) or read.op in updates.get(read.variable, ())
            ):
                role = "optimizer"  # its powers and rates, or its step
            takers = result.takers if role == "forward" and result else None
            if result and takers and id(result) not in apart:
                apart[id(result)] = self._apart(read, result)
            if takers and len(takers) <= room and apart[id(result)]:
                room -= len(takers)
                found += [(at, taker._replace(variable=read.variable, role=role)) for at, taker in takers]
            elif read.role == role:
                found.append((order, read))
            else:
                part = result.root.name if result and together[read.variable, id(result.root)] > 1 else ""
                found.append((order, read._replace(role=role, part=part)))
        for order, read, alias in self.handed:
            if not alias.used and read.variable not in forward:
                found.append((order, read))
        tried = tuple(self._tried(read for _, read in found if read.role == "forward"))
        if tried:
            found = [(at, read) for at, read in found if read.role != "forward" or not read.op.startswith(tried)]
        if self.again or len(found) > len(self.found):
            found.sort(key=itemgetter(0))
        every = map(itemgetter(1), found)
        return tuple(dict.fromkeys(every) if self.again else every)

    def _updates(self, variables: set[str]) -> dict[str, set[str]]:
        """Return the assignments to each variable of a value into which a gradient went, not far away."""
        found = {
            variable: {
                op
                for place, value, op in self.assigned[variable]
                if "MovingAv" not in op and place.near_gradient([value], _NEAR)
            }
            for variable in variables
        }
        self.assigned.clear()  # each visit in it knows this flow, a circle that the collector would have to find
        return found

    def keeps(self, scope: str) -> bool:
        """Whether nothing that is computed in a scope of the graph is used outside of it."""
        raise NotImplementedError

    def _tried(self, forward: Iterable[Read]) -> set[str]:
        """Return the scopes in which a recurrent layer of Keras runs its cell for nobody, beside its loop.

        It does so to see which shapes come out (`rnn` in tf_keras/src/backend.py).
        """
        loops: dict[str, set[str]] = {}
        beside: list[Read] = []
        for read in forward:
            layer, loop, _ = (read.via or (read.op,))[0].partition("/while")
            if loop:
                loops.setdefault(read.variable, set()).add(layer + "/")
            elif "/" in layer:
                beside.append(read)
        scopes = {
            layer + read.op[len(layer) :].partition("/")[0] + "/"
            for read in beside
            for layer in loops.get(read.variable, ())
            if read.op.startswith(layer) and "/" in read.op[len(layer) :]
        }
        return {scope for scope in scopes if self.keeps(scope)}

    def _apart(self, read: Read, result: Result) -> bool:
        """Whether those who take what was moved read the variable, and not the op that moved it.

        They do if they look it up, if it was joined of parts, and if they stand in scopes of their own.
        """
        takers = [taker for _, taker in result.takers or ()]
        if len(takers) < 2 or result.masked:
            return len(takers) == 1 and takers[0].type in LOOKUPS and result.type in SCALES | JOINS
        used = [taker for taker in takers if taker.role == "forward" or taker.type in LOOKUPS]
        scopes = {taker.op.rpartition("/")[0] for taker in used} - {read.op.rpartition("/")[0]}
        looked_up = any(taker.type in LOOKUPS for taker in takers)
        return looked_up or len(scopes) > 1 or (result.pure and result.type in JOINS)

    def _counted(self, trained: set[str]) -> set[str]:
        """Return the variables that the graph adds to and that go nowhere but into a figure: those of tf.metrics."""
        used = {
            read.variable
            for _, read, result in self.found
            if read.role == "forward" or (result and result.fate & ESCAPES)
        }
        return self.summed - trained - used

    def _settle(self) -> None:
        """Tell each result what becomes of the results that are made of it."""
        for result in self.results:
            if not result.fate & ~LOGGED and not self._figure(result):
                result.fate |= ENDS | (WHOLE if result.whole else 0)
            if result.type not in MOVES:
                result.fate |= COMPUTED
            # Numbers that are added up, as penalties are, stay several.
            for parent in result.parents if result.pure and (result.whole or len(result.parents) == 1) else ():
                if parent.root is not result.root and parent.type not in LOOKUPS:
                    parent.root.joined = result.root
        todo = list(self.results)
        while todo:
            result = todo.pop()
            for parent in result.parents:
                if result.fate & ~DERIVES & ~parent.fate:
                    parent.fate |= result.fate & ~DERIVES
                    todo.append(parent)
        for result in self.results:
            del result.visit  # which knows the result: a circle that the collector would have to find

    def _figure(self, result: Result) -> bool:
        """Whether a result that goes nowhere, or into a summary, is a figure about variables and no end of the program.

        It is one if it is logged, and nothing goes into it but variables and constants; if it is rows of a gradient's;
        and if a copy of it runs.
        """
        if not result.fate:
            looked_up = result.type in LOOKUPS and result.visit.near_gradient(result.others, _NEAR)
            return looked_up or result.name in self.copied
        return result.pure

    def _role(self, read: Read, result: Result, trained: set[str]) -> str:
        """Return the role of a read whose result has been followed."""
        fate = result.fate
        if fate & MERGED and not fate & (ESCAPES | ENDS):
            return "merged"
        if not fate & (ESCAPES | GRADS | ENDS):
            if fate & (APPLIED | WRITTEN):
                by_assign = read.variable in trained and not read.op.count("MovingAv")
                return "optimizer" if fate & APPLIED or by_assign else "bookkeeping"
            return "bookkeeping" if result.pure else "handed"
        if result.type == "L2Loss":
            return "regularizer"
        if result.pure and not fate & (ESCAPES | WHOLE):
            return "penalty" if not fate & DIVIDES else "handed" if fate & LOGGED else "forward"
        return "handed" if result.pure and not fate & (ESCAPES | GRADS | COMPUTED) else "forward"
