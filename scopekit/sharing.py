"""ScopeGraph -> who reads which variable, from which call.

In: a `ScopeGraph`. Out: a `Sharing`, which `scopekit.show` draws. Nothing here looks at TensorFlow.

A variable is shared when two or more calls read it in forward direction. Which reads are one call:

1. Reads in different layers are different calls. A read's layer is the innermost scope around it that is named like
   the scope of the variable (``dense_1`` for ``dense/kernel``), or else the scope in which it lies.
2. In one layer, an op and its numbered copy (``MatMul``, ``MatMul_1``) are two calls; different ops (``mul`` and
   ``sub`` of a normalization) are one. The sides of a conditional are no copies: only one of them runs. Slices are
   no copies either, but parts of the variable; nor are the products of a first state with one weight after the other,
   nor the ops that make one value of the variable together, as its norm and the quotient.
3. But a table lookup is a place of its own, and so is each product of another name (``MatMul`` and ``transpose``):
   that is how tied weights look where no scope parts them.

A call is named by the outermost scope in which no other call reads the variable, or by its op where no scope parts
them. Calls in copies of one scope (``net`` and ``net_1``, or ``Train`` and ``Valid``, which read mostly the same
variables) are the same function called again; all others are two places of one model. Reads inside a function take
place where the function is called: ``while/MatMul``.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice, takewhile
from math import prod

from scopekit.graph import Read, ScopeGraph, Variable, pause_gc
from scopekit.readers import read
from scopekit.roles import LOOKUPS

_PRODUCTS = frozenset(
    {"MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "SparseMatMul", "SparseTensorDenseMatMul", "Einsum"}
    | {"Conv2D", "Conv3D", "Conv2DBackpropInput", "Conv3DBackpropInputV2", "DepthwiseConv2dNative", "Transpose"}
    | LOOKUPS
)
_PARTS = frozenset({"Slice", "StridedSlice"})
_CLIPS = frozenset({"ClipByValue", "Maximum", "Minimum"})
_ADDS = frozenset({"AssignAdd", "AssignAddVariableOp"})
_SIDE = re.compile(r"/branch_\d+$")  # of an If or a Case
_NUMBER = re.compile(r"(?:_\d+)+(?=/|$)")
_LAYER = re.compile(r"(layer|block|conv|deconv|fc|dense|hidden|linear|lin|unit|stage|h|l)_?(\d+)")
_RESTORED = re.compile(r"(?:^|/)save(?:_\d+)?/")
_MANY = 1000


@dataclass(frozen=True, slots=True)
class Call:
    """One call that reads a variable."""

    name: str
    """The scope that tells this call from the others: ``image_filters_1``; the op's own name where no scope does."""
    ops: tuple[str, ...]
    """The forward ops of this call that use the value: ``image_filters_1/conv1/Conv2D``."""


@dataclass(frozen=True, slots=True)
class Readers:
    """One variable and those who read it."""

    variable: Variable
    calls: tuple[Call, ...]
    """Forward readers only, in the order of the graph. Two or more make the variable shared."""
    others: tuple[tuple[str, tuple[str, ...]], ...]
    """(role, ops) for each role but forward that reads it, sorted by role."""
    kind: str
    """``called again`` (scopes that are copies of one another), ``two places`` (of one model), or empty; ``one value``
    where a session keeps the value of another variable, which is read too, under the same name."""

    @property
    def shared(self) -> bool:
        """Whether two or more calls read the value."""
        return len(self.calls) > 1 or self.kind == "one value"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something worth a look, never an error."""

    reason: str
    """One sentence that names what was seen and why it is worth a look."""
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures of one graph."""

    ops: int
    variables: int
    parameters: int
    """Elements of all variables of known shape."""
    bytes: int
    shared: int
    without_sharing: int
    """Variables that would exist if each call had made its own."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """What `analyse` finds."""

    graph: ScopeGraph
    readers: tuple[Readers, ...]
    """One for each variable, in the graph's order. Optimizer slots are among them, read by the optimizer alone."""
    totals: Totals
    suspicions: tuple[Suspicion, ...]


