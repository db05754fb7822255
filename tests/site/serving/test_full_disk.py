"""A full disk: a request is refused with the reason, nothing of it is stored, and it works again once there
is space.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection

from agents.api import problems
from agents.models import Key, Reply
from agents.models.sign_in import one_time_path
from omoi_site import error_pages
from omoi_site.database import sql
from omoi_site.database.roles import as_owner
from omoi_site.serving.error_answers import StorageFull
from omoi_site.setup import paths
from tests.support import cluster
from tests.support.web_process import Web
from tickets.models import Artifact, Ticket
from tickets.models.gate.blob import Blob, Chunk

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 1 << 20


class Disk:
    """A file system of a few MiB, in memory."""

    def __init__(self, folder: Path, mib: int) -> None:
        self.folder = folder
        self.filler = folder / "filler"
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0755", "none", folder],
            capture_output=True,
            text=True,
        )
        if mounted.returncode:
            pytest.skip(f"only who may mount a file system can fill one: {mounted.stderr.strip()}")

    def fill(self) -> None:
        with contextlib.suppress(OSError), self.filler.open("wb", buffering=0) as file:
            while file.write(bytes(MIB)):
                pass

    def make_room(self) -> None:
        self.filler.unlink()


@pytest.fixture(scope="module")
def disk() -> Iterator[Disk]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        disk = Disk(Path(folder), 12)
        yield disk
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(scope="module")
def web(disk, django_db_setup, django_db_blocker) -> Iterator[Web]:
    """Its temporary files lie on the small disk."""
    web = Web(TMPDIR=str(disk.folder))
    yield web
    web.stop()


@pytest.fixture
def tables(disk) -> Iterator[list[str]]:
    """Tables that lie on the small disk."""
    account, space = paths.service_user(), disk.folder / "tables"
    space.mkdir()
    if account:
        os.chown(space, account.uid, account.gid)
    with cluster.superuser() as link:
        link.execute(f"CREATE TABLESPACE small OWNER omoi_owner LOCATION '{space}'".encode())
    names = ["tickets_chunk", "django_session", "tickets_ticket"]
    with as_owner():
        for name in names:
            sql.rows(f"ALTER TABLE {name} SET TABLESPACE small")
    with cluster.superuser(connection.settings_dict["NAME"]) as link:
        for name in names:  # no room in the place of rows of earlier tests
            link.execute(f"VACUUM FULL {name}".encode())
    yield names
    with as_owner():
        for name in names:
            sql.rows(f"ALTER TABLE {name} SET TABLESPACE pg_default")
        sql.rows("DROP TABLESPACE small")
    space.rmdir()


def submit(web: Web, operator, ticket, content: bytes) -> tuple[int, dict]:
    body = (
        b'--the-boundary\r\nContent-Disposition: form-data; name="type"\r\n\r\nnotes\r\n'
        b'--the-boundary\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        + content
        + b"\r\n--the-boundary--\r\n"
    )
    bearer = f"Bearer {Key.objects.issue(user=operator, by=operator)[1]}"
    headers = {
        "Authorization": bearer,
        "Content-Type": "multipart/form-data; boundary=the-boundary",
        "Idempotency-Key": "k",
    }
    with contextlib.closing(http.client.HTTPConnection(web.host, timeout=60)) as link:
        link.request("POST", f"/api/v1/tickets/{ticket.key}/artifacts", body, headers)
        answer = link.getresponse()
        return answer.status, json.loads(answer.read())


def nothing_was_kept() -> bool:
    return not any(model.objects.exists() for model in (Artifact, Blob, Chunk, Reply))


@pytest.mark.full
def test_no_room_for_a_body_is_told_and_passes(web, disk, operator, ticket):
    content = os.urandom(3 * MIB)
    disk.fill()
    status, told = submit(web, operator, ticket, content)
    assert (status, told["code"]) == (507, "storage_full"), told
    assert nothing_was_kept()

    disk.make_room()
    assert submit(web, operator, ticket, content)[0] == 201


@pytest.mark.full
def test_no_room_for_the_database_is_told_and_passes(web, disk, tables, operator, ticket):
    content = os.urandom(3 * MIB // 2)
    disk.fill()
    os.truncate(
        disk.filler, disk.filler.stat().st_size - 4 * MIB
    )  # for the body, which is kept twice while it is read, and not for its rows
    status, told = submit(web, operator, ticket, content)
    assert (status, told["code"]) == (507, "storage_full"), told
    assert told["next_action"].startswith("Nothing was changed")
    assert nothing_was_kept()

    disk.make_room()
    assert submit(web, operator, ticket, content)[0] == 201


@pytest.mark.full
def test_a_page_says_that_the_disk_is_full(web, disk, tables, operator):
    path = one_time_path(operator)
    disk.fill()

    def signed_in() -> tuple[int, str]:
        with contextlib.closing(http.client.HTTPConnection(web.host, timeout=30)) as link:
            token = "a" * 32
            form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"csrftoken={token}"}
            link.request("POST", path, f"csrfmiddlewaretoken={token}", form)
            answer = link.getresponse()
            return answer.status, answer.read().decode()

    status, page = signed_in()
    assert (status, "disk is full" in page) == (507, True)
    disk.make_room()
    assert signed_in()[0] == 302


@pytest.mark.full
def test_a_command_says_that_the_disk_is_full(disk, tables, operator, project, tmp_path):
    document = tmp_path / "work.jsonl"
    document.write_text(
        "".join(
            json.dumps({"id": f"bd-{number}", "title": "x" * 150, "status": "open"}) + "\n"
            for number in range(200)
        )
    )
    disk.fill()
    with pytest.raises(StorageFull, match="No space left"):
        call_command("import", "beads", str(document), project="OMO")
    assert not Ticket.objects.exists()

    disk.make_room()
    call_command("import", "beads", str(document), project="OMO")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize(
    "raised", [OSError, psycopg.errors.InternalError_], ids=["of a file", "of the database"]
)
def test_a_quota_that_is_used_up_is_a_full_disk(rf, number, raised):
    """PostgreSQL has a code of its own for a full disk, and none for a quota."""
    told = os.strerror(number)
    error = (
        OSError(number, told) if raised is OSError else raised(f'could not extend file "base/1/2": {told}')
    )

    for path, kind in (("/board/", "text/html"), ("/api/v1/tickets", "application/problem+json")):
        try:
            try:
                raise error
            except Exception as cause:
                raise RuntimeError("it could not be done") from cause
        except RuntimeError:
            answer = error_pages.crashed(rf.get(path))
        assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (507, kind)
        assert "disk is full" in answer.content.decode()
    assert isinstance(problems.named(error), StorageFull)


@pytest.mark.full
def test_a_log_that_cannot_be_written_stops_nothing(disk):
    disk.fill()
    (disk.folder / "filler").rename(disk.folder / "full")
    disk.fill()
    script = (
        "import logging.config, omoi_site.logs as logs; logging.config.dictConfig(logs.to_stderr('INFO'))\n"
    )
    script += "for number in range(1000): logging.getLogger('x').warning('%s', 'y' * 1000)\nprint('went on')"
    with (disk.folder / "log").open("w") as log:
        ended = subprocess.run(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=Path(__file__).parents[3],
        )
    (disk.folder / "full").unlink()
    assert ended.stdout == "went on\n"
