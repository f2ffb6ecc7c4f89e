"""Make a new chapter from a template, run it, and put it into the book: `make chapter NAME=my_chapter`.

In: a name. Out: chapters/NAME.ipynb, which runs and keeps the form, and its line in `_toc.yml`. The template is the
frame that every chapter has; what stands in angle brackets is yours to write.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from refresh import ROOT, refresh, replace

BEFORE = "  - caption: Reference\n"  # a new chapter is the last one that is read in order

TEMPLATE = """
text
# <A title with a verb>

<One sentence that promises what the reader can do at the end.>
code
import scopekit as sk  # before TensorFlow, whose start-up it keeps quiet
import tensorflow as tf

tf1 = tf.compat.v1
code
with tf.Graph().as_default() as g:
    for reuse in [None, True]:
        with tf1.variable_scope("net", reuse=reuse):
            y = 2.0 * tf1.get_variable("w", initializer=1.0)
sk.picture(g)
text
<What the picture shows, in two sentences.>

**You will be able to**

1. <something that can be checked>.

**You need**: [The reuse flag](reuse.ipynb).

**It takes** about <n> minutes.
text
## <A question>?

<What leads to the question.>

**Predict.** <What will the next cell print?>
code
print([v.name for v in g.get_collection("variables")])
text
**The rule: <one sentence>.**

- *<a word of the rule>*: <what it means here>.
text
## What goes wrong

<The errors of this subject and, above all, what fails without one; a cell for each.>
code tags=raises-exception
with g.as_default():
    tf1.get_variable("net/w", [])
text
**Cause.** <…> **Cure.** <…>
text
## On TensorFlow 2 today

<What the TF1 name has become.>
text
## Exercises

:::{admonition} Exercise 1
:class: tip
<The task.>
:::
code
# your turn
text
*Solution*
code tags=hide-cell
assert len(g.get_collection("variables")) == 1
"one variable"
text
## Key points

1. <One for each line of "You will be able to", in the same order, and asserted below.>
code tags=hide-cell
assert len(g.get_collection("variables")) == 1  # 1
text
**Next**: <what to read, and why>.
"""


def template() -> nbformat.NotebookNode:
    """Return the template as a notebook that has not been run."""
    cells = []
    for kind, tags, source in re.findall(
        r"^(text|code)(?: tags=(\S+))?\n(.*?)(?=^(?:text|code)\b|\Z)", TEMPLATE, re.M | re.S
    ):
        cell = new_code_cell(source.strip()) if kind == "code" else new_markdown_cell(source.strip())
        if tags:
            cell.metadata["tags"] = tags.split(",")
        if tags == "hide-cell":
            cell.metadata["jupyter"] = {"source_hidden": True}
        cells.append(cell)
    notebook: nbformat.NotebookNode = new_notebook(cells=cells)
    return notebook


def make(name: str, root: Path = ROOT) -> Path:
    """Make the chapter `name` and its line in `_toc.yml`; return its file. Nothing is changed if it cannot be made."""
    path, toc = root / "chapters" / f"{name}.ipynb", root / "_toc.yml"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        sys.exit(f"chapter: {name!r} cannot be a chapter's name; it takes small letters, digits and _: my_chapter")
    if path.exists():
        sys.exit(f"chapter: chapters/{name}.ipynb is there already; choose another name, or edit it in `make lab`")
    contents = toc.read_text(encoding="utf-8")
    if contents.count(BEFORE) != 1:
        sys.exit(f"chapter: _toc.yml has no line {BEFORE.strip()!r}, before which a new chapter is put")
    nbformat.write(template(), path)
    try:
        refresh(path)
    except BaseException:
        path.unlink()
        raise
    replace(toc, contents.replace(BEFORE, f"      - file: chapters/{name}\n{BEFORE}"))
    return path


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("chapter: give one name: make chapter NAME=my_chapter")
    print(f"chapter: {make(sys.argv[1]).relative_to(ROOT).as_posix()} is in the book; open it with `make lab`")
