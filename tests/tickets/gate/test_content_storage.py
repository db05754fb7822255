"""Where content lies: written whole before its row, once, checked when read; a crash leaves only what the
sweep removes.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.db import DatabaseError, connection, transaction

from omoi_site.database import sql
from omoi_site.errors import Invalid
from omoi_site.setup import artifact_storage
from tests.factories import submit
from tests.support import ROOT, cluster, reports
from tests.support.api_client import api_of
from tests.support.concurrency import Act, meanwhile, race
from tickets.models import Artifact, Blob, Chunk, NewArtifact, Outcome, Task
from tickets.models.gate import content_storage
from tickets.models.gate.blob import REPAIR_ALONE, Damaged
from tickets.models.gate.local_files import LocalFiles
from tickets.runtime.sweeps import SWEEPS

pytestmark = pytest.mark.django_db(transaction=True)
DAY_S = 86_400


@pytest.fixture
def folder(tmp_path, settings):
    """A storage of its own, in an empty folder."""
    place = tmp_path / "artifacts"
    settings.STORAGES = {
        **settings.STORAGES,
        "artifacts": {
            "BACKEND": "tickets.models.gate.local_files.LocalFiles",
            "OPTIONS": {"location": str(place)},
        },
    }
    return place


def files(folder: Path) -> list[Path]:
    """Those with content."""
    return [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "incoming"]


def markers(folder: Path) -> list[Path]:
    return list(folder.glob("incoming/*"))


def sweep() -> int | None:
    [found] = [sweep for sweep in SWEEPS if sweep.name == "remove_files"]
    return found.run()


def age(paths: list[Path]) -> None:
    """A day and a bit passes."""
    for path in paths:
        os.utime(path, (time.time() - DAY_S - 60,) * 2)


def content_of(artifact: Artifact) -> bytes:
    return b"".join(Blob.objects.get(pk=artifact.blob_id).pieces())


def test_content_is_a_file_that_only_this_account_may_read(folder, ticket, ada):
    artifact = submit(ticket, "notes", b"x" * (3 << 20), by=ada)

    [file] = files(folder)
    assert file.name.startswith(artifact.hash)
    assert file.read_bytes() == b"x" * (3 << 20)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert markers(folder) == []
    assert not Chunk.objects.exists()
    assert content_of(artifact) == b"x" * (3 << 20)


def test_the_same_content_is_stored_once_however_many_bring_it_at_once(folder, ticket, ada, bob):
    race(
        1,
        *[lambda turn, by=by: submit(ticket, "notes", b"the same", by=by, name=str(by)) for by in (ada, bob)]
        * 3,
    )

    assert Blob.objects.count() == 1
    assert [file.read_bytes() for file in files(folder)] == [b"the same"]
    assert markers(folder) == []


def test_two_that_write_the_same_content_wait_for_each_other_and_leave_one_file(folder, ticket, ada, bob):
    with (
        meanwhile(lambda: submit(ticket, "notes", b"the same", by=bob, name="b")) as other,
        transaction.atomic(),
    ):
        mine = submit(ticket, "notes", b"the same", by=ada, name="a")
    assert other.answer().blob_id == mine.blob_id
    assert len(files(folder)) == 1
    assert content_of(mine) == b"the same"


def test_what_is_refused_leaves_nothing(folder, ticket, task, ada, bob):
    [claim] = Task.objects.claim(by=ada)
    with pytest.raises(Invalid):
        submit(ticket, "No Type", b"x", by=ada)
    bad = [NewArtifact("notes", io.BytesIO(b"y"), name="a\nb")]
    with pytest.raises(Invalid):
        Task.objects.settle([Outcome(claim.task, claim.fence, "completed", artifacts=bad)], by=ada)
    refused = api_of(bob).post(
        f"/tickets/{ticket.key}/artifacts",
        {"type": "notes", "content": "x", "task": str(task.pk), "fence": claim.fence},
    )
    assert refused.json()["code"] == "claim_lost"
    assert files(folder) + markers(folder) == []
    assert not Blob.objects.exists()


def test_who_may_not_write_has_no_file_written(folder, ticket, django_user_model):
    eve = django_user_model.objects.create_user("eve")
    with pytest.raises(Exception, match="tickets:write"):
        submit(ticket, "notes", b"x", by=eve)
    assert not folder.exists()


@pytest.mark.full
def test_a_crash_before_the_commit_leaves_a_file_that_a_sweep_removes(folder, ticket, ada):
    """A process of its own is killed after it wrote the file, before its transaction commits."""
    here = {
        **cluster.environment(),
        "OMOI_ARTIFACTS": str(folder),
        "DJANGO_SETTINGS_MODULE": "omoi_site.settings",
    }
    script = """
