"""The list of tasks: worst first, filtered, a page at a time, in few statements."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Member
from tests.factories import fail
from tickets.models import Task, TaskSpec, WaitSweep

pytestmark = pytest.mark.django_db


@pytest.fixture
def shown(client, operator):
    """The keys in the list under these parameters, and its text."""
    client.force_login(operator)

    def shown(**asked):
        answer = client.get("/tasks/", asked)
        assert answer.status_code == 200
        text = answer.content.decode()
        return [int(pk) for pk in re.findall(r'<tr class="[^"]*" id="row-(\d+)"', text)], text

    return shown


@pytest.fixture
def queue(project, ticket, ada, operator):
    """One that waits, one that is ready, one at work, and two that failed with the same error but for a
    number; the ids in this order.
    """
    specs = [
        TaskSpec("later", ref="later"),
        TaskSpec("next", capabilities=["rust"], priority=0),
        TaskSpec("at work"),
        TaskSpec("broken"),
        TaskSpec("broken as well"),
    ]
    tasks = Task.objects.add(ticket, specs, by=operator)
    Task.objects.filter(pk=tasks[0].pk).update(open_needs=1, edges_left=1)
    claims = {claim.task: claim for claim in Task.objects.claim(by=ada, limit=5)}
    for number in (3, 4):
        error = f"Timeout after {number}0 s at 0x{number}f"
        fail(claims[tasks[number].pk], by=ada, error=error, kind="permanent")
    return [task.pk for task in tasks]


def test_the_worst_come_first_and_each_filter_finds_its_own(shown, queue, ticket, ada):
    later, ready, work, broken, again = queue
    ids, text = shown()
    WaitSweep.objects.recheck_tasks(0, max(queue))
    alike = re.search(r"error=([0-9a-f]{16})", text)[1]

    assert ids == [broken, again, work, later, ready]
    assert shown(sort="newest")[0] == [again, broken, work, ready, later]
    assert shown(status="failed", error=alike)[0] == [broken, again]
    assert shown(failure="permanent")[0] == [broken, again]
    assert shown(failure="transient")[0] == []
    assert shown(status="ready")[0] == shown(capability="Rust")[0] == shown(priority="critical")[0] == [ready]
    assert shown(status="waiting")[0] == [later]
    assert shown(agent="ada")[0] == shown(status="running")[0] == shown(waiting_on="agent:ada")[0] == [work]
    assert shown(text="broken")[0] == [broken, again]
    assert shown(text=f"{ticket.key}.{again}")[0] == shown(text=f"{ticket.key.lower()}.{again}")[0] == [again]
    assert shown(ticket=ticket.key)[0] == ids
    assert shown(waiting_on="operator", status="failed")[0] == [broken, again]
    assert shown(status="done")[0] == shown(text="100%")[0] == []


def test_all_that_failed_with_the_same_error_are_retried_from_either_list(shown, client, queue):
    overview = client.get("/").content.decode()
    [link] = set(re.findall(r"/tasks/\?status=failed&amp;error=[0-9a-f]{16}", overview))
    text = client.get(link.replace("&amp;", "&")).content.decode()
    assert "Retry all 2 with this error" in re.sub(r"\s+", " ", text)
    query = re.search(r'name="query" value="([^"]+)"', text)[1].replace("&amp;", "&")

    none = client.post("/tasks/bulk/", {"act": "retry", "of": "chosen", "query": query})
    assert none.status_code == 422
    assert "Retry all that match" in none.content.decode()
    done = client.post("/tasks/bulk/", {"act": "retry", "of": "all", "query": query}, follow=True)

    assert "Retry 2 tasks" in re.sub(r"\s+", " ", done.content.decode())


def test_a_page_goes_on_where_the_last_ended_and_nonsense_is_told(shown, ticket, operator, queue):
    Task.objects.add(ticket, [TaskSpec(f"task {n}") for n in range(60)], by=operator)
    first, text = shown(sort="", text="task")
    rest, _ = shown(text="task", after=re.search(r"after=([0-9.]+)", text)[1])

    assert (len(first), len(rest), len({*first, *rest})) == (50, 10, 60)
    assert "there is no status odd" in shown(status="odd")[1].lower()
    assert "No task matches" in shown(text="nothing like it")[1]
    assert shown(after="x.y")[0][:2] == queue[3:]
    for strange in ("\x00", "%", "x" * 300, "9" * 30):
        for name in ("text", "error", "after", "agent", "ticket", "waiting_on", "capability"):
            shown(**{name: strange})


def test_it_is_for_members_and_takes_few_statements(client, operator, project, queue, django_user_model):
    stranger = django_user_model.objects.create_user("eve")
    client.force_login(stranger)
    assert "OMO" not in client.get("/tasks/").content.decode()
    assert client.get("/tasks/?project=OMO").status_code == 404
    assert client.get(f"/tasks/OMO-1.{queue[0]}/").status_code == 404

    Member.objects.create(project=project, user=stranger, role="viewer")
    text = client.get("/tasks/").content.decode()
    assert "You need the role of an operator" in text

    for address in (
        "/tasks/",
        "/tasks/?failure=permanent",
        f"/tasks/OMO-1.{queue[3]}/",
        "/tasks/?ticket=OMO-1",
    ):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        assert len(asked) <= 15, (address, [query["sql"][:90] for query in asked])


def test_the_page_of_a_task_has_what_there_is_to_know(client, operator, queue, ada, ticket):
    client.force_login(operator)
    address = f"/tasks/{ticket.key}.{queue[3]}/"
    text = client.get(address).content.decode()

    assert "Timeout after 30 s at 0x3f" in text
    assert "held for" in text
    assert "&quot;recovery&quot;" in text
    assert f"/tickets/{ticket.key}/tasks/{queue[3]}/retry/" in text
    assert client.get(f"/tasks/{queue[3]}/").url == address
    assert client.get("/tasks/OMO-1.99999/").status_code == client.get("/tasks/x\x00.1/").status_code == 404


def test_a_checkpoint_says_who_made_it_and_how_long_ago(client, operator, task, ada):
    [claim] = Task.objects.claim(by=ada)
    checkpoint = {"branch": "omoi/OMO-1", "summary": "half‮way"}
    Task.objects.report_progress(claim.task, claim.fence, {"checkpoint": checkpoint}, by=ada)
    client.force_login(operator)

    text = client.get(f"/tasks/{task.key}/").content.decode().partition('id="checkpoint"')[2]

    told = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    assert "Made 0 s ago, by ada" in told
    assert "omoi/OMO-1" in told
    assert "‮" not in told


def test_earlier_claims_of_a_task_are_a_link_away(client, operator, task, ada, monkeypatch):
    """However much has happened to its ticket since."""
    monkeypatch.setattr("tickets.pages.queue.task_page.CLAIMS", 2)
    client.force_login(operator)

    def fences(address):
        text = client.get(address).content.decode()
        further = re.search(r'id="earlier-claims"\s+href="([^"]+)"', text)
        return re.findall(r'id="claim-(\d+)"', text), further and further[1].replace("&amp;", "&")

    for _ in range(3):
        [claim] = Task.objects.claim(by=ada)
        Task.objects.release(claim.task, claim.fence, by=ada, reason="lunch")

    found, further = fences(f"/tasks/{task.key}/")
    assert found == ["3", "2"]
    assert fences(further.partition("#")[0] and f"/tasks/{task.key}/{further}") == (["1"], None)
    for wrong in ("x", "-1", "9" * 30, "%00"):
        assert fences(f"/tasks/{task.key}/?claims={wrong}")[0] == found
    assert "There are no earlier claims" in client.get(f"/tasks/{task.key}/?claims=1").content.decode()
