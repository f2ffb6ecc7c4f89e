"""Which pages there are, and at which sizes they are looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent.parent
HTML = ROOT / "_build" / "html"
PAGES = sorted(
    path.relative_to(HTML).as_posix()
    for path in HTML.rglob("*.html")
    if HTML / "_static" not in path.parents and path != HTML / "index.html"  # which only leads on to the first page
)
SIZES = {"phone": (390, 844), "desk": (1280, 900)}

Open = Callable[..., Page]
