"""Artifacts over HTTP: submitted as text or file, by whom it is allowed, and fetched as a file only."""

from __future__ import annotations

import hashlib
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from agents.models import Agent, AgentSpec, Project, ProjectSpec
from omoi_site.errors import Invalid
from tests.factories import lapse, submit
from tests.support.api_client import ROOT, api_of
from tickets.models import Artifact, NewArtifact, Task, TaskSpec, Ticket, TicketSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls(operator):
    return api_of(operator)


@pytest.fixture
def at(ticket):
    return f"/tickets/{ticket.key}/artifacts"


def test_text_is_handed_in_listed_and_fetched_as_a_file(calls, at):
    content = "# Übersicht\n<script>alert(1)</script>\n"
    made = calls.post(
        at,
        {"type": "requirements_document", "content": content, "path": "docs/über.html", "commit": "c0ffee"},
    )
    assert made.status_code == 201
    told = made.json()
    assert (told["phase"], told["name"], told["revision"], told["by"]) == (
        "DOING",
        "requirements_document",
        1,
        "user:admin",
    )
    assert told["hash"] == hashlib.sha256(content.encode()).hexdigest()
    assert calls.get(at).json()["results"] == [told]
    assert calls.get(f"{at}/{told['id']}").json() == told

    fetched = calls.client.get(
        f"{ROOT}{at}/{told['id']}/content", headers={**calls.headers, "Accept": "text/html"}
    )
    assert b"".join(fetched.streaming_content) == content.encode()
    assert fetched["Content-Type"] == "application/octet-stream"
    assert fetched["Content-Disposition"].startswith("attachment; filename*=utf-8''%C3%BCber.html")
    assert fetched["X-Content-Type-Options"] == "nosniff"
    assert fetched["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_a_file_is_handed_in_as_it_is(calls, at):
    content = bytes(range(256)) * 5000  # over a chunk
    made = calls.upload(
        at, type="test_evidence", phase="PHASE_DOING", file=SimpleUploadedFile("shot.png", content)
    )
    assert made.status_code == 201, made.json()
    assert made.json()["size"] == len(content)
    fetched = calls.get(f"{at}/{made.json()['id']}/content")
    assert b"".join(fetched.streaming_content) == content


def test_a_file_under_an_idempotency_key_is_handed_in_once(calls, at):
    def sent(content):
        upload = {"type": "test_evidence", "file": SimpleUploadedFile("a.log", content)}
        return calls.client.post(ROOT + at, upload, headers={**calls.headers, "Idempotency-Key": "k"})

    first = sent(b"one")
    assert first.status_code == 201
    assert sent(b"one").json() == first.json()
    assert sent(b"two").json()["code"] == "idempotency_mismatch"
    assert Artifact.objects.count() == 1


def test_the_newest_revisions_are_told_apart(calls, at):
    for content in ("one", "two"):
        calls.post(at, {"type": "notes", "content": content})
    assert [row["revision"] for row in calls.get(at, type="notes").json()["results"]] == [1, 2]
    assert [row["revision"] for row in calls.get(at, current=True).json()["results"]] == [2]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "notes"}, "content"),
        ({"type": "No Word", "content": "x"}, "type"),
        ({"type": "notes", "content": "x", "phase": "NOWHERE"}, "phase"),
        ({"type": "notes", "content": "x", "name": "a\nb"}, "name"),
        ({"type": "notes", "content": "x", "task": "1"}, "fence"),
        ({"type": "notes", "content": "x", "percent": 100}, "percent"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_field(calls, at, body, field):
    refused = calls.post(at, body)
    assert refused.status_code == 422
    assert field in [fault["field"] for fault in refused.json()["errors"]]
    assert not Artifact.objects.exists()


UNSEEN = [
    "a\nb",
    "a\tb",
    "\x1b[2Ja",
    "a\x7fb",
    "a\x85b",
    "gnp.\u202ea",
    "a\u2066b",
    "a\u200bb",
    "a\ufeffb",
    "a\u2028b",
    "a\u00adb",
    "a\U000e0041b",
    "a\u3164b",
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_what_cannot_be_seen_is_no_part_of_a_path_by_any_door(at, task, ada, calls):
    [claim] = Task.objects.claim(by=ada)
    worker, end = api_of(ada), f"/tasks/{task.pk}/completion"
    for field in ("path", "name", "commit"):
        for text in UNSEEN:
            bad = {"type": "notes", field: text}
            refusals = [
                calls.post(at, {**bad, "content": "x"}),
                calls.client.post(
                    ROOT + at, {**bad, "file": SimpleUploadedFile("a.txt", b"x")}, headers=calls.headers
                ),
                worker.post(end, {"fence": claim.fence, "artifacts": [{**bad, "content": "x"}]}),
            ]
            assert [refused.status_code for refused in refusals] == [422] * 3
            assert [refused.json()["errors"][0]["field"] for refused in refusals] == [
                field,
                field,
                f"artifacts.0.{field}",
            ]
    new = NewArtifact("notes", BytesIO(b"x"), path="a\n")
    with pytest.raises(Invalid, match="is invisible"):  # as a worker does
        Artifact.objects.submit(task.ticket, new, by=ada, task=task, fence=claim.fence)
    assert not Artifact.objects.exists()
    assert Task.objects.get(pk=task.pk).state == "claimed"


def test_an_artifact_that_is_there_already_is_no_way_in_for_a_path(calls, at):
    body = {"type": "notes", "content": "x"}
    assert calls.post(at, body).status_code == 201
    assert calls.post(at, {**body, "path": "a\nb"}).status_code == 422
    assert calls.post(at, {**body, "path": "x" * 501}).status_code == 422


def test_large_text_is_sent_as_a_file(calls, at):
    refused = calls.post(at, {"type": "notes", "content": "x" * (1 << 20)})
    assert (refused.status_code, refused.json()["limit_bytes"]) == (413, 1 << 20)


def test_an_agent_hands_in_under_a_fence_it_holds(at, task, ada, bob, operator):
    [claim] = Task.objects.claim(by=ada)
    worker = api_of(ada, "work")
    body = {"type": "notes", "content": "x"}
    assert worker.post(at, body).json()["scope"] == "tickets:write"
    held = {"task": str(task.pk), "fence": claim.fence}
    made = worker.post(at, {**body, **held})
    assert (made.status_code, made.json()["task"], made.json()["fence"]) == (201, str(task.pk), claim.fence)

    assert api_of(bob).post(at, {**body, "content": "y", **held}).json()["code"] == "claim_lost"
    assert api_of(operator).post(at, {**body, "content": "y", **held}).json()["code"] == "claim_lost"
    lapse(claim)
    assert worker.post(at, {**body, "content": "y", **held}).json()["code"] == "claim_lost"
    assert Artifact.objects.count() == 1


def test_an_artifact_of_another_ticket_is_not_found_here(calls, at, project, operator):
    made = calls.post(at, {"type": "notes", "content": "x"}).json()
    other = Ticket.objects.open(project, TicketSpec("Other"), by=operator)
    assert calls.get(f"/tickets/{other.key}/artifacts/{made['id']}").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_completion_brings_its_artifacts_or_changes_nothing(at, task, ada, calls):
    [claim] = Task.objects.claim(by=ada)
    worker, end = api_of(ada), f"/tasks/{task.pk}/completion"
    good = {"type": "code_changes", "content": '{"commit": "4f2a91c", "files": []}'}
    refused = worker.post(end, {"fence": claim.fence, "artifacts": [good, {**good, "phase": "NOWHERE"}]})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "artifacts.1.phase")
    assert not Artifact.objects.exists()
    assert calls.get(f"/tasks/{task.pk}").json()["state"] == "claimed"

    assert worker.post(end, {"fence": claim.fence, "artifacts": [good]}).json()["state"] == "completed"
    [kept] = Artifact.objects.all()
    assert (kept.type, kept.task_id, kept.fence, kept.by) == (
        "code_changes",
        task.pk,
        claim.fence,
        "agent:ada",
    )
    assert b"".join(kept.blob.pieces()).decode() == good["content"]

    again = worker.post(end, {"fence": claim.fence, "artifacts": [{**good, "content": "other"}]})
    assert again.status_code == 200
    assert Artifact.objects.count() == 1


def test_a_completion_with_an_old_fence_keeps_no_artifact(task, ada, bob):
    [old] = Task.objects.claim(by=ada)
    lapse(old)
    [new] = Task.objects.claim(by=bob)
    refused = api_of(ada).post(
        f"/tasks/{task.pk}/completion",
        {"fence": old.fence, "artifacts": [{"type": "notes", "content": "late"}]},
    )
    assert (refused.json()["code"], refused.json()["holder"]) == ("claim_lost", "bob")
    assert not Artifact.objects.exists()
    assert new.fence > old.fence


def test_a_task_of_another_project_is_told_nothing_of(at, ada, operator):
    other = Project.objects.create_project(ProjectSpec("SEC", workflow="simple"), by=operator)
    eve = Agent.objects.register(AgentSpec("eve"), projects=[other], by=operator)
    Ticket.objects.open(other, TicketSpec("x", tasks=[TaskSpec("x")]), by=operator)
    [claim] = Task.objects.claim(by=eve)
    refused = api_of(ada).post(
        at, {"type": "notes", "content": "x", "task": str(claim.task), "fence": claim.fence}
    )
    assert (refused.status_code, refused.json()["code"], refused.json()["holder"]) == (
        409,
        "claim_lost",
        None,
    )


def test_a_file_is_fetched_whatever_its_path_ends_in(calls, at):
    made = calls.post(at, {"type": "notes", "content": "x", "path": "a\\"}).json()
    answer = calls.get(f"{at}/{made['id']}/content")
    assert (answer.status_code, answer["Content-Disposition"]) == (200, 'attachment; filename="a"')


@pytest.mark.parametrize(
    ("wanted", "status", "part", "content"),
    [
        ("bytes=0-3", 206, "bytes 0-3/3000000", slice(0, 4)),
        ("bytes=1048570-1048580", 206, "bytes 1048570-1048580/3000000", slice(1048570, 1048581)),
        ("bytes=2999998-", 206, "bytes 2999998-2999999/3000000", slice(2999998, 3000000)),
        ("bytes=-5", 206, "bytes 2999995-2999999/3000000", slice(2999995, 3000000)),
        ("bytes=5-99999999999", 206, "bytes 5-2999999/3000000", slice(5, 3000000)),
        ("bytes=3000000-", 416, "bytes */3000000", slice(0, 0)),
        ("bytes=9-5", 416, "bytes */3000000", slice(0, 0)),
        ("bytes=-0", 416, "bytes */3000000", slice(0, 0)),
        ("bytes=0-1,4-5", 200, None, slice(None)),
        ("bytes=-", 200, None, slice(None)),
        ("lines=1-2", 200, None, slice(None)),
    ],
)
def test_a_part_of_a_file_is_fetched(calls, ticket, operator, wanted, status, part, content):
    whole = bytes(range(250)) * 12_000
    made = submit(ticket, "notes", whole, by=operator)
    path = f"{ROOT}/tickets/{ticket.key}/artifacts/{made.pk}/content"
    answer = calls.client.get(path, headers={**calls.headers, "Range": wanted})
    assert (answer.status_code, answer.get("Content-Range")) == (status, part)
    assert (b"".join(answer.streaming_content) if answer.streaming else answer.content) == whole[content]
    if status != 416:
        assert answer["Content-Length"] == str(len(whole[content]))


def test_a_file_that_is_there_already_is_not_sent_again(calls, ticket, operator):
    made = submit(ticket, "notes", b"x", by=operator)
    path = f"{ROOT}/tickets/{ticket.key}/artifacts/{made.pk}/content"
    known = calls.client.get(path, headers={**calls.headers, "If-None-Match": f'"{made.hash}"'})
    assert (known.status_code, known.content) == (304, b"")
    other = calls.client.get(path, headers={**calls.headers, "Range": "bytes=0-0", "If-Range": '"other"'})
    assert other.status_code == 200
