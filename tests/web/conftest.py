"""The built pages in the system's Chromium, from disk and from a server of this machine alone."""

from __future__ import annotations

import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from web.book import HTML, PAGES, SIZES, Open


def chromium() -> str:
    """Return the system's Chromium; end the run, in one line, where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if path := shutil.which(name):
            return path
    return pytest.exit(
        "test-web needs a browser and found none: install Chromium (Debian, Ubuntu: apt-get install chromium)", 2
    )


def pytest_sessionstart() -> None:
    if not PAGES:
        pytest.exit("test-web found no pages in _build/html; `make book` builds them", 2)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"] if sys.platform == "linux" else []
        browser = playwright.chromium.launch(executable_path=chromium(), args=options)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Return what opens a page, by its name below _build/html or by its address, and gathers its faults.

    The faults of a page, errors on its console and requests that leave it, are its attribute `faults`, and what it
    asked for is `asked`.
    """
    contexts = []

    def open_it(name: str, size: str = "desk", mode: str = "light") -> Page:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if mode == "dark" else "light",
            permissions=["clipboard-read", "clipboard-write"],
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        address = name if "://" in name else (HTML / name).as_uri()
        home = address.split("/")[2]
        faults: list[str] = []
        asked: list[str] = []
        page.on("console", lambda said: faults.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("requestfailed", lambda asked: faults.append(f"failed: {asked.url}"))
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith(("data:", "blob:")) or asked.url.split("/")[2] == home
                else faults.append(f"leaves the page: {asked.url}")
            ),
        )
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.faults, page.asked = faults, asked  # type: ignore[attr-defined]
        return page

    yield open_it
    for context in contexts:
        context.close()


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Return the address of the built pages on a server of this machine: a search asks for other pages."""
    handler = functools.partial(_Silent, directory=str(HTML))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was measured: a time is a report here, not a test, because a busy machine is slow."""
    found = [
        (key, value, report.nodeid)
        for report in terminalreporter.getreports("passed")
        for key, value in report.user_properties
    ]
    for what in ("bytes of a page", "first paint, ms"):
        values = sorted((value, where) for key, value, where in found if key == what)
        if values:
            middle, (most, where) = values[len(values) // 2][0], values[-1]
            terminalreporter.write_line(f"{what}: {middle:,} in the middle, {most:,} at most ({where})")
