"""`manage.py artifacts`: list, show, submit and download."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from omoi_site.command_base import Unreadable
from omoi_site.errors import Invalid, NotFound, TooLarge
from tests.factories import submit
from tickets.models import Artifact, Blob
from tickets.runtime import health_checks

pytestmark = pytest.mark.django_db


def json_output(capsys, *words: str) -> dict:
    call_command("artifacts", *words, "--json")
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def folder(tmp_path, settings) -> Path:
    """A storage of its own, in an empty folder."""
    place = tmp_path / "artifacts"
    files = {
        "BACKEND": "tickets.models.gate.local_files.LocalFiles",
        "OPTIONS": {"location": str(place)},
    }
    settings.STORAGES = {**settings.STORAGES, "artifacts": files}
    return place


def test_all_content_is_verified(capsys, folder, ticket, ada):
    good, gone, spoiled = (
        submit(ticket, "notes", text, by=ada, name=text.decode()) for text in (b"a", b"b", b"c")
    )
    assert json_output(capsys, "verify") == {
        "ok": 3,
        "missing": 0,
        "damaged": 0,
        "unreadable": 0,
        "faults": [],
        "unreferenced": [],
        "old": 0,
        "removed": 0,
    }
    (folder / gone.blob.location).unlink()
    (folder / spoiled.blob.location).write_bytes(b"d")
    stray = folder / "aa" / f"{'a' * 64}.{'0' * 16}"
    stray.parent.mkdir(exist_ok=True)
    stray.touch()
    (folder / "aa" / "not ours").touch()

    with pytest.raises(SystemExit) as ended:
        call_command("artifacts", "verify", "--json")
    found = json.loads(capsys.readouterr().out)
    assert ended.value.code == 1
    assert (found["ok"], found["missing"], found["damaged"], found["unreadable"]) == (1, 1, 1, 0)
    states = {row["hash"]: (row["state"], row["artifacts"][0]["ticket"]) for row in found["faults"]}
    assert states == {gone.hash: ("missing", ticket.key), spoiled.hash: ("damaged", ticket.key)}
    assert found["unreferenced"] == [f"aa/{stray.name}"]

    with pytest.raises(SystemExit):
        call_command("artifacts", "verify")
    shown = capsys.readouterr().out
    assert f"{ticket.key}: b r1" in shown
    assert "Read: 3. As submitted: 1.\nMissing: 1. Damaged: 1. Unreadable: 0." in shown
    assert "Files without an artifact: 1. Older than a day: 0." in shown
    assert good.blob_id not in shown


def test_only_old_files_that_belong_to_nothing_are_removed_and_only_if_asked(capsys, folder, ticket, ada):
    kept = submit(ticket, "notes", b"a", by=ada)
    names = [f"{'a' * 64}.{number:016}" for number in range(3)]
    old, young, being_written = (folder / "aa" / name for name in names)
    for path in (old, young, being_written, folder / "incoming" / being_written.name):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    for path in (old, being_written, folder / kept.blob.location):
        os.utime(path, (0, 0))

    assert json_output(capsys, "verify")["removed"] == 0
    assert json_output(capsys, "verify", "--remove-unreferenced", "--dry-run")["old"] == 1
    assert old.exists()
    assert json_output(capsys, "verify", "--remove-unreferenced")["removed"] == 1

    assert not old.exists()
    assert young.exists()
    assert being_written.exists()
    assert (folder / kept.blob.location).exists()


def test_a_file_that_cannot_be_read_does_not_end_the_work(capsys, folder, ticket, ada):
    first = submit(ticket, "notes", b"a", by=ada, name="a")
    submit(ticket, "notes", b"b", by=ada, name="b")
    (folder / first.blob.location).unlink()
    (folder / first.blob.location).mkdir()

    with pytest.raises(SystemExit):
        call_command("artifacts", "verify", "--json")

    found = json.loads(capsys.readouterr().out)
    assert [row["state"] for row in found["faults"]] == ["unreadable"]
    assert found["ok"] == 1


def test_doctor_says_when_files_are_missing(folder, ticket, ada):
    assert health_checks.artifacts() == ("ok", "no content in files")
    artifact = submit(ticket, "notes", b"a", by=ada)
    assert health_checks.artifacts() == ("ok", "files looked at, the newest: 1; all are there")

    (folder / artifact.blob.location).unlink()

    state, what, how = health_checks.artifacts()
    assert (state, what) == ("wrong", "files of content looked at, the newest: 1; missing or not whole: 1")
    assert "artifacts verify" in how


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
    row = rf"^{artifact.pk}  notes r1  Doing, notes, 1 byte, by admin \d+ seconds? ago, commit 4f2a91c7d0$"
    assert re.search(row, said, re.MULTILINE)
    for line in ("phase: Doing", "size: 1 byte", "by: admin", r"at: \d+ seconds? ago"):
        assert re.search(rf"^  {line}$", said, re.MULTILINE), line
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
