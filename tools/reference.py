"""Write the reference of scopekit's public names from its source: chapters/api.md, made anew at each build.

In: the package's files, which are read and not imported, so that the book needs neither TensorFlow nor pandas.
Out: a page in which each name has an entry in the index and in the search. The same source gives the same bytes.
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "scopekit"
PAGE = ROOT / "chapters" / "api.md"

Def = ast.FunctionDef | ast.ClassDef

TOP = """\
# scopekit, name by name

Made from the docstrings of scopekit {version}; the examples in it are run by `make test`.

`import scopekit as sk` costs nothing: no name is loaded before you use it, and TensorFlow only by those that need a
live graph. Where a function takes `g`, you may give what `sk.read` takes, or nothing for the current
graph.

"""


def page() -> str:
    """Return the page."""
    found = {node.name: node for path in sorted(PACKAGE.rglob("*.py")) for node in _defs(path)}
    init = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    values = {
        target.id: node.value
        for node in init.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    # What is in scopekit.graph is not called by a reader: it stands among what the functions give.
    functions = {name: home for name, home in ast.literal_eval(values["_HOME"]).items() if home != "scopekit.graph"}
    parts = [TOP.format(version=ast.literal_eval(values["__version__"])), "## What you call\n"]
    for name, home in functions.items():  # in the order in which a reader meets them
        path = ROOT / (home.replace(".", "/") + ".py")
        path = path if path.exists() else path.with_suffix("") / "__init__.py"
        parts.append(_entry({node.name: node for node in _defs(path)}[name]))
    parts.append("## What you get\n")
    parts += [_entry(found[name]) for name in _returned([found[name] for name in functions], found)]
    rules = ast.parse((PACKAGE / "rules.py").read_text(encoding="utf-8"))
    parts.append(
        "## The rules without TensorFlow: `sk.rules`\n\n" + _prose(ast.get_docstring(rules) or "")
        + "\n\n[Look up the rules at a glance](rules_at_a_glance.ipynb) has each with an example.\n"
    )  # fmt: skip
    return "\n".join(parts) + "\n## On the command line\n\n```text\n" + _help() + "```\n"


def _defs(path: Path) -> list[Def]:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return [node for node in body if isinstance(node, Def) and not node.name.startswith("_")]


def _returned(functions: list[Def], found: dict[str, Def]) -> list[str]:
    """Return the classes that the functions give, and those that these are made of; the errors come last."""
    names: list[str] = []
    queue: list[ast.AST | None] = [each.returns for each in functions if isinstance(each, ast.FunctionDef)]
    queue += [each for each in functions if isinstance(each, ast.ClassDef)]
    while queue:
        for node in ast.walk(queue.pop(0) or ast.Pass()):
            name = node.id if isinstance(node, ast.Name) else node.value if isinstance(node, ast.Constant) else None
            if isinstance(name, str) and name not in names and isinstance(cls := found.get(name), ast.ClassDef):
                names += [name]
                queue += [
                    each.annotation if isinstance(each, ast.AnnAssign) else each.returns for each in _members(cls)
                ]
    errors = sorted(name for name, node in found.items() if name.endswith("Error") and isinstance(node, ast.ClassDef))
    return [name for name in names if name not in {each.name for each in functions} | set(errors)] + errors


def _members(cls: ast.ClassDef) -> list[ast.AnnAssign | ast.FunctionDef]:
    """Return the fields, properties and methods that a reader may use."""
    kept: list[ast.AnnAssign | ast.FunctionDef] = []
    for node in cls.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id[0] != "_":
            kept.append(node)
        if isinstance(node, ast.FunctionDef) and node.name[0] != "_":
            kept.append(node)
    return kept


def _entry(node: Def) -> str:
    """Return one name with its signature and its docstring, as a directive of Sphinx's own Python domain."""
    kind = "function" if isinstance(node, ast.FunctionDef) else "exception" if node.name.endswith("Error") else "class"
    lines = [_prose(ast.get_docstring(node) or "")]
    if isinstance(node, ast.ClassDef):
        for member in _members(node):
            lines.append(_member(node, member))
    body = "\n\n".join(lines)
    return f"`````{{py:{kind}}} {_signature(node)}\n:module: scopekit\n\n{body}\n`````\n"


def _member(cls: ast.ClassDef, node: ast.AnnAssign | ast.FunctionDef) -> str:
    if isinstance(node, ast.AnnAssign):
        after = cls.body[cls.body.index(node) + 1 :][:1]
        told = after[0].value if after and isinstance(after[0], ast.Expr) else None
        words = told.value if isinstance(told, ast.Constant) and isinstance(told.value, str) else ""
        name, kind = ast.unparse(node.target), ast.unparse(node.annotation)
        return f"````{{py:attribute}} {name}\n:type: {kind}\n\n{_prose(words)}\n````"
    words = _prose(ast.get_docstring(node) or "")
    if any(isinstance(each, ast.Name) and each.id in ("property", "cached_property") for each in node.decorator_list):
        kind = f":type: {ast.unparse(node.returns)}\n" if node.returns else ""
        return f"````{{py:property}} {node.name}\n{kind}\n{words}\n````"
    return f"````{{py:method}} {_signature(node)}\n\n{words}\n````"


def _signature(node: Def) -> str:
    if isinstance(node, ast.ClassDef):
        return node.name
    arguments = ast.unparse(node.args).removeprefix("self, ").removeprefix("self")
    return f"{node.name}({arguments})" + (f" -> {ast.unparse(node.returns)}" if node.returns else "")


def _prose(docstring: str) -> str:
    """Return a docstring as Markdown: a list for its arguments and errors, a block for what is run."""
    out: list[str] = []
    for block in re.split(r"\n\s*\n", textwrap.dedent(docstring.strip())):
        head, _, rest = block.partition("\n")
        if block.startswith(">>>"):
            out.append(f"```pycon\n{block}\n```")
        elif head in ("Args:", "Raises:", "Returns:", "Yields:") and rest:
            rest = textwrap.dedent(rest)
            if head in TITLES:
                items = [f"- `{item[1]}`: {' '.join(item[2].split())}" for item in ITEM.finditer(rest + "\n")]
                rest = "\n".join(items)
            out.append(f"**{TITLES.get(head, head[:-1])}**\n\n{rest}")
        else:
            out.append(block)
    return "\n\n".join(out)


TITLES = {"Args:": "Arguments", "Raises:": "Raises"}
ITEM = re.compile(r"^\**(\w+): (.*(?:\n[ ]+.*)*)\n", re.MULTILINE)


def _help() -> str:
    source = (PACKAGE / "__main__.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HELP":
            return str(ast.literal_eval(node.value))
    raise ValueError("scopekit/__main__.py has no _HELP")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
