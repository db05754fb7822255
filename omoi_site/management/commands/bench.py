"""`manage.py bench NAME`: what something costs on this machine, measured on a database of its own that is gone afterwards."""

from __future__ import annotations

import argparse
import ast
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from omoi_site import commands
from omoi_site.errors import NotFound

FOLDER: Path = settings.ROOT / "bench"


class Command(commands.Command):
    help = "Measure what something costs on this machine, beside a peer, on a database of its own that is gone afterwards."
    needs_database = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--list", action="store_true", help="say what can be measured")
        parser.add_argument(
            "name", nargs="?", metavar="NAME", help="one of --list; `NAME --help` tells its options"
        )
        parser.add_argument("options", nargs=argparse.REMAINDER, metavar="...", help="its options")

    def act(self, **asked: Any) -> commands.Document:
        there, name = known(), asked["name"]
        if asked["list"]:
            return {"benches": [{"name": each, "about": about} for each, about in there.items()]}
        if not name:
            raise CommandError(f"name what to measure: {', '.join(there)}", returncode=2)
        if name not in there:
            raise NotFound(f"there is no bench {name}; there are: {', '.join(there)}")
        return become(FOLDER / f"{name}.py", [*(["--json"] if asked["json"] else []), *asked["options"]])

    def tell(self, document: commands.Document) -> None:
        for each in document["benches"]:
            self.stdout.write(f"{each['name']:12}{each['about']}")


def become(script: Path, words: list[str]) -> NoReturn:
    """As `test` becomes pytest: a bench chooses its database before Django reads the settings, and Ctrl-C is its own."""
    os.execv(sys.executable, [sys.executable, str(script), *words])


def known() -> dict[str, str]:
    """What each bench measures, by name: those of the folder that can be run by themselves."""
    read = {file.stem: file.read_text() for file in sorted(FOLDER.glob("*.py"))}
    runs = {name: text for name, text in read.items() if '__name__ == "__main__"' in text}
    return {
        name: (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0] for name, text in runs.items()
    }
