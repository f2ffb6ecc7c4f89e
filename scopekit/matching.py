"""A checkpoint against a graph -> which keys match, which do not, and the rename that would mend it.

In: a graph and a checkpoint. Out: a `Match`, which can be asked (`if match:`), read, and handed to a `Saver`.

TensorFlow looks a variable up by its full name and by nothing else. Where names differ, the shapes and the parts of
the names that stayed tell what became what: first one scope put for another, and the more variables it explains the
better; then a name that differs in its number alone; then the only key of that shape. A tie is told, not decided.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from scopekit.graph import ScopeGraph, ScopekitError, Variable
from scopekit.readers import read
from scopekit.show.text import clean, count, listed, shape

_LIMIT = 12  # lines of one kind that are shown
_OBJECT = "/.ATTRIBUTES/VARIABLE_VALUE"  # what TensorFlow 2 writes behind the path to a variable
_PART = re.compile(r"/part_\d+$")  # of a partitioned variable
_Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Match:
    """What a checkpoint has for a graph; true if each variable finds its name, with its shape and its dtype."""

    title: str
    variables: tuple[Variable, ...]
    """Those of the graph, in its order; the parts of a partitioned one are one, as in a checkpoint."""
    keys: tuple[Variable, ...]
    """Those of the checkpoint."""
    moved: tuple[_Pair, ...]
    """(key, variable): what was found for a variable that is missing or differs."""
    unclear: tuple[tuple[str, tuple[str, ...]], ...]
    """(variable, keys): any of these keys could be the one, so none is taken."""

    def __bool__(self) -> bool:
        return len(self.matching) == len(self.variables)

    @property
    def matching(self) -> tuple[str, ...]:
        """The variables that are restored as they are."""
        keys = {key.name: key for key in self.keys}
        return tuple(v.name for v in self.variables if v.name in keys and _fit(keys[v.name], v))

    @property
    def missing(self) -> tuple[str, ...]:
        """The variables for which the checkpoint has no key."""
        keys = {key.name for key in self.keys}
        return tuple(v.name for v in self.variables if v.name not in keys)

    @property
    def unwanted(self) -> tuple[str, ...]:
        """The keys that are no variable's name."""
        names = {v.name for v in self.variables}
        return tuple(key.name for key in self.keys if key.name not in names)

    @property
    def differing(self) -> tuple[_Pair, ...]:
        """(variable, how shape or dtype differ) for those whose key holds something else."""
        keys = {key.name: key for key in self.keys}
        pairs = [(v, keys[v.name]) for v in self.variables if v.name in keys and not _fit(keys[v.name], v)]
        return tuple((v.name, f"{_what(v)} in the graph, {_what(key)} in the file") for v, key in pairs)

    @property
    def rename(self) -> dict[str, str]:
        """What can be restored, {checkpoint key: variable}. A variable that is not in it would keep its value."""
        return {name: name for name in self.matching} | dict(self.moved)

    def __repr__(self) -> str:
        is_ = {v.name: _what(v) for v in (*self.keys, *self.variables)}
        changes = Counter(_change(key, name)[:2] for key, name in self.moved)
        scopes = {change: n for change, n in changes.items() if n > 1}
        by_order = [name for name in self.matching if re.fullmatch(r"(.*/)?Variable(_\d+)?", name)]
        if len(by_order) > 1:
            is_ |= {name: f"{is_[name]}  (unnamed: by order of creation)" for name in by_order}
        rows = [("matching", name, is_[name]) for name in self.matching]
        rows += [("differing", *pair) for pair in self.differing]
        rows += [("missing", name, is_[name]) for name in self.missing]
        rows += [("unwanted", name, is_[name]) for name in self.unwanted]
        rows += [("rename", f"{a or '(none)'} → {b or '(none)'}", f"in {n:,} keys") for (a, b), n in scopes.items()]
        rows += [("rename", f"{key} → {v}", "") for key, v in self.moved if _change(key, v)[:2] not in scopes]
        rows += [("unclear", name, f"could be {listed(keys)}") for name, keys in self.unclear]
        told, none = {*self.rename.values(), *dict(self.unclear)}, "no key is left that has its shape"
        rows += [("not found", v.name, none) for v in self.variables if v.name not in told]
        head = f"{clean(self.title)}: {len(self.matching):,} of {len(self.variables):,} variables match"
        return "\n".join([head, *_aligned(rows)])


