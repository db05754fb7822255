"""Large files through a real web process: they pass, and are never in memory whole."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import re
import socket
from pathlib import Path

import pytest

from agents.models import Key
from tests.factories import submit
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
