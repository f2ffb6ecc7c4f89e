"""The two stacks of scopes that a program stands in -> text and HTML.

In: the names of the open scopes, outermost first. Out: what the next variable and the next op will be called, drawn
as two rows of boxes, one inside the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from scopekit.show.text import esc


@dataclass(frozen=True)
class Stacks:
    """The variable scope and the name scope of one place in a program."""

    variable_scope: str
    name_scope: str
    reuse: str
    """``False`` or ``None`` (off), ``True`` or ``AUTO_REUSE``: what `get_variable` goes by here."""

    def _flag(self) -> str:
        return "reuse off" if self.reuse in ("None", "False") else f"reuse={self.reuse}"

    def _rows(self) -> list[tuple[str, str, str]]:
        return [
            ("variable scope", self.variable_scope, f'get_variable("w") is named {_join(self.variable_scope, "w")}'),
            ("name scope", self.name_scope, f'an op "x" is named {_join(self.name_scope, "x")}'),
        ]

    def __repr__(self) -> str:
        lines = [
            f"{stack:<14}  {' > '.join(['(root)', *filter(None, scope.split('/'))]):<28}  {rule}"
            for stack, scope, rule in self._rows()
        ]
        return "\n".join([f"{lines[0]}  ({self._flag()})", lines[1]])

    def _repr_html_(self) -> str:
        style = "display:inline-block;border:1.5px solid;border-radius:4px;padding:2px 6px;margin:2px"
        drawn = []
        for stack, scope, rule in self._rows():
            boxes = ""
            for part in reversed(["root", *filter(None, scope.split("/"))]):
                boxes = f'<span style="{style}">{esc(part)}{" " + boxes if boxes else ""}</span>'
            flag = f" {self._flag()}" if stack == "variable scope" else ""
            drawn.append(
                f'<div style="margin:.3em 0;overflow-wrap:anywhere"><b>{stack}</b>{flag}<br>'
                f"{boxes} {esc(rule, 400)}</div>"
            )
        # In the dark the book's theme puts a light box behind an output; this one needs none.
        plain = "<style>.text_html:has(.sk-stacks){background:none!important;color:inherit!important}</style>"
        return f'{plain}<div class="sk-stacks" style="font-family:monospace;font-size:14px">{"".join(drawn)}</div>'


def _join(scope: str, name: str) -> str:
    return f"{scope}/{name}" if scope else name
