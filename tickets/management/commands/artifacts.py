"""`manage.py artifacts list OMO-142`, `show`, `add OMO-142 TYPE FILE`, `download ID`, `verify`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.core.management.base import CommandParser
from django.db.models import Sum
from django.utils import timezone

from omoi_site import command_base, humanize
from omoi_site.command_base import BY, Document, Unreadable
from omoi_site.errors import Invalid, NotFound
from omoi_site.field_limits import whole_number
from tickets.management.lookups import the_ticket
from tickets.models import Artifact, Blob, NewArtifact
from tickets.models.gate import content_check
from tickets.models.gate.blob import LARGEST

SPOOL = 1 << 20  # bytes kept in memory
FIELDS = ("phase", "name", "revision", "type", "hash", "path", "commit", "fence", "by", "at")


class Command(command_base.Command):
    help = "List, show, submit and download the artifacts of a ticket. Verify the content of all."

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
            ("name", "its name; without it, the name of the file"),
            ("phase", "the phase it is for; without it, the phase of the ticket"),
            ("commit", "the commit it was made of"),
            ("path", "its path in the repository"),
        ):
            verb.add_argument(f"--{name}", default="", help=help)

        verb = add("download", act=self.download, show=self.show_file, help="write its content to a file")
        verb.add_argument("artifact", metavar="ID")
        verb.add_argument("--to", metavar="FILE", help="a new file; `-` writes to standard output")

        verb = add("verify", act=self.verify, show=self.show_verified, help="read all content, and check it")
        verb.add_argument(
            "--remove-unreferenced",
            action="store_true",
            help="delete files of content that are older than a day and belong to no artifact",
        )
        verb.add_argument("--dry-run", action="store_true", help="say what would be deleted; change nothing")

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
            raise Invalid("--json and `--to -` both write to standard output: use one of them", field="to")
        place = to or Path(found.path or found.name).name or found.type
        if place == "-":
            for piece in found.blob.pieces():
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        else:
            write(Path(place), found)
        return {"ticket": found.ticket.key, **document(found), "file": place}

    def verify(self, *, remove_unreferenced: bool, dry_run: bool, **_: Any) -> Document:
        counts = Counter({"ok": 0, "missing": 0, "damaged": 0, "unreadable": 0})
        faults = []
        size = Blob.objects.aggregate(total=Sum("size", default=0))["total"]
        with command_base.progress(total=size, desc="Reading", unit="B", unit_scale=True) as bar:
            for blob, state, why in content_check.read_all():
                counts[state] += 1
                if why:
                    faults.append(fault(blob, state, why))
                bar.update(blob.size)
        try:
            names = list(content_check.unreferenced())
        except NotImplementedError:  # this storage cannot list its files
            names = None
        old = [name for name in names or () if content_check.old(name)]
        delete = remove_unreferenced and not dry_run
        removed = content_check.remove_unreferenced(old) if delete else 0
        return {**counts, "faults": faults, "unreferenced": names, "old": len(old), "removed": removed}

    def failed(self, document: Document) -> bool:
        return bool(document.get("faults"))

    def show_list(self, listed: Document) -> None:
        for row in listed["artifacts"]:
            self.stdout.write(
                f"{row['id']}  {row['name']} r{row['revision']}  {humanize.phase(row['phase'])},"
                f" {row['type']}, {humanize.size(row['size'])}, by {humanize.actor(row['by'])}"
                f" {humanize.relative(row['at'], timezone.now())}"
                + (f", commit {row['commit'][:10]}" if row["commit"] else "")
            )
        if not listed["artifacts"]:
            self.stdout.write(f"Nothing is submitted for {listed['ticket']}.")

    def show_artifact(self, row: Document) -> None:
        self.stdout.write(f"{row['ticket']}: {row['name']} r{row['revision']} (id {row['id']})")
        words = {
            "phase": humanize.phase(row["phase"]),
            "size": humanize.size(row["size"]),
            "by": humanize.actor(row["by"]),
            "at": humanize.relative(row["at"], timezone.now()),
        }
        for name in ("phase", "type", "size", "hash", "path", "commit", "task", "by", "at"):
            if row[name] not in ("", None):
                self.stdout.write(f"  {name}: {words.get(name, row[name])}")
        for other in row.get("revisions", []):
            self.stdout.write(f"  r{other['revision']}: id {other['id']}, {other['hash'][:12]}")

    def show_verified(self, found: Document) -> None:
        for row in found["faults"]:
            self.stdout.write(
                f"{row['state'].upper()}  {row['hash']}, {humanize.size(row['size'])}: {row['why']}"
            )
            for one in row["artifacts"]:
                self.stdout.write(f"  {one['ticket']}: {one['name']} r{one['revision']} (id {one['id']})")
        wrong, read = len(found["faults"]), found["ok"] + len(found["faults"])
        self.stdout.write(f"Read: {read}. As submitted: {found['ok']}.")
        if wrong:
            self.stdout.write(
                f"Missing: {found['missing']}. Damaged: {found['damaged']}."
                f" Unreadable: {found['unreadable']}. Restore their files from a backup, or submit the same"
                " files again: that repairs them."
            )
        self.show_unreferenced(found)

    def show_unreferenced(self, found: Document) -> None:
        if found["unreferenced"] is None:
            self.stdout.write(
                "This storage cannot list its files. So files without an artifact are not known."
            )
        elif found["removed"]:
            self.stdout.write(f"Files without an artifact: {found['removed']} deleted.")
        elif found["unreferenced"]:
            self.stdout.write(
                f"Files without an artifact: {len(found['unreferenced'])}. Older than a day: {found['old']}."
                " To delete the older ones, add --remove-unreferenced. Keep them if another installation uses"
                " this storage, or if you may still restore a newer backup of the database."
            )

    def show_file(self, row: Document) -> None:
        if row["file"] != "-":
            self.stdout.write(f"{row['name']} r{row['revision']} is in {row['file']}.")


def document(artifact: Artifact) -> Document:
    """As the API shows it."""
    task = str(artifact.task_id) if artifact.task_id else None
    fields = {name: getattr(artifact, name) for name in FIELDS}
    return {"id": str(artifact.pk), **fields, "size": artifact.blob.size, "task": task}


def fault(blob: Blob, state: str, why: str) -> Document:
    """Content that is not as it was submitted, with some of its artifacts."""
    artifacts = [
        {"ticket": row.ticket.key, "id": str(row.pk), "name": row.name, "revision": row.revision}
        for row in content_check.artifacts_of(blob)
    ]
    place = {"hash": blob.hash, "size": blob.size, "location": blob.location}
    return {"state": state, "why": why, **place, "artifacts": artifacts}


def the_artifact(pk: str) -> Artifact:
    artifact = Artifact.objects.select_related("blob", "ticket").filter(pk=whole_number(pk) or 0).first()
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