import django, io, os
django.setup()
from tickets.models import Artifact, Blob, NewArtifact, Ticket
type(Blob.objects).keep = lambda *_: os._exit(9)
Artifact.objects.submit(Ticket.objects.get(), NewArtifact("notes", io.BytesIO(b"lost")), by="system:test")
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=here, capture_output=True, text=True)
    assert ended.returncode == 9, ended.stderr
    assert not Blob.objects.exists()
    assert [file.read_bytes() for file in files(folder)] == [b"lost"]

    assert sweep() == 0  # its writer may still be at work
    age(markers(folder))
    assert sweep() == 1
    assert files(folder) + markers(folder) == []


def test_a_sweep_leaves_what_a_row_names_and_what_has_no_marker(folder, ticket, ada):
    kept = submit(ticket, "notes", b"kept", by=ada)
    [file] = files(folder)
    (folder / "incoming" / file.name).touch()  # as if the process had died right after its commit
    stray = folder / "aa" / "of a database that was restored to an earlier state"
    stray.parent.mkdir(exist_ok=True)
    stray.touch()
    age([*markers(folder), *files(folder)])

    assert sweep() == 1

    assert content_of(kept) == b"kept"
    assert stray.exists()
    assert markers(folder) == []


def test_a_file_that_was_changed_or_lost_is_read_by_nobody(folder, ticket, ada, operator, client):
    artifact = submit(ticket, "notes", b"what was said", by=ada)
    [file] = files(folder)
    other = submit(ticket, "notes", b"another", by=ada)
    client.force_login(operator)
    for spoil in spoiled(file):
        spoil()
        with pytest.raises(Damaged):
            content_of(artifact)
        for path in (f"{artifact.pk}/", f"{artifact.pk}/compare/?with={other.pk}"):
            shown = client.get(f"/tickets/{ticket.key}/artifacts/{path}")
            assert shown.status_code == 200
            assert "The content is damaged" in shown.content.decode()
        assert client.get(f"/tickets/{ticket.key}/artifacts/{artifact.pk}/picture/").status_code == 404


def spoiled(file: Path) -> list:
    """The ways in which a file may be lost."""
    return [lambda: file.write_bytes(b"something else"), lambda: file.write_bytes(b""), file.unlink]


def make_unreadable(file: Path) -> None:
    """Opening it is an error of the system."""
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("way", range(4), ids=["other", "empty", "gone", "unreadable"])
@pytest.mark.parametrize("in_database", [False, True], ids=["files", "database"])
def test_the_same_content_submitted_again_repairs_the_file(folder, settings, ticket, ada, way, in_database):
    artifact = submit(ticket, "notes", b"what was said", by=ada)
    settings.ARTIFACTS_IN_DATABASE = in_database  # since then
    [file] = files(folder)
    [*spoiled(file), lambda: make_unreadable(file)][way]()

    again = submit(ticket, "notes", b"what was said", by=ada)

    assert again == artifact
    assert content_of(artifact) == b"what was said"
    assert files(folder) == [file]
    assert markers(folder) == []


def test_a_settlement_repairs_a_file_too(folder, ticket, task, ada):
    artifact = submit(ticket, "notes", b"what was said", by=ada)
    files(folder)[0].unlink()
    [claim] = Task.objects.claim(by=ada)

    new = [NewArtifact("notes", io.BytesIO(b"what was said"))]
    Task.objects.settle([Outcome(claim.task, claim.fence, "completed", artifacts=new)], by=ada)

    assert content_of(artifact) == b"what was said"


def test_many_repair_a_file_at_once(folder, ticket, ada, bob):
    artifact = submit(ticket, "notes", b"x" * (1 << 20), by=ada)
    [file] = files(folder)
    file.unlink()

    race(
        1,
        *[lambda turn, by=by: submit(ticket, "notes", b"x" * (1 << 20), by=by) for by in (ada, bob)] * 3,
    )

    assert content_of(artifact) == b"x" * (1 << 20)
    assert files(folder) == [file]


