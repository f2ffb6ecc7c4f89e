"""Words: names made safe to show, and who reads which variable, said in lines.

In: names as strangers wrote them, and a `Sharing`. Out: text that is safe in a terminal, in HTML and in SVG.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from scopekit.graph import Variable
from scopekit.sharing import Readers, Sharing

# Controls (a terminal obeys them, XML forbids them), marks that hide or turn text, what UTF-8 cannot write.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)


def shorten(text: str, limit: int) -> str:
    """Return `text` in at most `limit` characters, its middle left out: names differ at their ends.

    >>> shorten("generator/block_12/conv1/weights", 17)
    'generato…/weights'
    """
    head = max(limit - 1, 0) // 2
    return text if len(text) <= limit else f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def clean(name: str, limit: int = 400) -> str:
    r"""Return `name` fit to be shown: unsafe characters as visible escapes, cut in the middle at `limit`.

    >>> clean("a\u202eb\n")
    'a\\u202eb\\n'
    """
    if len(name) <= limit and name.isascii() and name.isprintable():
        return name
    safe = _UNSAFE.sub(lambda c: c[0].encode("unicode_escape").decode(), shorten(name, limit))
    return shorten(safe, limit)


def esc(name: object, limit: int = 400) -> str:
    """Return `name` fit to stand in HTML, SVG or an attribute. No name reaches markup by another way.

    >>> esc('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape(clean(str(name), limit))


def count(n: int, what: str) -> str:
    """Return ``1 variable``, ``1,024 ops``."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def listed(names: Iterable[str], limit: int = 4) -> str:
    """Return ``a, b and 3 more``.

    >>> listed(["a", "b", "c", "d"], 2), listed(["a", "b"])
    ('a, b and 2 more', 'a and b')
    """
    names = [clean(name) for name in names]
    if len(names) > limit:
        names[limit:] = [f"{len(names) - limit:,} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def shape(variable: Variable) -> str:
    """Return ``5×5×1×32``; ``scalar`` for the shape (), ``?`` for what is unknown.

    >>> shape(Variable("w", "ref", (None, 32), "float32", True))
    '?×32'
    """
    if variable.shape is None:
        return "?"
    return "×".join("?" if size is None else str(size) for size in variable.shape) or "scalar"


def parameters(variable: Variable) -> int | None:
    """Return the number of elements; None where the shape is not fully known."""
    total = 1
    for size in (None,) if variable.shape is None else variable.shape:
        if size is None:
            return None
        total *= size
    return total


def rows(sharing: Sharing, slots: bool = False) -> list[Readers]:
    """Return the variables that are shown: all, or all but those that the optimizer alone reads."""

    def is_slot(each: Readers) -> bool:
        return not each.calls and {role for role, _ in each.others} - {"bookkeeping"} == {"optimizer"}

    return [each for each in sharing.readers if slots or not is_slot(each)]


def read_from(readers: Readers) -> str:
    """Return the calls that read the variable; where none does, the roles that do: ``only optimizer``."""
    if readers.calls:
        return listed(call.name for call in readers.calls)
    roles = [role for role, _ in readers.others if role != "bookkeeping"]
    return f"only {listed(roles)}" if roles else "no call"


def kind(readers: Readers) -> str:
    """Return how the variable is shared, or ``no``; ``unknown`` in a checkpoint, which holds no op that could read."""
    if readers.variable.kind == "checkpoint":
        return "unknown"
    return (clean(readers.kind) or "yes") if readers.shared else "no"


def totals(sharing: Sharing) -> str:
    """Return the figures of the graph."""
    t = sharing.totals
    text = f"{count(t.ops, 'op')}, {count(t.variables, 'variable')}, {count(t.parameters, 'parameter')}"
    size = next(
        (f"{t.bytes / n:,.1f} {unit}" for n, unit in ((1e6, "MB"), (1e3, "kB")) if t.bytes >= n), f"{t.bytes} B"
    )
    if any(each.variable.kind == "checkpoint" for each in sharing.readers):
        return f"{text} ({size}); a checkpoint does not say which are shared"
    text += f" ({size}); {t.shared:,} shared"
    return text + (f", without sharing {count(t.without_sharing, 'variable')}" if t.shared else "")


def who_reads(readers: Iterable[Readers], limit: int = 12) -> list[str]:
    """Return who reads which: the shared first, gathered by readers; at most `limit` names in each part."""
    parts: dict[tuple[bool, str], list[str]] = {}
    for each in sorted(readers, key=lambda each: (not each.shared, not each.calls)):
        name = f"{clean(each.variable.name)}  {shape(each.variable)}"
        n = len(each.calls)
        if n > 1:
            who = f"read by {'both' if n == 2 else f'all {n:,} of'} {read_from(each)} ({kind(each)})"
        elif each.shared:
            who, name = "that have their value in common with another of them", f"{name}  {read_from(each)}"
        elif each.calls:
            who, name = "private, each read by one call", f"{name}  {read_from(each)}"
        else:
            who = "read by no call"
        parts.setdefault((each.shared, who), []).append(name)
    lines = []
    for n, ((shared, who), names) in enumerate(parts.items()):
        if shared and n >= limit:
            continue
        lines.append(f"{'S' if shared else '-'} {count(len(names), 'variable')} {who}:")
        lines += [f"    {name}" for name in names[:limit]]
        if len(names) > limit:
            lines.append(f"    … {len(names) - limit:,} more")
    rest = [len(names) for (shared, _), names in list(parts.items())[limit:] if shared]
    if rest:
        lines.append(f"S … {count(sum(rest), 'variable')} more, read by {len(rest):,} other sets of calls")
    return lines
