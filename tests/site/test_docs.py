"""The documents name files and folders that are there, and every room has its line."""

from __future__ import annotations

import re

import pytest

from tests.support import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
APPS = ("omoi_site", "agents", "tickets", "collaboration")
OURS = re.compile(
    r"`((?:omoi_site|agents|tickets|collaboration|templates|static|tests|docs|bench)/[\w/.-]*)`(?! \(\*new\*\))"
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
MADE = {"__pycache__", "sql", "documents", "pieces"}  # told of in the line of the folder above


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_a_page_names_is_there(page):
    text = page.read_text()

    missing = [name for name in OURS.findall(text) if not (ROOT / name).exists()]
    missing += [link for link in LINK.findall(text) if not (page.parent / link).exists()]

    assert not missing


def test_every_room_has_its_line_in_the_architecture():
    page = (ROOT / "docs/architecture.md").read_text()
    rooms = {path.parent for app in APPS for path in (ROOT / app).rglob("*") if path.is_file()}
    names = {f"{room.relative_to(ROOT)}/" for room in rooms if not set(room.parts) & MADE}

    assert not {name for name in names if f"`{name}`" not in page and not name.endswith("/management/")}
