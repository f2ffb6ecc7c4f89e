"""The page: everything about one graph in one HTML file that needs no script and fetches nothing.

In: a `Sharing`. Out: HTML.
"""

from __future__ import annotations

from scopekit.sharing import Readers, Sharing
from scopekit.show.outline import tree
from scopekit.show.svg import picture
from scopekit.show.text import clean, esc, kind, parameters, read_from, rows, shape, totals

# The rest of a very large graph is counted: a page that does not open helps nobody.
_ROWS, _BOXES = 3000, 8000

_STYLE = """
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:0 auto;padding:1rem;
color:light-dark(#1f2328,#e6edf3);background:light-dark(#fff,#161b22)}code,td,th,details,li b{font-size:.9rem}
.wide{overflow-x:auto}td,code,details div,summary{font-family:ui-monospace,Menlo,Consolas,monospace}
table{border-collapse:collapse}th,td{text-align:left;padding:.15rem .6rem;border-bottom:1px solid #8c959f;
white-space:nowrap}td:nth-child(5){text-align:right}
td:nth-child(6){white-space:normal;min-width:16rem}
tr.s td{font-weight:bold;color:light-dark(#b7330b,#ff9e64)}
summary{cursor:pointer}@media print{details>*{display:block}.wide{overflow:visible}}"""


def page(sharing: Sharing) -> str:
    """Return the page of one graph."""
    title = f"Whose weights? {clean(sharing.graph.source)}"
    found = sorted(rows(sharing), key=lambda each: not each.shared)
    suspicions = "".join(f"<li>{esc(each.reason, 1000)}</li>" for each in sharing.suspicions[:_ROWS])
    heads = "".join(f"<th>{head}</th>" for head in ("S", "name", "shape", "dtype", "parameters", "read from", "shared"))
    left_out = len(found) - _ROWS
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width">',
        f"<title>{esc(title)}</title><style>{_STYLE}</style></head><body><h1>{esc(title)}</h1>",
        f"<p>{esc(totals(sharing))}</p>",
        f'<h2>Who reads which variable</h2><div class="wide">{picture(sharing).svg}</div>',
        f"<h2>Worth a look</h2><ul>{suspicions}</ul>" if suspicions else "",
        f'<h2>Variables</h2><div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>',
        *(_row(each) for each in found[:_ROWS]),
        f"</tbody></table></div>{f'<p>… {left_out:,} more</p>' if left_out > 0 else ''}",
        f'<h2>Scopes</h2><div class="wide">{tree(sharing, _BOXES)._repr_html_()}</div></body></html>',
    ]
    return "\n".join(parts) + "\n"


def _row(each: Readers) -> str:
    v, n = each.variable, parameters(each.variable)
    cells = ["S" if each.shared else "", v.name, shape(v), v.dtype, "?" if n is None else f"{n:,}", read_from(each)]
    columns = "".join(f"<td>{esc(cell, 600)}</td>" for cell in [*cells, kind(each)])
    return f'<tr class="{"s" if each.shared else "p"}">{columns}</tr>'