@pytest.mark.parametrize("moment", ["delete", "rename"])
@pytest.mark.full
def test_a_repair_that_is_killed_is_done_by_the_next(folder, ticket, ada, moment):
    """Killed once the damaged file is gone, or once the new one is written and has not its name yet."""
    artifact = submit(ticket, "notes", b"what was said", by=ada)
    [file] = files(folder)
    file.write_bytes(b"something else")
    last = {
        "delete": "LocalFiles._save = lambda *_: os._exit(9)",
        "rename": "Path.rename = lambda *_: os._exit(9)",
    }
    here = {
        **cluster.environment(),
        "OMOI_ARTIFACTS": str(folder),
        "DJANGO_SETTINGS_MODULE": "omoi_site.settings",
    }
    script = f"""
import django, io, os
django.setup()
from pathlib import Path
from tickets.models import Artifact, NewArtifact, Ticket
from tickets.models.gate.local_files import LocalFiles
{last[moment]}
new = NewArtifact("notes", io.BytesIO(b"what was said"))
Artifact.objects.submit(Ticket.objects.get(), new, by="system:test")
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=here, capture_output=True, text=True)
    assert ended.returncode == 9, ended.stderr
    assert not file.exists()

    submit(ticket, "notes", b"what was said", by=ada)

    assert content_of(artifact) == b"what was said"
    assert files(folder) == [file]


def test_whoever_repairs_waits_for_another_who_does(folder, ticket, ada, bob, monkeypatch):
    """Otherwise the second could delete what the first has just written."""
    artifact = submit(ticket, "notes", b"what was said", by=ada)
    [file] = files(folder)
    file.unlink()
    written = []
    monkeypatch.setattr(content_storage, "replace", lambda *what: written.append(what))

    other = Act(lambda: submit(ticket, "notes", b"what was said", by=bob))
    with transaction.atomic():
        sql.rows(REPAIR_ALONE, [artifact.hash])
        other.start()
        assert other.waits()
        file.write_bytes(b"what was said")
    other.answer()

    assert written == []


def test_a_crash_in_the_middle_of_a_file_leaves_nothing_after_the_sweep(folder):
    name = f"aa/{'a' * 64}.{'0' * 16}"
    for half in (folder / f"{name}.new", folder / "incoming" / Path(name).name):
        half.parent.mkdir(parents=True, exist_ok=True)
        half.touch()
    age(markers(folder))

    assert sweep() == 1
    assert files(folder) + markers(folder) == []


def test_a_write_that_breaks_off_leaves_no_file_with_the_name(tmp_path):
    class Broken(io.BytesIO):
        def chunks(self):
            yield b"half"
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        LocalFiles(str(tmp_path)).save("aa/file", Broken())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_content_may_go_to_the_database_and_all_of_it_stays_readable(folder, settings, ticket, ada):
    settings.ARTIFACTS_IN_DATABASE = True
    here = submit(ticket, "notes", b"a" * ((1 << 20) + 5), by=ada)
    settings.ARTIFACTS_IN_DATABASE = False
    there = submit(ticket, "notes", b"b", by=ada)

    assert Chunk.objects.count() == 2
    assert (content_of(here), content_of(there)) == (b"a" * ((1 << 20) + 5), b"b")
    assert [file.read_bytes() for file in files(folder)] == [b"b"]
    assert submit(ticket, "notes", b"a" * ((1 << 20) + 5), by=ada).blob_id == here.blob_id
    assert len(files(folder)) == 1


def test_any_storage_of_django_will_do(settings, ticket, ada):
    memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    settings.STORAGES = {**settings.STORAGES, "artifacts": memory}
    artifact = submit(ticket, "requirements_document", reports.requirements(), by=ada)

    assert content_of(artifact) == reports.requirements()
    assert storages["artifacts"].exists(artifact.blob.location)
    assert storages["artifacts"].listdir("incoming")[1] == []
    for spoil in (storages["artifacts"].delete, lambda name: None):
        spoil(artifact.blob.location)
        storages["artifacts"].save(artifact.blob.location, io.BytesIO(b"something else"))
    submit(ticket, "requirements_document", reports.requirements(), by=ada)
    assert content_of(artifact) == reports.requirements()


def test_a_transaction_is_not_ended_while_a_storage_is_slow(folder, ticket, ada):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '30s'")
        submit(ticket, "notes", b"x", by=ada)
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("10min",)


def test_a_row_that_names_a_file_is_never_changed(folder, ticket, ada):
    submit(ticket, "notes", b"x", by=ada)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Blob.objects.update(location="elsewhere")


CLASS = "storages.backends.s3.S3Storage"


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        ({}, {"location": "/home/omoi/artifacts"}),
        ({"OMOI_ARTIFACTS": "/srv/a"}, {"location": "/srv/a"}),
        ({"OMOI_ARTIFACTS": CLASS}, {}),
        (
            {"OMOI_ARTIFACTS": CLASS, "OMOI_ARTIFACTS_OPTIONS": '{"bucket_name": "omoi"}'},
            {"bucket_name": "omoi"},
        ),
        ({"DATABASE_URL": "postgresql://db/omoi"}, "database"),
        ({"DATABASE_URL": "postgresql://db/omoi", "OMOI_ARTIFACTS": "/srv/a"}, {"location": "/srv/a"}),
        ({"OMOI_ARTIFACTS": "database"}, "database"),
        ({"OMOI_ARTIFACTS": "some/folder"}, "OMOI_ARTIFACTS is some/folder."),
        ({"OMOI_ARTIFACTS": CLASS, "OMOI_ARTIFACTS_OPTIONS": "[1]"}, "not a JSON object"),
    ],
)
def test_the_settings_say_where(monkeypatch, variables, where):
    for name in ("DATABASE_URL", "OMOI_ARTIFACTS", "OMOI_ARTIFACTS_OPTIONS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert artifact_storage.in_database() is (where == "database")
    if isinstance(where, str) and where != "database":
        with pytest.raises(artifact_storage.BadStorage, match=re.escape(where)):
            artifact_storage.described(Path("/home/omoi"))
    elif where != "database":
        assert artifact_storage.described(Path("/home/omoi"))["OPTIONS"] == where
