"""Large files through a real web process: they pass, and are never in memory whole."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agents.models import Key
from tests.factories import submit
from tests.support import ROOT
from tests.support.cluster import environment
from tests.support.web_process import Web
from tickets.models import Artifact, Blob
from tickets.models.gate.content_storage import storage

pytestmark = pytest.mark.django_db(transaction=True)

MIB = 1 << 20
SIZE = 80 * MIB
HEAD = (
    b'--B\r\nContent-Disposition: form-data; name="type"\r\n\r\ntest_evidence\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="film.bin"\r\n\r\n'
)
TAIL = b"\r\n--B--\r\n"


@pytest.fixture(scope="module")
def web(django_db_setup, django_db_blocker):
    """It keeps content in files, in the folder where the tests look for them."""
    web = Web(OMOI_ARTIFACTS=storage().location)
    yield web
    web.stop()


def peak(web) -> int:
    """The most memory the process ever had, in bytes."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{web.process.pid}/status").read_text())[1]) * 1024


@pytest.mark.full
def test_a_file_of_80_mib_is_handed_in_and_fetched_in_little_memory(web, operator, ticket):
    bearer = {"Authorization": f"Bearer {Key.objects.issue(user=operator, by=operator)[1]}"}
    at = f"/api/v1/tickets/{ticket.key}/artifacts"
    block, before = bytes(range(256)) * 4096, peak(web)

    with contextlib.closing(http.client.HTTPConnection(web.host, timeout=60)) as link:
        length = str(len(HEAD) + SIZE + len(TAIL))
        headers = {
            **bearer,
            "Content-Type": "multipart/form-data; boundary=B",
            "Content-Length": length,
            "Idempotency-Key": "k",
        }
        link.request("POST", at, body=(HEAD, *[block] * (SIZE // MIB), TAIL), headers=headers)
        answer = link.getresponse()
        made = json.loads(answer.read())
        assert (answer.status, made["size"]) == (201, SIZE), made

        link.request("GET", f"{at}/{made['id']}/content", headers=bearer)
        answer, hash = link.getresponse(), hashlib.sha256()
        while piece := answer.read(MIB):
            hash.update(piece)
    assert (hash.hexdigest(), answer.headers["Content-Length"]) == (made["hash"], str(SIZE))
    assert peak(web) - before < SIZE * 0.75


LINES = (b"x" * 63 + b"\n") * (MIB // 64)  # text, of which a page shows the beginning


@pytest.mark.full
def test_every_page_of_a_large_file_needs_little_memory(web, operator, ticket, client):
    """Submitted by the form, submitted again, repaired, shown, compared with another, fetched in part."""
    client.force_login(operator)
    at = f"/tickets/{ticket.key}/artifacts/"
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(at).content.decode())[1]
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    headers = {
        "Cookie": cookie,
        "Origin": f"http://{web.host}",
        "Content-Type": "multipart/form-data; boundary=B",
    }
    field = '--B\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{}\r\n'
    head, before = field.format(token).encode() + HEAD, peak(web)
    headers["Content-Length"] = str(len(head) + SIZE + len(TAIL))

    def answer(method, path, body=None, **more):
        with contextlib.closing(http.client.HTTPConnection(web.host, timeout=120)) as link:
            link.request(method, path, body, more or {"Cookie": cookie})
            response, size = link.getresponse(), 0
            while piece := response.read(MIB):
                size += len(piece)
        return response.status, size

    upload = [(head, *[LINES] * (SIZE // MIB), TAIL), (head, *[LINES[::-1]] * (SIZE // MIB), TAIL)]
    assert answer("POST", at, upload[0], **headers)[0] == 302
    first = Artifact.objects.select_related("blob").get()
    assert first.blob.size == SIZE
    assert answer("POST", at, upload[1], **headers)[0] == 302
    second = Artifact.objects.exclude(pk=first.pk).get()
    Path(storage().path(first.blob.location)).write_bytes(b"")
    assert answer("POST", at, upload[0], **headers)[0] == 302
    assert sum(map(len, first.blob.pieces())) == SIZE
    for path in (f"{at}{first.pk}/", f"{at}{second.pk}/compare/", f"/tickets/{ticket.key}/"):
        status, size = answer("GET", path)
        assert (status, size < MIB) == (200, True), path
    content = f"/api/v1{at}{first.pk}/content"
    assert answer("GET", content) == (200, SIZE)
    assert answer("GET", content, Cookie=cookie, Range="bytes=100-199") == (206, 100)

    assert peak(web) - before < SIZE * 0.75


@pytest.mark.full
def test_the_command_needs_little_memory_for_a_large_file(ticket, tmp_path):
    file = tmp_path / "large"
    with file.open("wb") as large:
        large.writelines([LINES] * (SIZE // MIB))
    small = tmp_path / "small"
    small.write_text("x")

    def most(*words):
        command = [sys.executable, "manage.py", "artifacts", *map(str, words), "--json"]
        here = {**environment(), "OMOI_ARTIFACTS": str(tmp_path / "artifacts")}
        made = subprocess.Popen(command, cwd=ROOT, env=here, stdout=subprocess.PIPE)
        with made.stdout:
            answer = json.load(made.stdout)
        _, status, used = os.wait4(made.pid, 0)
        made.returncode = os.waitstatus_to_exitcode(status)
        assert made.returncode == 0
        return used.ru_maxrss * 1024, answer

    little, _ = most("add", ticket.key, "notes", small)
    added, made = most("add", ticket.key, "notes", file)
    fetched, _ = most("download", made["id"], "--to", tmp_path / "copy")
    verified, found = most("verify")

    assert (made["size"], found["ok"]) == (SIZE, 2)
    assert max(added, fetched, verified) - little < SIZE * 0.5


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/api/v1/tickets/{}/artifacts", 100), ("/tickets/{}/artifacts/", 100), ("/api/v1/imports", 50)],
)
@pytest.mark.parametrize("more", [1 * MIB, 1 << 30], ids=["a little", "1 GB"])
def test_what_is_too_large_is_refused_before_it_is_sent(web, operator, ticket, path, limit, more):
    length = limit * MIB + more
    bearer = {"Authorization": f"Bearer {Key.objects.issue(user=operator, by=operator)[1]}"}
    with contextlib.closing(http.client.HTTPConnection(web.host, timeout=60)) as link:
        link.putrequest("POST", path.format(ticket.key))
        for name, value in {
            **bearer,
            "Content-Type": "multipart/form-data; boundary=B",
            "Content-Length": str(length),
        }.items():
            link.putheader(name, value)
        link.endheaders()
        answer = link.getresponse()
        assert answer.status == 413
        assert "larger than the limit" in answer.read().decode()


@pytest.mark.parametrize(
    "path", ["/api/v1/tickets/artifacts", "/api/v1/projects/imports", "/login/artifacts"]
)
def test_only_the_addresses_of_uploads_take_large_bodies(web, path):
    with contextlib.closing(http.client.HTTPConnection(web.host, timeout=60)) as link:
        link.putrequest("PATCH", path)
        link.putheader("Content-Length", str(2 * MIB))
        link.endheaders()
        assert link.getresponse().status == 413


def test_damaged_content_is_refused_before_any_of_it_is_sent(web, operator, ticket):
    artifact = submit(ticket, "notes", b"x" * (3 * MIB), by=operator)
    file = Path(storage().path(artifact.blob.location))
    file.write_bytes(file.read_bytes()[:-1] + b"y")
    bearer = {"Authorization": f"Bearer {Key.objects.issue(user=operator, by=operator)[1]}"}
    with contextlib.closing(http.client.HTTPConnection(web.host, timeout=60)) as link:
        link.request("GET", f"/api/v1/tickets/{ticket.key}/artifacts/{artifact.pk}/content", headers=bearer)
        answer = link.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (500, "content_damaged")


def test_a_file_that_is_half_sent_leaves_nothing(web, operator, ticket):
    bearer = f"Bearer {Key.objects.issue(user=operator, by=operator)[1]}"
    head = (
        f"POST /api/v1/tickets/{ticket.key}/artifacts HTTP/1.1\r\nHost: {web.host}\r\n"
        f"Authorization: {bearer}\r\n"
        "Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 5000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", web.port)) as link:
        link.sendall(head.encode() + HEAD + b"x" * (2 * MIB))
    with contextlib.closing(http.client.HTTPConnection(web.host, timeout=60)) as link:
        link.request("GET", "/login/")
        assert link.getresponse().status == 200
    assert not Artifact.objects.exists()
    assert not Blob.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (HEAD + b"x" * 100, 400),
        (HEAD + b"x" * 2_000 + TAIL[:4], 400),
        (HEAD[:70], 400),
        (b"no form at all", 400),
        (b"", 400),
        (b"--B--", 422),
        (HEAD + b"x" * 2_000 + TAIL, 201),
    ],
)
def test_a_file_whose_form_is_cut_is_refused(web, operator, ticket, body, status):
    """What is there of it would pass for the file."""
    bearer = {"Authorization": f"Bearer {Key.objects.issue(user=operator, by=operator)[1]}"}
    with contextlib.closing(http.client.HTTPConnection(web.host, timeout=60)) as link:
        headers = {**bearer, "Content-Type": 'multipart/form-data; charset=utf-8; boundary="B"'}
        link.request("POST", f"/api/v1/tickets/{ticket.key}/artifacts", body, headers)
        assert link.getresponse().status == status
    assert Artifact.objects.exists() is (status == 201)
