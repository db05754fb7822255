"""`manage.py artifacts list OMO-142`, `show`, `add OMO-142 TYPE FILE`, `download ID`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.core.management.base import CommandParser

from omoi_site import command_base, humanize
from omoi_site.command_base import BY, Document, Unreadable
from omoi_site.errors import Invalid, NotFound
from tickets.models import Artifact, NewArtifact, Ticket
from tickets.models.gate.blob import LARGEST

SPOOL = 1 << 20  # bytes kept in memory
FIELDS = ("phase", "name", "revision", "type", "hash", "path", "commit", "fence", "by", "at")


class Command(command_base.Command):
    help = "List, show, submit and download the artifacts of a ticket."

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.verbs(parser)
        verb = add("list", act=self.list, show=self.show_list, help="the newest revision of each artifact")
        verb.add_argument("ticket", metavar="KEY")
        verb.add_argument("--all", action="store_true", help="all revisions")

        verb = add("show", act=self.show_one, show=self.show_artifact, help="one artifact and its revisions")
        verb.add_argument("artifact", metavar="ID", help="as `list` shows it")

        verb = add("add", act=self.add, show=self.show_artifact, help="submit a file")
        verb.add_argument("ticket", metavar="KEY")
        verb.add_argument("type", metavar="TYPE", help="what it is, such as test_results")
        verb.add_argument("file", metavar="FILE", help="`-` reads standard input")
        for name, help in (
            ("name", "its name; that of the file, if you give none"),
            ("phase", "the phase it is for; that of the ticket, if you give none"),
            ("commit", "the commit it was made of"),
            ("path", "where it lies in the repository"),
        ):
            verb.add_argument(f"--{name}", default="", help=help)

        verb = add("download", act=self.download, show=self.show_file, help="write its content to a file")
        verb.add_argument("artifact", metavar="ID")
        verb.add_argument("--to", metavar="FILE", help="a new file; `-` writes to standard output")

    def list(self, *, ticket: str, all: bool, **_: Any) -> Document:
        rows = the_ticket(ticket).artifacts.select_related("blob")
        newest = rows if all else rows.filter(pk__in=rows.current().values("pk"))
        return {"ticket": ticket.upper(), "artifacts": [document(row) for row in newest.order_by("-pk")]}

    def show_one(self, *, artifact: str, **_: Any) -> Document:
        found = the_artifact(artifact)
        same = {"ticket": found.ticket_id, "phase": found.phase, "name": found.name}
        revisions = Artifact.objects.filter(**same).select_related("blob").order_by("-revision")
        return {
            "ticket": found.ticket.key,
            **document(found),
            "revisions": [
                {"id": str(row.pk), "revision": row.revision, "hash": row.hash} for row in revisions
            ],
        }

    def add(self, *, ticket: str, type: str, file: str, **more: Any) -> Document:
        found = the_ticket(ticket)
        name = more["name"] or ("" if file == "-" else Path(file).name)
        source = {field: more[field] for field in ("phase", "commit", "path")}
        with command_base.opened(file) as stream, seekable(stream) as content:
            made = Artifact.objects.submit(found, NewArtifact(type, content, name=name, **source), by=BY)
        return {"ticket": found.key, **document(made)}

    def download(self, *, artifact: str, to: str | None, **how: Any) -> Document:
        found = the_artifact(artifact)
        if to == "-" and how["json"]:
            raise Invalid("standard output takes the content or a document, not both", field="to")
        place = to or Path(found.path or found.name).name or found.type
        if place == "-":
            for piece in found.blob.pieces():
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        else:
            write(Path(place), found)
        return {"ticket": found.ticket.key, **document(found), "file": place}

    def show_list(self, listed: Document) -> None:
        for row in listed["artifacts"]:
            self.stdout.write(
                f"{row['id']}  {row['name']} r{row['revision']}  {humanize.phase(row['phase'])},"
                f" {row['type']}, {row['size']} bytes, by {humanize.actor(row['by'])}"
                + (f", commit {row['commit'][:10]}" if row["commit"] else "")
            )
        if not listed["artifacts"]:
            self.stdout.write(f"Nothing is submitted for {listed['ticket']}.")

    def show_artifact(self, row: Document) -> None:
        self.stdout.write(f"{row['ticket']}: {row['name']} r{row['revision']} (id {row['id']})")
        for name in ("phase", "type", "size", "hash", "path", "commit", "task", "by", "at"):
            if row[name] not in ("", None):
                self.stdout.write(f"  {name}: {row[name]}")
        for other in row.get("revisions", []):
            self.stdout.write(f"  r{other['revision']}: id {other['id']}, {other['hash'][:12]}")

    def show_file(self, row: Document) -> None:
        if row["file"] != "-":
            self.stdout.write(f"{row['name']} r{row['revision']} is in {row['file']}.")


def document(artifact: Artifact) -> Document:
    """As the API shows it."""
    task = str(artifact.task_id) if artifact.task_id else None
    fields = {name: getattr(artifact, name) for name in FIELDS}
    return {"id": str(artifact.pk), **fields, "size": artifact.blob.size, "task": task}


def the_ticket(key: str) -> Ticket:
    ticket = Ticket.objects.named(key)
    if ticket is None:
        raise NotFound(f"there is no ticket {key}")
    return ticket


def the_artifact(pk: str) -> Artifact:
    known = pk.isascii() and pk.isdigit() and len(pk) < 19
    artifact = Artifact.objects.select_related("blob", "ticket").filter(pk=int(pk)).first() if known else None
    if artifact is None:
        raise NotFound(
            f"there is no artifact {pk}", next_action="`python3 manage.py artifacts list KEY` shows the ids."
        )
    return artifact


@contextmanager
def seekable(stream: BinaryIO) -> Iterator[BinaryIO]:
    """What can be read twice; a pipe is kept in a file as far as an artifact may be large."""
    if stream.seekable():
        yield stream
        return
    with tempfile.SpooledTemporaryFile(SPOOL) as file:
        while (data := stream.read(SPOOL)) and file.tell() <= LARGEST:
            file.write(data)
        yield cast("BinaryIO", file)


def write(place: Path, artifact: Artifact) -> None:
    """Write the content to a new file, which appears only when all of it is there and checked."""
    scratch = place.with_name(f".{place.name}.{os.getpid()}.new")
    try:
        if place.exists():
            raise Invalid(f"{place} exists already", next_action="Name another file with --to.")
        with open(scratch, "xb") as file:
            for piece in artifact.blob.pieces():
                file.write(piece)
        scratch.rename(place)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        way_out = "Name a file that this user may write."
        raise Unreadable(f"{place}: {error.strerror}", next_action=way_out) from error
    finally:
        scratch.unlink(missing_ok=True)