def match(graph: ScopeGraph | object, checkpoint: ScopeGraph | object) -> Match:
    """Say what a checkpoint has for the variables of a graph, before anything is restored.

    Args:
        graph: a `ScopeGraph`, or what `scopekit.read` takes; None for the current graph.
        checkpoint: a checkpoint's prefix, or what `scopekit.read` gave for one.

    Returns:
        A `Match`. Its `rename`, {checkpoint key: variable's op name}, is what `tf.compat.v1.train.Saver` takes, with
        the variables in place of their names (a list of its parts, for one that is partitioned), and for variables
        of `get_variable` what `tf.compat.v1.train.init_from_checkpoint` takes as it is.

    Raises:
        ScopekitError: if one of them cannot be read, or `checkpoint` is a graph.

    Mirrors the search for keys in `tf.compat.v1.train.Saver.restore`, and looks at shapes too, which that does not do
    for resource variables.

    >>> old = Variable("old/w", "checkpoint", (2, 3), "float32", None)
    >>> new = Variable("new/w", "resource", (2, 3), "float32", True)
    >>> found = match(ScopeGraph("a graph", ("new/w",), ("VarHandleOp",), (new,), ()),
    ...               ScopeGraph("model", (), (), (old,), ()))
    >>> found
    a graph against model: 0 of 1 variables match
      missing   new/w  2×3
      unwanted  old/w  2×3
      rename    old/w → new/w
    >>> found.rename
    {'old/w': 'new/w'}
    """
    mine, file = read(graph), read(checkpoint)
    if file.ops or any(key.kind != "checkpoint" for key in file.variables):
        what = f"{clean(file.source)!r} is a graph with {count(len(file.ops), 'op')}, not a checkpoint"
        raise ScopekitError(f"{what}; give the graph first, then the checkpoint's prefix")
    variables = _whole(mine.variables, file.variables)
    keys = {key.name: key for key in file.variables}
    settled = {v.name for v in variables if v.name in keys and _fit(keys[v.name], v)}
    open_ = [v for v in variables if v.name not in settled]
    free = [key for key in file.variables if key.name not in settled]
    pairs = [(key.name, v.name) for v in open_ for key in free if _fit(key, v)]
    found: dict[str, str] = {}
    for score in (_by_scope, _by_number, lambda pairs: dict.fromkeys(pairs, 1)):
        while better := _undisputed(score(pairs)):
            found |= {name: key for key, name in better}
            taken = set(found.values())
            pairs = [(key, name) for key, name in pairs if name not in found and key not in taken]
    unclear: dict[str, list[str]] = {}
    for key, name in pairs:
        unclear.setdefault(name, []).append(key)
    moved = tuple((found[v.name], v.name) for v in open_ if v.name in found)
    title = f"{mine.source} against {file.source}"
    return Match(title, variables, file.variables, moved, tuple((name, tuple(ks)) for name, ks in unclear.items()))


def _what(variable: Variable) -> str:
    return shape(variable) + ("" if variable.dtype == "float32" else f" {clean(variable.dtype)}")


def _fit(key: Variable, variable: Variable) -> bool:
    """Return whether the value fits; an unknown size fits each."""
    a, b = key.shape, variable.shape
    if key.dtype != variable.dtype or (a is not None and b is not None and len(a) != len(b)):
        return False
    return all(x is None or y is None or x == y for x, y in zip(a or (), b or (), strict=False))


def _whole(variables: Iterable[Variable], keys: Iterable[Variable]) -> tuple[Variable, ...]:
    """Return the variables, the parts of a partitioned one put together, unless the file has keys for parts."""
    parts: dict[str, list[Variable]] = {}
    apart = any(_PART.search(key.name) for key in keys)
    for v in variables:
        parts.setdefault(v.name if apart or not v.shape else _PART.sub("", v.name), []).append(v)
    return tuple(
        vs[0] if vs[0].name == name else replace(vs[0], name=name, shape=_sum(vs, keys)) for name, vs in parts.items()
    )


def _sum(parts: list[Variable], keys: Iterable[Variable]) -> tuple[int | None, ...]:
    """Return the shape of all parts together. Equal parts do not say along which axis they were cut; the keys do."""
    first, held = parts[0].shape or (), {key.shape for key in keys}
    by_axis = [
        (*first[:axis], sum((v.shape or ())[axis] or 0 for v in parts), *first[axis + 1 :])
        for axis in range(len(first))
    ]
    return next((whole for whole in by_axis if whole in held), by_axis[0])


def _change(key: str, name: str) -> tuple[str, str, bool]:
    """Return what stands in the key, what stands in its place in the name, and whether another part is the same."""
    old, new = key.removesuffix(_OBJECT).split("/"), name.split("/")
    begin = end = 0
    while begin < min(len(old), len(new)) and old[begin] == new[begin]:
        begin += 1
    while end < min(len(old), len(new)) - begin and old[-1 - end] == new[-1 - end]:
        end += 1
    return "/".join(old[begin : len(old) - end]), "/".join(new[begin : len(new) - end]), bool(begin + end)


def _by_scope(pairs: list[_Pair]) -> dict[_Pair, int]:
    """Score each pair by how many variables the same change explains; a pair with nothing in common has no score."""
    changes = {pair: _change(*pair) for pair in pairs}
    explained = Counter(changes.values())
    return {pair: explained[change] for pair, change in changes.items() if change[2]}


def _by_number(pairs: list[_Pair]) -> dict[_Pair, int]:
    """Keep the pairs whose names are the same but for numbers: ``beta1_power`` and ``beta1_power_1``."""
    plain = re.compile(r"_\d+(?=/|$)")
    return {(key, name): 1 for key, name in pairs if plain.sub("", key) == plain.sub("", name)}


def _undisputed(score: dict[_Pair, int]) -> list[_Pair]:
    """Return the pairs that score higher than each other pair of their key and each other pair of their variable."""
    by_end: dict[tuple[int, str], list[int]] = {}
    for pair, points in score.items():
        for end in enumerate(pair):
            by_end.setdefault(end, []).append(points)
    tops = {end: max(points) for end, points in by_end.items() if points.count(max(points)) == 1}
    return [pair for pair, points in score.items() if all(tops.get(end) == points for end in enumerate(pair))]


def _aligned(rows: list[tuple[str, str, str]]) -> list[str]:
    """Return the rows in columns, at most `_LIMIT` of each kind."""
    n, shown = Counter(kind for kind, _, _ in rows), Counter[str]()
    lines: list[tuple[str, str, str]] = []
    for kind, name, what in rows:
        shown[kind] += 1
        if shown[kind] <= _LIMIT:
            lines.append((kind, clean(name), clean(what)))
        elif shown[kind] == n[kind]:
            lines.append((kind, f"… {n[kind] - _LIMIT:,} more", ""))
    wide, first = (max((len(line[i]) for line in lines), default=0) for i in (1, 0))
    return [f"  {kind:<{first}}  {name:<{wide}}  {what}".rstrip() for kind, name, what in lines]
