"""``python -m scopekit FILE``: which variables of a saved graph are shared, and by which calls.

In: a file that `scopekit.read` reads. Out: text, JSON or one HTML page. TensorFlow and pandas are not imported.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from scopekit.graph import ScopekitError
from scopekit.sharing import Sharing, sharing_of
from scopekit.show.text import clean, count, kind, parameters, read_from, rows, shape, totals, who_reads

_HELP = """\
FILE is a .pb, .pbtxt or .meta file, a SavedModel's folder or a checkpoint's
prefix. Without options: the figures, the shared variables and who reads them
(marked S), and what is worth a look.

examples:
  python -m scopekit model.meta
  python -m scopekit model.meta --variables | grep conv1
  python -m scopekit model.meta --html model.html

exit codes: 0 answered; 1 --shared was given and nothing is shared;
2 the file or the command is wrong.

JSON: {"source": str, "totals": {"ops", "variables", "parameters", "bytes",
"shared", "without_sharing": int}, "variables": [{"name": str, "kind": str,
"shape": [int or null] or null, "dtype": str, "parameters": int or null,
"trainable": bool or null, "shared": "called again", "two places",
"one value" (with another variable) or "no",
"calls": [{"name": str, "ops": [str]}], "others": {role: [op]}}],
"suspicions": [{"reason": str, "variables": [str]}]}
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong."""
        print(f"scopekit: error: {clean(message, 2000)}", file=sys.stderr)
        raise SystemExit(2)


def main(arguments: list[str] | None = None) -> int:
    """Answer one command, and return its exit code."""
    about = "Says which variables of a saved graph are shared, and by which calls."
    form = argparse.RawDescriptionHelpFormatter
    parser = _Parser("python -m scopekit", description=about, epilog=_HELP, formatter_class=form)
    parser.add_argument("file", metavar="FILE", help="what to read")
    parser.add_argument("--variables", action="store_true", help="list every variable and who reads it")
    parser.add_argument("--tree", action="store_true", help="show the scopes of variables and of ops")
    parser.add_argument("--shared", action="store_true", help="list the shared variables alone; exit 1 if none is")
    parser.add_argument("--html", metavar="OUT", type=Path, help="write one page that needs no network and no script")
    parser.add_argument("--json", action="store_true", help="print everything for another program, in the form below")
    args = parser.parse_args(arguments)
    if args.json and (args.variables or args.tree or args.shared):
        parser.error("--json holds all there is; leave out --variables, --tree and --shared")
    if args.file == "-":
        parser.error("'-': standard input is not read; save the graph and give the file's name")
    try:
        sharing = sharing_of(args.file)
        if args.html:
            _write(args.html, sharing, Path(args.file))
    except ScopekitError as error:
        parser.error(str(error))
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if args.json:
            print(json.dumps(_data(sharing), indent=1))
        for line in () if args.json else _lines(sharing, args):
            # A terminal's line is not broken in two; in a pipe, lines are whole.
            wide = shutil.get_terminal_size().columns if sys.stdout.isatty() else len(line)
            print(line if len(line) <= wide else f"{line[: wide - 1]}…")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1 if args.shared and not sharing.totals.shared else 0


def _lines(sharing: Sharing, args: argparse.Namespace) -> Iterator[str]:
    shared = [each for each in sharing.readers if each.shared]
    if args.html:
        yield f"{clean(str(args.html))}: {args.html.stat().st_size:,} bytes"
    elif not (args.variables or args.tree or args.shared):
        yield f"{clean(sharing.graph.source)}: {totals(sharing)}"
        yield from who_reads(shared)
        yield from (f"worth a look: {clean(each.reason, 2000)}" for each in sharing.suspicions)
    if args.shared:
        yield from who_reads(shared, limit=len(shared))
    if args.variables:
        yield from _table(sharing)
    if args.tree:
        from scopekit.show.outline import tree

        yield from str(tree(sharing)).split("\n")


def _table(sharing: Sharing) -> Iterator[str]:
    cells = [("", "name", "shape", "parameters", "shared", "read from")]
    for each in rows(sharing):
        n, v = parameters(each.variable), each.variable
        figures = shape(v), "?" if n is None else f"{n:,}"
        cells.append(("S" if each.shared else "", clean(v.name), *figures, kind(each), read_from(each)))
    widths = [min(max(map(len, column)), 48) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    if slots := len(sharing.readers) - len(cells) + 1:
        yield f"and {count(slots, 'variable')} that the optimizer alone reads"


def _data(sharing: Sharing) -> dict[str, object]:
    """Return the answer in the shape that --help describes."""
    variables = [
        {"name": v.name, "kind": v.kind, "shape": v.shape, "dtype": v.dtype, "parameters": parameters(v)}
        | {"trainable": v.trainable, "shared": kind(each), "others": dict(each.others)}
        | {"calls": [{"name": call.name, "ops": call.ops} for call in each.calls]}
        for each in sharing.readers
        for v in [each.variable]
    ]
    t = sharing.totals
    figures = {name: getattr(t, name) for name in t.__slots__}
    suspicions = [{"reason": each.reason, "variables": each.variables} for each in sharing.suspicions]
    return {"source": sharing.graph.source, "totals": figures, "variables": variables, "suspicions": suspicions}


def _write(target: Path, sharing: Sharing, source: Path) -> None:
    """Write the whole page or nothing: to a file beside `target`, which then takes its name."""
    from scopekit.show.page import page

    if target.exists() and source.exists() and target.samefile(source):
        raise ScopekitError(f"--html {str(target)!r} is the file that is read; give the page another name")
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        beside.write_text(page(sharing), encoding="utf-8", newline="\n")
        beside.replace(target)
    except OSError as error:
        reason = f"cannot be written: {error.strerror}; name a file in a folder that is there and yours"
        raise ScopekitError(f"--html {str(target)!r} {reason}") from None
    finally:
        beside.unlink(missing_ok=True)


if __name__ == "__main__":
    raise SystemExit(main())
