"""List the links that lead out of the book and the repository, and try each one: `make links`.

In: the chapters, the other texts, and what scopekit and the tools say. Out: a line for each link that does not
answer; exit code 1 if there is one. Where no network is, the links are listed and none is called broken.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WHERE = ("*.md", "*.cff", "*.toml", "chapters/*.md", "chapters/*.ipynb", "chapters/data/*.md", "scopekit/**/*.py")
LINK = re.compile(r"https?://[^\s\"'<>`\\)\]}]+[^\s\"'<>`\\)\]}.,;:]")
OWN = ("http://www.w3.org/", "http://127.0.0.1", "https://example.")  # names, not places
UNREACHED = (TimeoutError, ConnectionError, urllib.error.URLError)


def links() -> dict[str, list[str]]:
    """Return each link, with the files that have it; of a notebook, its text and not its outputs."""
    found: dict[str, list[str]] = {}
    for path in sorted({path for pattern in WHERE for path in ROOT.glob(pattern)}):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        for link in sorted(set(LINK.findall(text))):
            if not link.startswith(OWN):
                found.setdefault(link, []).append(path.relative_to(ROOT).as_posix())
    return dict(sorted(found.items()))


def fault(link: str) -> str | None:
    """Return what is wrong with a link: an empty text if nothing is, None if no network answers."""
    request = urllib.request.Request(link, headers={"User-Agent": "Mozilla/5.0 (a check of links)"})
    try:
        with urllib.request.urlopen(request, timeout=20):
            return ""
    except urllib.error.HTTPError as error:
        return "" if error.code in (403, 405, 429) else f"{error.code} {error.reason}"  # there, but not for programs
    except UNREACHED:
        return None


def main() -> int:
    """Try them all, and say what was found."""
    found = links()
    with ThreadPoolExecutor(8) as pool:
        faults = dict(zip(found, pool.map(fault, found), strict=True))
    if all(each is None for each in faults.values()):
        print("\n".join(f"{link}  ({', '.join(files)})" for link, files in found.items()))
        print(f"links: no network, none of {len(found)} tried")
        return 0
    broken = {link: each or "no answer" for link, each in faults.items() if each != ""}
    for link, why in broken.items():
        print(f"{link}: {why}  ({', '.join(found[link])})")
    print(f"links: {len(found)} tried, {len(broken)} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
