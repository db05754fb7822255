"""The documents name files and folders that are there, and every room has its line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
APPS = ("omoi_site", "agents", "tickets", "collaboration")
OURS = re.compile(
    r"`((?:omoi_site|agents|tickets|collaboration|templates|static|tests|docs|bench)/[\w/.-]*)`(?!"
    r" \(\*new\*\))"
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
MADE = {"__pycache__", "sql", "documents", "sample_program"}  # told of in the line of the folder above


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


RECIPES = ROOT / "docs/contributing/extending.md"
BLOCK = re.compile(
    r"```(?:python|sql)\n(?:#|--) (\S+), (new|at the end|at the beginning|in \w+)\n(.*?)```", re.DOTALL
)


def put(code: Path, name: str, place: str, text: str) -> None:
    """Put a block of a recipe where its first line says."""
    file = code / name
    if place == "new":
        file.write_text(text)
        return
    before = file.read_text()
    if place == "at the end":
        at, text = len(before), f"\n\n{text}"
    elif place == "at the beginning":
        first = re.search(r"^(?:from (?!__future__)|import )", before, re.MULTILINE)
        assert first, file
        at = first.start()
    else:
        held = re.escape(place.removeprefix("in "))
        opened = re.search(rf"^(?:class {held}\b.*:$|{held}\b.*?= [\[{{(])", before, re.MULTILINE)
        assert opened, f"{name} has no {held}"
        at, text = opened.end(), f"\n{text}"
    file.write_text(before[:at] + text + before[at:])


@pytest.mark.full
def test_the_recipes_of_contributors_run(tmp_path):
    for name in ("tests", "docs", "bench", *APPS, "templates", "static"):
        shutil.copytree(ROOT / name, tmp_path / name)  # compiled as it is here
    for file in ("manage.py", "pyproject.toml", *(file.name for file in ROOT.glob("requirements*.txt"))):
        shutil.copy(ROOT / file, tmp_path / file)
    last = max(path.stem for path in (ROOT / "tickets/migrations").glob("[0-9]*.py"))
    blocks = BLOCK.findall(RECIPES.read_text())
    for name, place, text in blocks:
        put(tmp_path, name, place, text.replace('"LAST"', f'"{last}"'))
    tests = [name for name, _, _ in blocks if Path(name).name.startswith("test_")]
    assert len(tests) == 7

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", *tests],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith(("OMOI_", "PYTEST_"))},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