def analyse(graph: ScopeGraph) -> Sharing:
    """Return who reads which variable of a graph, and from which call.

    Args:
        graph: What `scopekit.read` gives.

    Returns:
        The readers of each variable, the figures of the whole graph, and what is worth a look.

    Mirrors no function of TensorFlow, which does not say who shares what; the reads are those of `scopekit.flow`.

    >>> w = Variable("net/w", "ref", (2, 3), "float32", None)
    >>> reads = (Read("net/w", "net/MatMul", "forward", "MatMul"), Read("net/w", "net_1/MatMul", "forward", "MatMul"))
    >>> found = analyse(ScopeGraph("two calls", (), (), (w,), reads))
    >>> found.readers[0].kind, [call.name for call in found.readers[0].calls], found.totals.without_sharing
    ('called again', ['net', 'net_1'], 2)
    """
    with pause_gc():
        forward: dict[str, list[_Use]] = {v.name: [] for v in graph.variables}
        others: dict[str, dict[str, dict[str, str]]] = {v.name: {} for v in graph.variables}
        last: dict[str, _Use] = {}
        previous: _Use | None = None
        target: dict[str, str] = {}  # what an op assigns to is its first input
        for read in graph.reads:
            if read.role != "forward":
                others[read.variable].setdefault(read.role, {})[read.op] = read.type
                if read.role == "bookkeeping" and read.type.startswith("Assign"):
                    target.setdefault(read.op, read.variable)
                continue
            use = _Use(read)
            forward[read.variable].append(use)
            if previous and previous.address == use.address:  # one op, which takes two variables
                previous.by = read.variable
            previous = use
            before = last.get(use.scope)
            if before:
                use.before, before.after = before.read.variable, read.variable
            last[use.scope] = use
        scopes = _Scopes(forward)
        readers = []
        stored = Counter(_storage(v) for v in graph.variables if forward[v.name])
        for v in graph.variables:
            rest = tuple((role, tuple(ops)) for role, ops in sorted(others[v.name].items()))
            calls, kind = _calls(v.name, forward[v.name], scopes)
            if calls and stored[_storage(v)] > 1:
                kind = kind or "one value"
            readers.append(Readers(v, calls, rest, kind))
        sizes = [_elements(v.shape) for v in graph.variables]
        totals = Totals(
            ops=len(graph.ops),
            variables=len(readers),
            parameters=sum(sizes),
            bytes=sum(n * _width(v.dtype) for n, v in zip(sizes, graph.variables, strict=True)),
            shared=sum(r.shared for r in readers),
            without_sharing=sum(max(1, len(r.calls)) for r in readers),
        )
        return Sharing(graph, tuple(readers), totals, tuple(_suspicions(readers, others, target)))


def sharing_of(g: Sharing | ScopeGraph | object) -> Sharing:
    """Return the sharing in `g`, which is read and analysed as far as it is not yet."""
    return g if isinstance(g, Sharing) else analyse(read(g))


def _elements(shape: tuple[int | None, ...] | None) -> int:
    """Return how many elements a variable has, or 0 where that is not known."""
    known = [d for d in shape or () if d is not None]
    return prod(known) if shape is not None and len(known) == len(shape) else 0


