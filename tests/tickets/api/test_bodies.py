"""What one body can cost: work, memory and the answer stay small, also where everything in it is wrong."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from pathlib import Path

import pytest

from agents.models import Key
from tests.support.api_client import api_of
from tests.support.backlog_files import wfformat
from tests.support.wait import until
from tickets.models import Task
from tickets.workflows import plain_yaml

MIB = 1 << 20


@pytest.fixture
def calls(project, operator):
    return api_of(operator)


def ticket_of(*tasks):
    return {"project": "OMO", "title": "x", "tasks": list(tasks)}


WRONG = {
    "needs that are no names": (ticket_of(*[{"title": "x", "needs": [7] * 250}] * 800), 800 * 250),
    "needs of nothing": (ticket_of(*[{"title": "x", "needs": ["z"] * 250}] * 800), 800 * 250),
    "needs of tasks that are not": (
        ticket_of(*[{"title": "x", "needs": [str(n * 100 + m) for m in range(100)]} for n in range(1, 800)]),
        799 * 100,
    ),
    "needs without a task": (ticket_of(*[{"title": "x", "needs": [{}] * 250}] * 400), 400 * 250),
    "tasks without a title": (ticket_of(*[{}] * 100_000), 100_000),
    "fields nobody knows": (ticket_of({"title": "x", **{f"a{n}": 1 for n in range(50_000)}}), 50_000),
    "labels without end": ({"project": "OMO", "title": "x", "labels": [""] * 300_000}, 1),
    "a name without end": (ticket_of({"title": "x", "priority": "y" * 900_000}), 1),
}


@pytest.mark.full
@pytest.mark.django_db
@pytest.mark.parametrize(("body", "faults"), WRONG.values(), ids=WRONG)
def test_faults_are_counted_and_the_first_are_told(calls, body, faults):
    refused = calls.post("/tickets", body)
    told = refused.json()
    assert (refused.status_code, len(told["errors"]), told.get("more_errors", 0)) == (
        422,
        min(faults, 100),
        max(faults - 100, 0),
    )
    assert faults < 6 or told["detail"].endswith(f"; and {faults - 5} more")
    assert len(refused.content) < 32 * 1024
    assert not Task.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "document",
    [
        {"name": "x", "phases": [1] * 250_000},
        {"name": "x", "phases": [{"name": "A", "to": [], "tasks": [{}] * 200_000}, {"name": "B", "to": []}]},
        {"name": "x", "phases": [{"name": "A", "to": ["A"]}] * 30_000},
    ],
)
def test_a_workflow_of_nothing_but_faults_is_looked_at_for_a_while(calls, document):
    """A thousand of them at most: how often the reader was asked is what it costs."""
    refused = calls.put("/workflows/x", document)
    told = refused.json()
    assert (refused.status_code, told["code"]) == (422, "invalid_workflow")
    assert len(told["errors"]) + told.get("more_errors", 0) <= 1_000
    assert len(refused.content) < 128 * 1024


def test_long_yaml_is_not_read():
    with pytest.raises(ValueError, match="at most 256 KiB"):
        plain_yaml.parse("a: b\n" * 60_000)


def resident(web) -> int:
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{web.process.pid}/status").read_text())[1]) * 1024


@pytest.fixture
def post(web, project, operator):
    """Send a body to a real web process; status and answer."""
    key = Key.objects.issue(user=operator, by=operator)[1]

    def send(path, body, kind="application/json"):
        with contextlib.closing(http.client.HTTPConnection(web.host, timeout=120)) as link:
            link.request(
                "POST", f"/api/v1{path}", body, {"Authorization": f"Bearer {key}", "Content-Type": kind}
            )
            answer = link.getresponse()
            return answer.status, json.loads(answer.read())

    assert send("/tickets", json.dumps(ticket_of({"title": "x"})))[0] == 201
    return send


def written(body):
    return json.dumps(body, separators=(",", ":"))


def form(project, text: bytes) -> bytes:
    parts = {"format": b"wfformat", "project": project.key.encode()}
    head = b"".join(
        b'--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), part)
        for name, part in parts.items()
    )
    return (
        head
        + b'--B\r\nContent-Disposition: form-data; name="file"; filename="flow.json"\r\n\r\n'
        + text
        + b"\r\n--B--\r\n"
    )


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_memory_is_given_back_after_bodies_that_are_large_or_wrong(web, post):
    before = resident(web)
    for body, _ in [*WRONG.values()] * 3:  # each request thread has its turn
        assert post("/tickets", written(body))[0] == 422
    assert post("/tickets", written(ticket_of(*[{"title": "x"}] * 5000)))[0] == 201
    assert post("/tickets/OMO-1/tasks", written({"tasks": [{"title": "x"}] * 5000}))[0] == 201
    assert post("/tickets/OMO-1/tasks", written({"tasks": [{"title": "x"}] * 5001}))[1]["errors"][0][
        "message"
    ].startswith("at most 5000")
    until(lambda: resident(web) - before < 32 * MIB)  # the answer goes out first


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_a_workflow_of_20_000_tasks_is_imported_over_http(web, post, project):
    before = resident(web)
    code, told = post("/imports", form(project, wfformat(20_000)), "multipart/form-data; boundary=B")
    assert (code, told["tasks"]) == (201, 20_000), told
    assert told["needs"] > 59_000
    until(lambda: resident(web) - before < 32 * MIB)


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_a_large_text_comes_as_a_file_or_is_refused(web, post, project):
    document = {"format": "wfformat", "project": project.key, "document": "x" * 2 * MIB}
    assert post("/imports", json.dumps(document))[1]["code"] == "too_large"
    as_text = form(project, b"x" * 2 * MIB).replace(b'name="file"; filename="flow.json"', b'name="document"')
    code, told = post("/imports", as_text, "multipart/form-data; boundary=B")
    assert (code, told["code"]) == (413, "too_large"), told
