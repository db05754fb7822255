"""`manage.py artifacts`: list, show, submit and download."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from omoi_site.command_base import Unreadable
from omoi_site.errors import Invalid, NotFound, TooLarge
from tests.factories import submit
from tickets.models import Artifact, Blob

pytestmark = pytest.mark.django_db


def json_output(capsys, *words: str) -> dict:
    call_command("artifacts", *words, "--json")
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "run.log"
    path.write_bytes(b"all \xff is well")
    return path


def test_a_file_is_submitted_listed_shown_and_downloaded(capsys, ticket, file, tmp_path):
    made = json_output(capsys, "add", ticket.key.lower(), "test_evidence", str(file), "--commit", "4f2a91c")
    assert (made["name"], made["revision"], made["by"], made["commit"]) == (
        "run.log",
        1,
        "system:cli",
        "4f2a91c",
    )
    file.write_bytes(b"two")
    second = json_output(capsys, "add", ticket.key, "test_evidence", str(file))

    assert [row["id"] for row in json_output(capsys, "list", ticket.key)["artifacts"]] == [second["id"]]
    assert len(json_output(capsys, "list", ticket.key, "--all")["artifacts"]) == 2
    shown = json_output(capsys, "show", made["id"])
    assert [row["revision"] for row in shown["revisions"]] == [2, 1]
    copy = tmp_path / "copy"
    assert json_output(capsys, "download", made["id"], "--to", str(copy))["file"] == str(copy)
    assert copy.read_bytes() == b"all \xff is well"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "run.log"]


def test_people_read_it(capsys, ticket, operator):
    artifact = submit(ticket, "notes", b"x", by=operator, commit="4f2a91c7d0e1")
    call_command("artifacts", "list", ticket.key)
    call_command("artifacts", "show", str(artifact.pk))
    said = capsys.readouterr().out
    assert f"{artifact.pk}  notes r1  Doing, notes, 1 bytes, by admin, commit 4f2a91c7d0" in said
    assert f"hash: {artifact.hash}" in said


def test_a_pipe_is_read_and_written(capfdbinary, ticket, monkeypatch):
    reading, writing = os.pipe()
    os.write(writing, b"from a pipe")
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(pipe))
        call_command("artifacts", "add", ticket.key, "log", "-", "--name", "piped")
    capfdbinary.readouterr()
    call_command("artifacts", "download", str(Artifact.objects.get().pk), "--to", "-")
    assert capfdbinary.readouterr().out == b"from a pipe"


def test_what_cannot_be_is_refused_and_leaves_nothing(ticket, operator, file, tmp_path):
    artifact = submit(ticket, "notes", b"x", by=operator)
    large = tmp_path / "large"
    with large.open("wb") as sparse:
        sparse.truncate((100 << 20) + 1)
    for error, words in (
        (NotFound, ["list", "OMO-99"]),
        (NotFound, ["show", "9" * 30]),
        (NotFound, ["show", "x"]),
        (Unreadable, ["add", ticket.key, "notes", str(tmp_path / "nothing")]),
        (Unreadable, ["add", ticket.key, "notes", str(tmp_path)]),
        (Invalid, ["add", ticket.key, "No Type", str(file)]),
        (Invalid, ["add", ticket.key, "notes", str(file), "--phase", "NOWHERE"]),
        (TooLarge, ["add", ticket.key, "notes", str(large)]),
        (Invalid, ["download", str(artifact.pk), "--to", str(file)]),
        (Invalid, ["download", str(artifact.pk), "--to", "-", "--json"]),
        (Unreadable, ["download", str(artifact.pk), "--to", str(tmp_path / "no" / "folder")]),
    ):
        with pytest.raises(error):
            call_command("artifacts", *words)
    assert [row.pk for row in Artifact.objects.all()] == [artifact.pk]
    assert Blob.objects.count() == 1
    assert file.read_bytes() == b"all \xff is well"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large", "run.log"]