@cache
def _width(dtype: str) -> int:
    """Return the bytes of one element: complex64 -> 8, float8_e5m2 -> 1, bool -> 1."""
    bits = re.search(r"\d+", dtype)
    return max(1, int(bits[0]) // 8) if bits else 1


def _plain(name: str) -> str:
    """Return a name without the numbers that make it unique: ``net_1/MatMul_2`` -> ``net/MatMul``."""
    return _NUMBER.sub("", name) if "_" in name else name


class _Use:
    """A forward read, and where it takes place."""

    __slots__ = ("address", "after", "along", "before", "by", "leaf", "read", "scope")

    def __init__(self, read: Read) -> None:
        self.read = read
        self.address = read.op
        if read.via:
            outer, *inner = read.via
            self.address = "/".join((outer, *(name.partition("/")[2] for name in (*inner, read.op))))
        self.scope, _, leaf = self.address.rpartition("/")
        self.leaf = _plain(leaf)
        # The variables that are read in the same scope before and after this one.
        self.before = self.after = ""
        self.by = ""  # the variable behind this one, if the op takes two: the weight of a first state
        self.along: list[_Use] = []  # the uses behind this one that make one value with it


class _Scopes:
    """Which variables are read in a scope."""

    def __init__(self, forward: dict[str, list[_Use]]) -> None:
        self.forward = forward
        self.sorted: list[tuple[str, str]] = []
        self.known: dict[str, frozenset[str]] = {}

    def __getitem__(self, scope: str) -> frozenset[str]:
        if not self.sorted:
            self.sorted = sorted((use.address, name) for name, uses in self.forward.items() for use in uses)
        if scope not in self.known:
            start = bisect_left(self.sorted, (scope + "/", ""))
            end = bisect_left(self.sorted, (scope + "0", ""))  # 0 comes after /
            self.known[scope] = frozenset(name for _, name in islice(self.sorted, start, min(end, start + _MANY)))
        return self.known[scope]


def _calls(variable: str, uses: list[_Use], scopes: _Scopes) -> tuple[tuple[Call, ...], str]:
    """Return the calls that read the variable, and the kind of its sharing."""
    if len(uses) == 1:
        return (Call(uses[0].address.partition("/")[0], (uses[0].read.op,)),), ""
    groups = _group(variable, uses)
    names = _names(groups)
    calls = tuple(
        Call(name, tuple(dict.fromkeys(use.read.op for use in group)))
        for name, group in zip(names, groups, strict=True)
    )
    if len(calls) < 2:
        return calls, ""
    # One of each sort of calls that are copies of one another: by their names, or else by what they read.
    sorts: dict[tuple[str, str], tuple[str, _Use]] = {}
    for name, (use, *_) in zip(names, groups, strict=True):
        sorts.setdefault((_plain(use.scope), use.leaf) if name != use.address else (name, ""), (name, use))
    different: list[tuple[str, _Use]] = []
    before: list[tuple[str, _Use]] = []
    for one in islice(sorts.values(), _MANY):
        if not any(_copies(one, other, scopes) for other in different + before):
            different.append(one)
        before = [] if one[1].read.type in LOOKUPS else [one]  # steps of a loop that are read one after the other
    return calls, "two places" if len(different) > 1 else "called again"


def _copies(one: tuple[str, _Use], other: tuple[str, _Use], scopes: _Scopes) -> bool:
    """Whether two calls are one function, called again."""
    (name, a), (named, b) = one, other
    if name == a.address or named == b.address:  # no scope parts one of them from another call
        if a.leaf != b.leaf:
            return False
        beside = (a.before and a.before == b.before) or (a.after and a.after == b.after)
        if beside and _ends(_plain(a.scope), _plain(b.scope)):
            return True
        name, named = _apart(a.address, b.address)
    both = scopes[name] & scopes[named]  # each may have variables of its own, as the moving averages of a tower
    # One may have its weights under dropout; but what is looked up and multiplied is tied.
    alike = a.leaf == b.leaf or (len(both) > 1 and LOOKUPS.isdisjoint((a.read.type, b.read.type)))
    return alike and 2 * len(both) > min(len(scopes[name]), len(scopes[named]))


def _ends(a: str, b: str) -> bool:
    """Whether one scope ends with the other: what was called in no scope may be called in one."""
    short, long = sorted((a, b), key=len)
    return not short or f"/{long}".endswith(f"/{short}")


def _apart(a: str, b: str) -> tuple[str, str]:
    """Return the outermost scopes, or ops, that part two addresses."""
    parts = a.split("/"), b.split("/")
    common = _common(*parts) + 1
    return "/".join(parts[0][:common]), "/".join(parts[1][:common])


def _common(a: list[str], b: list[str]) -> int:
    """Return how many parts two addresses begin with together."""
    return len(list(takewhile(_equal, zip(a, b, strict=False))))


def _group(variable: str, uses: list[_Use]) -> list[list[_Use]]:
    """Return the uses of a variable, parted into calls by the rules above."""
    plain, every = _plain(variable.rpartition("/")[0].rpartition("/")[2]), uses
    parts: defaultdict[str, list[_Use]] = defaultdict(list)
    joined: set[_Use] = set()
    for use in every:
        parts[use.read.part].append(use)
    for part, (first, *along) in parts.items():
        # An op that has no copy makes something of the others; copies alone are calls, one inside the other.
        leaves = Counter(use.leaf for use in (first, *along)).values()
        if part and len(leaves) > 1 and 1 in leaves:
            first.along = along
            joined.update(along)
    uses = [use for use in every if use not in joined]
    # The last of several ops may be named like the scope of the others: l2_normalize/Square, l2_normalize.
    inside = {use.scope for use in uses}
    layers: defaultdict[str, list[_Use]] = defaultdict(list)
    for use in uses:
        layers[_layer(use.address if use.address in inside else use.scope, plain)].append(use)
    if len(layers) == len(uses):
        return [[use, *use.along] for use in uses]
    calls: list[list[_Use]] = []
    for members in layers.values():
        for copy in _numbered(members):
            lookups = [[use] for use in copy if use.read.type in LOOKUPS]
            by_name: dict[str, list[_Use]] = {}
            for use in copy:
                if use.read.type in _PRODUCTS - LOOKUPS:
                    by_name.setdefault(use.leaf if use.by or use.read.branch else use.address, []).append(use)
            products = list(by_name.values())
            rest = [use for use in copy if use.read.type not in _PRODUCTS]
            if rest:
                products[:1] = [[*(products[0] if products else []), *rest]]
            calls += lookups + products
    place = {use.read: i for i, use in enumerate(every)}
    for call in calls:
        call += [more for use in call for more in use.along]
        call.sort(key=lambda use: place[use.read])
    return sorted(calls, key=lambda call: place[call[0].read])


def _numbered(uses: list[_Use]) -> Iterable[list[_Use]]:
    """Part the uses in one layer by the numbers of their ops: ``MatMul`` and ``mul``, ``MatMul_1`` and ``mul_1``.

    The n-th copies on the sides of one conditional have one number; those in another conditional have another.
    """
    copies: defaultdict[int, list[_Use]] = defaultdict(list)
    last: defaultdict[tuple[str, bool], int] = defaultdict(int)
    of_conditional: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    on_side: defaultdict[tuple[str, object], int] = defaultdict(int)
    for use in uses:
        leaf, branch, step = f"{use.leaf} {use.by}", use.read.branch, use.read.type not in _PARTS
        numbers = of_conditional[leaf, branch[0][0] if branch else ""]
        if on_side[leaf, branch] == len(numbers):
            numbers.append(last[leaf, bool(branch)])
            last[leaf, bool(branch)] += step
        copies[numbers[on_side[leaf, branch]]].append(use)
        on_side[leaf, branch] += step
    return copies.values()


def _layer(scope: str, plain: str) -> str:
    """Return the innermost scope in `scope` that is named `plain` but for a number, or `scope` itself."""
    if plain and plain in scope:
        parts = scope.split("/")
        for i in range(len(parts) - 1, -1, -1):
            if parts[i].startswith(plain) and _plain(parts[i]) == plain:
                return "/".join(parts[: i + 1])
    return _SIDE.sub("", scope)


def _equal(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1]


def _names(groups: list[list[_Use]]) -> list[str]:
    """Return for each call the outermost scope that no other call shares with it, or its first op."""
    places = sorted((use.address, i) for i, group in enumerate(groups) for use in group)
    names = []
    for i, group in enumerate(groups):
        first = group[0].address
        left = right = bisect_left(places, (first, i))
        while left >= 0 and places[left][1] == i:
            left -= 1
        while right < len(places) and places[right][1] == i:
            right += 1
        near = [places[k][0].split("/") for k in (left, right) if 0 <= k < len(places)]
        parts = first.split("/")
        depth = max((_common(parts, other) for other in near), default=0)
        scope = "/".join(parts[: depth + 1])
        alone = depth + 1 < len(parts) and all(use.address.startswith(scope + "/") for use in group)
        names.append(scope if alone else first)
    return names


def _suspicions(
    readers: list[Readers], others: dict[str, dict[str, dict[str, str]]], target: dict[str, str]
) -> Iterator[Suspicion]:
    """Yield what is worth a look."""
    yield from _one_value(readers)
    yield from _twins(readers)
    yield from _unread(readers, others, target)
    yield from _layers(readers)


def _one_value(readers: list[Readers]) -> Iterator[Suspicion]:
    """Variables of two names that a session keeps under one, as a graph that was imported twice has them."""
    stored: dict[str, list[str]] = {}
    for r in readers:
        stored.setdefault(_storage(r.variable), []).append(r.variable.name)
    several = {name: names for name, names in stored.items() if len(names) > 1}
    if several:
        kept, (first, second, *_) = next(iter(several.items()))
        more = f", and {len(several) - 1:,} more like them," if len(several) > 1 else ""
        yield Suspicion(
            f"{first!r} and {second!r}{more} are one value in a session, which keeps both under the name {kept!r}:"
            " was the graph imported twice, or into itself?",
            tuple(name for names in several.values() for name in names),
        )


def _storage(variable: Variable) -> str:
    return variable.shared_name or variable.name


def _twins(readers: list[Readers]) -> Iterator[Suspicion]:
    """Variables that look like a second set where one was meant."""
    read = {r.variable.name: r.variable for r in readers if r.calls and len(r.variable.name) < _MANY}
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = {}
    doubled = []
    for name, variable in read.items():
        for match in re.finditer(r"_1(?=/|$)", name):
            first, rest = name[: match.start()], name[match.end() :]
            twin = read.get(first + rest)
            if twin and _alike(twin, variable) and not first.endswith("Variable"):
                # Single variables of one scope go together, as a scope and its copy do.
                scopes = (first, first + "_1") if rest else (first.rpartition("/")[0], "")
                pairs.setdefault(scopes, []).append((twin.name, name))
        twice = re.search(r"(?:^|/)([^/]+/)(?=\1)", name)
        twin = read.get(name[: twice.start(1)] + name[twice.end(1) :]) if twice else None
        if twin and _alike(twin, variable):
            doubled.append((twin.name, name))
    names = sorted(read)
    for (scope, copy), found in pairs.items():
        own = [name for _, name in found if name.rpartition("/")[0] not in read]  # a moving average is no layer
        layers = {name.rpartition("/")[0] for name in own}
        matrices = sum(len(read[name].shape or ()) > 1 for name in own)
        # Less than two layers may be meant (dense, dense_1), and so may a stack of many copies.
        if (not copy or (len(found) == below(names, copy) and not below(names, scope + "_3"))) and (
            len(layers) > 1 or matrices > 1
        ):
            what = f"{copy!r} holds the variables of {scope!r} once more"
            if not copy:
                what = f"{found[0][1]!r} and {len(found) - 1} others repeat {found[0][0]!r} and the like"
            yield Suspicion(
                f"{what}, in the same shapes: if one set was meant to be shared, it is not.",
                tuple(name for pair in found for name in pair),
            )
    if doubled:
        yield Suspicion(
            f"{doubled[0][1]!r} repeats a scope of {doubled[0][0]!r}, in the same shape: a scope was opened inside"
            " itself and made variables of its own.",
            tuple(name for pair in doubled for name in pair),
        )


def below(names: list[str], scope: str) -> int:
    """Return how many of the sorted names stand in a scope."""
    return bisect_left(names, scope + "0") - bisect_left(names, scope + "/")  # 0 comes after /


def _alike(a: Variable, b: Variable) -> bool:
    """Whether two variables have one shape and dtype, and not one value."""
    return (a.shape, a.dtype) == (b.shape, b.dtype) and _storage(a) != _storage(b)


def _unread(
    readers: list[Readers], others: dict[str, dict[str, dict[str, str]]], target: dict[str, str]
) -> Iterator[Suspicion]:
    """Variables that nobody reads, or that are read and not trained."""
    # Something other than an initializer or a saver assigns to them.
    assigned = {name for op, name in target.items() if op != f"{name}/Assign" and not _RESTORED.search(op)}
    silent: dict[str, list[str]] = {}
    updated = {r.variable.name for r in readers if "optimizer" in others[r.variable.name]}
    frozen = []
    for r in readers:
        name, roles = r.variable.name, others[r.variable.name]
        counter = r.variable.shape == () and "int" in r.variable.dtype
        kinds = roles.get("bookkeeping", {}).values()
        figure = r.variable.trainable is None and not {"ScalarSummary", "Print"}.isdisjoint(kinds)
        # A weight that is clipped is given nothing new; a count that is added to is.
        given = name in assigned and (_CLIPS.isdisjoint(kinds) or not _ADDS.isdisjoint(kinds))
        if r.variable.trainable is False or counter or figure or given:
            continue
        if not r.calls and roles.keys() == {"bookkeeping"}:  # Keras exports handles that nothing touches at all
            silent.setdefault(name.rpartition("/")[0], []).append(name)
        elif r.calls and r.variable.trainable and name not in updated:
            frozen.append(name)
    read = sorted(r.variable.name for r in readers if r.calls)
    if read:
        for scope, names in silent.items():
            more = f" and {len(names) - 1:,} more beside it" if len(names) > 1 else ""
            where = f"{names[0]!r}{more}" if not scope or below(read, scope) else f"the scope {scope!r}"
            what = f"Nothing reads {where} but initializers, savers and summaries: is its layer used?"
            yield Suspicion(what, tuple(names))
    trained = sum(r.variable.trainable is True and r.variable.name in updated for r in readers)
    if frozen and trained:
        which = f"{frozen[0]!r}" + (f" and {len(frozen) - 1:,} more" if len(frozen) > 1 else "")
        what = f"Trainable and read, but updated by no optimizer, unlike {trained:,} others: {which}. Is that meant?"
        yield Suspicion(what, tuple(frozen))


def _layers(readers: list[Readers]) -> Iterator[Suspicion]:
    """Variables in which two layers have become one."""
    glued: dict[tuple[str, ...], list[str]] = {}
    for r in readers:
        names = [call.name for call in r.calls]
        layers = [_LAYER.fullmatch(name.rpartition("/")[2]) for name in islice(names, _MANY)]
        kinds = {match[1] for match in layers if match}
        # layer, layer_1, layer_2 are the numbers of TensorFlow; layer1 and layer2 were written by somebody.
        bare = {name.rpartition("/")[2] for name in names} & kinds
        # Layers that each take a slice of one variable have weights of their own in it.
        sliced = all(
            op.rpartition("/")[2].lower().startswith(("slice", "strided_slice")) for c in r.calls for op in c.ops
        )
        if r.shared and all(layers) and len(kinds) == 1 and not bare and not sliced:
            glued.setdefault(tuple(names), []).append(r.variable.name)
    for scopes, variables in glued.items():
        yield Suspicion(
            f"{scopes[0]!r} and {scopes[1]!r} look like two layers but read one set of weights, {variables[0]!r}:"
            " did AUTO_REUSE glue them together?",
            tuple(variables),
        )
