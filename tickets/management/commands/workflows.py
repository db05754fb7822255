"""`manage.py workflows check FILE`, `manage.py workflows install FILE`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from omoi_site import commands
from omoi_site.errors import NotFound, OmoiError
from tickets.models import Workflow


class Unreadable(NotFound):
    """There is no such file, or it cannot be read."""

    code = "unreadable"
    title = "The file cannot be read"


class Command(commands.Command):
    help = "Check a workflow document, or install it as the next version of its name."

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.verbs(parser)
        for verb, act, help in (
            ("check", self.check_file, "say every fault of a document, and change nothing"),
            ("install", self.install, "store a document; tickets opened from then on follow it"),
        ):
            add(verb, act=act, tell=self.told, help=help).add_argument("file", metavar="FILE", help="YAML or JSON; `-` is standard input")

    def check_file(self, *, file: str, **_: Any) -> commands.Document:
        with naming(file):
            plan = Workflow.objects.checked(content_of(file))
        return {"name": plan.name, "start": plan.start, "phases": [phase.name for phase in plan.phases]}

    def install(self, *, file: str, **_: Any) -> commands.Document:
        with naming(file):
            stored = Workflow.objects.install(content_of(file), by=commands.BY)
        return {"name": stored.name, "version": stored.version, "phases": [phase.name for phase in stored.plan.phases]}

    def told(self, document: commands.Document) -> None:
        what = f"version {document['version']} is installed" if "version" in document else "the document is valid"
        self.stdout.write(f"{document['name']}: {what}: {' -> '.join(document['phases'])}.")


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Refusals say which file they are about."""
    try:
        yield
    except OmoiError as refusal:
        name = "standard input" if file == "-" else file
        if not refusal.message.startswith(name):
            refusal.message = f"{name}: {refusal.message}"
        raise


def content_of(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}") from error
