"""Finish the built pages: take away what no browser shows, so that a page is small and says only what is there.

In: the folder of built pages. Out: the same folder. Without it the pages look the same and weigh four times as much.
The same pages give the same bytes.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import zlib
from pathlib import Path

import tinycss2

# Read by no page: _templates/layout.html does without them.
UNUSED = ("**/*.map", "scripts/bootstrap*", "scripts/fontawesome*", "vendor", "**/*macros.html", "locales")
PLAIN = re.compile(r'<span class="(?:n|nn|nb|bp|o|p|w|pre)">([^<]*)</span>|<span></span>')
NAME = re.compile(r"[A-Za-z_][\w-]*")
NEGATED = re.compile(r":(?:not|is|where|has)\((?:[^()]|\([^()]*\))*\)")
NEEDED = re.compile(r"[.#]((?:[\w-]|\\.)+)")


def finish(html: Path) -> None:
    """Finish the pages under `html` in place."""
    static = html / "_static"
    for pattern in UNUSED:
        for path in sorted(static.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    pages = [path for path in sorted(html.rglob("*.html")) if static not in path.parents]
    texts = {path: tidy(path.read_text(encoding="utf-8")) for path in pages}
    names = names_in(list(texts.values()), [path.read_text(encoding="utf-8") for path in static.rglob("*.js")])
    styles = {path: slim(path.read_text(encoding="utf-8"), names) for path in sorted(static.rglob("*.css"))}
    read = set(re.findall(r"var\(\s*(--[\w-]+)", "".join([*styles.values(), *texts.values()])))
    for path, text in styles.items():
        path.write_text(without_unread(text, read), encoding="utf-8")
    for path, text in texts.items():
        path.write_text(stamp(text, static), encoding="utf-8")
    front(html / "index.html")
    thin_search(html / "searchindex.js")


def tidy(page: str) -> str:
    """Return `page` with its pictures once, with no heading cell that heads nothing, and no mark that marks nothing.

    A picture carries an <img> of itself for notebooks that are not trusted; pages show the drawing. The corner of a
    table of pandas is a <th> without a word, which a screen reader announces. Of the words of a program most are in
    the colour of the text, each in a <span> of its own: a tenth of the page.
    """
    page = PLAIN.sub(r"\1", page)
    page = re.sub(r'<img class="sk-still"[^>]*>', "", page)
    return re.sub(r"<th(?: class=\"[\w -]*\")?>(?:<p></p>)?</th>", "<td></td>", page)


def front(page: Path) -> None:
    """Give the page that leads to the first one the title and the words of that, for links from elsewhere."""
    text = page.read_text(encoding="utf-8")
    if lead := re.search(r'http-equiv="Refresh" content="0; url=([^"]+)"', text):
        first = (page.parent / lead[1]).read_text(encoding="utf-8")
        said = re.findall(r'<title>.*?</title>|<meta (?:name="(?:description|twitter)|property="og:).*?>', first, re.S)
        page.write_text("\n".join(["<!DOCTYPE html>", *said, text]).replace('"../', '"'), encoding="utf-8")


def thin_search(index: Path) -> None:
    """Take the headings out of the index entries of the search, which has them as titles and would show them twice."""
    head, _, call = index.read_text(encoding="utf-8").partition("(")
    found = json.loads(call.rstrip().removesuffix(")"))
    titles = {title.lower() for title in found["alltitles"]}
    found["indexentries"] = {name: where for name, where in found["indexentries"].items() if name not in titles}
    index.write_text(f"{head}({json.dumps(found, separators=(',', ':'))})", encoding="utf-8")


def names_in(pages: list[str], scripts: list[str]) -> set[str]:
    """Return each class and id that a page has, and each word of a script, which may set one."""
    found = {"html", "body"}
    for page in pages:
        for value in re.findall(r'\b(?:class|id)="([^"]*)"', page):
            found.update(value.split())
        found.update(
            word for script in re.findall(r"<script[^>]*>(.*?)</script>", page, re.S) for word in NAME.findall(script)
        )
    for script in scripts:
        found.update(NAME.findall(script))
    return found


def slim(css: str, names: set[str]) -> str:
    """Return `css` without the rules whose every selector names a class or id that is not in `names`."""
    return _rules(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True), names)


def _rules(rules: list[tinycss2.ast.Node], names: set[str]) -> str:
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [each.strip() for each in _split(tinycss2.serialize(rule.prelude))]
            used = [each for each in selectors if _used(each, names)]
            if used:
                kept.append(",".join(used) + "{" + tinycss2.serialize(rule.content).strip() + "}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inner = _rules(tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True), names)
            if inner:
                kept.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{inner}}}")
        elif rule.type == "at-rule" and not (rule.lower_at_keyword == "font-face" and "fa-" in rule.serialize()):
            kept.append(rule.serialize())
        elif rule.type == "error":
            raise ValueError(f"a style sheet that cannot be read: {rule.message}")
    return "\n".join(kept)


def _split(selectors: str) -> list[str]:
    """Split at the commas that are not in parentheses."""
    return re.split(r",(?![^()]*(?:\([^()]*\)[^()]*)*\))", selectors)


def _used(selector: str, names: set[str]) -> bool:
    needed = NEEDED.findall(NEGATED.sub("", selector))
    return all(name.replace("\\", "") in names for name in needed)


def without_unread(css: str, read: set[str]) -> str:
    """Return `css` without the custom properties that nothing reads."""
    return re.sub(
        r"(?<=[{;])\s*(--[\w-]+)\s*:(?:[^;{}\"']|\"[^\"]*\"|'[^']*')*(?:;|(?=\}))",
        lambda found: found[0] if found[1] in read else "",
        css,
    )


def stamp(page: str, static: Path) -> str:
    """Return `page` with each style sheet's digest in its address, so that a browser keeps no old one."""

    def mark(found: re.Match[str]) -> str:
        return f'{found[1]}?v={zlib.crc32((static / found[2]).read_bytes()):08x}"'

    return re.sub(r'(href="[./]*_static/([^"?]+\.css))(?:\?[^"]*)?"', mark, page)


if __name__ == "__main__":
    finish(Path(sys.argv[1]))
