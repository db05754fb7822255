"""`manage.py bench NAME`: measures what something costs on this machine, in a temporary database."""

from __future__ import annotations

import argparse
import ast
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from omoi_site import command_base
from omoi_site.errors import NotFound

FOLDER: Path = settings.ROOT / "bench"


class Command(command_base.Command):
    help = (
        "Measure what something costs on this machine, and compare it with a peer. It uses a"
        " temporary database."
    )
    needs_database = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--list", action="store_true", help="list what can be measured")
        parser.add_argument(
            "name", nargs="?", metavar="NAME", help="one of --list; `NAME --help` lists its options"
        )
        parser.add_argument("options", nargs=argparse.REMAINDER, metavar="...", help="its options")

    def act(self, **options: Any) -> command_base.Document:
        benches, name = list_benches(), options["name"]
        if options["list"]:
            return {"benches": [{"name": bench, "about": about} for bench, about in benches.items()]}
        if not name:
            raise CommandError(f"name a bench: {', '.join(benches)}", returncode=2)
        if name not in benches:
            raise NotFound(f"there is no bench {name}; there are: {', '.join(benches)}")
        return become(name, [*(["--json"] if options["json"] else []), *options["options"]])

    def show(self, document: command_base.Document) -> None:
        for bench in document["benches"]:
            self.stdout.write(f"{bench['name']:12}{bench['about']}")


def become(bench: str, words: list[str]) -> NoReturn:
    """Replace this process: a bench chooses its database before Django reads the settings, and handles Ctrl-C
    itself. It runs as a module, because the folder of benches has names of the standard library.
    """
    os.environ["PYTHONPATH"] = str(settings.ROOT)
    os.execv(sys.executable, [sys.executable, "-P", "-m", f"bench.{bench}", *words])


def list_benches() -> dict[str, str]:
    """What each bench measures, by name: the scripts of the folder that can run on their own."""
    read = {file.stem: file.read_text() for file in sorted(FOLDER.glob("*.py"))}
    runs = {name: text for name, text in read.items() if '__name__ == "__main__"' in text}
    return {
        name: (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0] for name, text in runs.items()
    }
