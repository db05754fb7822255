"""Opens a page in the browser of the person at this terminal."""

from __future__ import annotations

import os
import sys
import webbrowser
from html import escape
from pathlib import Path

PAGE = """<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={0}">
<title>Omoi</title>
<a href="{0}">Omoi</a>
"""


def show(address: str, home: Path) -> None:
    """Open `address` through a file that only its owner can read: the address is a key, and every user can
    see the arguments of the browser's process.
    """
    if not sys.stdout.isatty() or not _has_screen():
        return
    page = home / "open.html"
    with open(os.open(page, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(PAGE.format(escape(address)))
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    if type(browser) is not webbrowser.GenericBrowser:  # a generic browser would take over this terminal
        browser.open(page.as_uri())


def forget(home: Path) -> None:
    (home / "open.html").unlink(missing_ok=True)


def _has_screen() -> bool:
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
