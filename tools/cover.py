"""Draw the picture that a link to the book shows elsewhere: `make cover`.

In: tools/cover.svg, and in it the logo and the picture that the README and the first page have, which a notebook drew.
Out: _static/cover.png, 1200 × 630, drawn by the system's Chromium.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def source() -> str:
    """Return the cover as one SVG."""

    def put(found: re.Match[str]) -> str:
        return (ROOT / "_static" / found[1]).read_text(encoding="utf-8").strip()

    return re.sub(r"<!-- (\w+\.svg) -->", put, (ROOT / "tools" / "cover.svg").read_text(encoding="utf-8"))


def main() -> None:
    """Draw it."""
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not chromium:
        sys.exit("cover: needs a browser: install Chromium (Debian, Ubuntu: apt-get install chromium)")
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if sys.platform == "linux" else []
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        page = browser.new_page(viewport={"width": 1200, "height": 630}, color_scheme="light")
        page.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block }}</style>{source()}")
        page.screenshot(path=str(ROOT / "_static" / "cover.png"))
        browser.close()


if __name__ == "__main__":
    main()
