"""Acts on many tasks: prepared, confirmed, carried out in batches, whatever happens meanwhile."""

from __future__ import annotations

import re

import pytest

from agents.models import Event, Member
from omoi_site.database import sql
from omoi_site.errors import Forbidden, Invalid
from tests.factories import complete, fail
from tests.support.concurrency import meanwhile
from tickets.models import BulkAct, Task, TaskSpec
from tickets.models.queue import bulk_act
from tickets.models.queue.bulk_act import BulkClosed
from tickets.models.queue.task_filter import TaskFilter

pytestmark = pytest.mark.django_db
FAILED = TaskFilter(status="failed")


@pytest.fixture
def failed(ticket, ada, operator):
    """Twelve tasks that failed."""
    return fail_new(12, ticket, ada, operator)


def fail_new(number, ticket, agent, operator):
    tasks = Task.objects.add(ticket, [TaskSpec(f"{n}", max_attempts=1) for n in range(number)], by=operator)
    while claims := Task.objects.claim(by=agent, limit=4):
        for claim in claims:
            fail(claim, by=agent)
    return [task.pk for task in tasks]


@pytest.fixture
def prepare(project, operator):
    def prepare(act="retry", asked=FAILED, by=operator, **arguments):
        return BulkAct.objects.prepare(act, asked, by=by, projects=[project], **arguments)

    return prepare


def carried_out(bulk):
    while BulkAct.objects.carry_on():
        pass
    return BulkAct.objects.get(pk=bulk.pk)


def test_what_matched_is_done_once_and_the_rest_is_counted(
    client, failed, ticket, ada, operator, monkeypatch
):
    monkeypatch.setattr(bulk_act, "BATCH", 5)
    client.force_login(operator)
    answer = client.post("/tasks/bulk/", {"act": "retry", "of": "all", "query": "status=failed"})
    page = client.get(answer.url).content.decode()
    assert "12 tasks" in page
    assert "<strong>12</strong> can be retried" in " ".join(page.split())

    [late] = fail_new(1, ticket, ada, operator)
    Task.objects.filter(pk__in=failed[:2]).retry(by=operator, reason="by hand")
    [claim] = Task.objects.claim(by=ada)
    complete(claim, by=ada)
    page = " ".join(client.get(answer.url).content.decode().split())
    assert "<strong>10</strong> can be retried" in page
    assert re.search(r"<strong>1</strong> cannot, such as <a .*?</a>: waiting in the queue already", page)

    for _ in range(2):  # sent twice
        assert client.post(f"{answer.url}confirm/", {"reason": "mended"}).url == answer.url
    assert BulkAct.objects.carry_on() == 1
    running = client.get(answer.url).content.decode()
    assert "5 of 12" in running
    assert "retries 12 tasks" in client.get("/tasks/").content.decode()
    bulk = carried_out(BulkAct.objects.get())

    assert (bulk.state, bulk.done, bulk.not_done) == ("done", 10, {"pending": 1, "completed": 1})
    assert Event.objects.filter(kind="task.retried", reason="mended").count() == 10
    assert Task.objects.get(pk=late).state == "failed"
    kinds = Event.objects.filter(kind__startswith="tasks.").values_list("kind", flat=True)
    assert list(kinds) == ["tasks.bulk_begun", "tasks.bulk_ended"]
    assert "done already" in client.get(answer.url).content.decode()
    assert BulkAct.objects.carry_on() == 0


def test_each_act_does_what_its_verb_does(prepare, failed, ticket, operator):
    for act, asked, how in (
        ("retry", TaskFilter(ids=tuple(failed[:6])), {}),
        ("bump", TaskFilter(status="ready"), {}),
        ("prioritise", TaskFilter(status="ready"), {"priority": 0}),
        ("cancel", TaskFilter(ids=tuple(failed[4:8])), {}),
    ):
        bulk = prepare(act, asked)
        BulkAct.objects.confirm(bulk.pk, by=operator, reason="so be it", **how)
        carried_out(bulk)

    tasks = Task.objects.in_bulk(failed)
    assert [tasks[pk].state for pk in failed[:8]] == ["pending"] * 4 + ["cancelled"] * 2 + ["failed"] * 2
    assert all(tasks[pk].bumped_at and tasks[pk].priority == 0 for pk in failed[:4])
    assert BulkAct.objects.latest("pk").not_done == {"failed": 2}
    edited = Event.objects.filter(kind="task.edited", reason="so be it").first()
    assert edited.data == {"before": {"priority": 2}, "after": {"priority": 0}}


def test_rights_are_those_of_the_moment_and_of_who_confirmed(
    prepare, failed, operator, project, django_user_model
):
    lee = django_user_model.objects.create_user("lee")
    member = Member.objects.create(project=project, user=lee, role="operator")
    bulk, draft, other = prepare(by=lee), prepare(by=lee), prepare()
    with pytest.raises(Forbidden):
        BulkAct.objects.confirm(bulk.pk, by=operator, reason="not mine")
    BulkAct.objects.confirm(bulk.pk, by=lee, reason="mended")
    assert [each.pk for each in BulkAct.objects.beside([project.pk], who=operator)] == [bulk.pk]
    member.role = "viewer"
    member.save()

    assert carried_out(bulk).not_done == {"forbidden": 12}
    with pytest.raises(Forbidden):
        BulkAct.objects.confirm(draft.pk, by=lee, reason="mended")
    with pytest.raises(Forbidden):
        prepare(by=lee)
    BulkAct.objects.confirm(other.pk, by=operator, reason="mended")
    with pytest.raises(Forbidden):
        BulkAct.objects.stop(other.pk, by=lee)


def test_it_is_stopped_refused_and_forgotten(prepare, failed, operator, monkeypatch):
    monkeypatch.setattr(bulk_act, "BATCH", 4)
    bulk, draft = prepare(), prepare()
    BulkAct.objects.confirm(bulk.pk, by=operator, reason="mended")
    BulkAct.objects.carry_on()
    stopped = BulkAct.objects.stop(bulk.pk, by=operator)
    assert (stopped.done, stopped.not_done, BulkAct.objects.carry_on()) == (4, {"stopped": 8}, 0)

    BulkAct.objects.stop(draft.pk, by=operator)
    with pytest.raises(BulkClosed):
        BulkAct.objects.confirm(draft.pk, by=operator, reason="late")
    with pytest.raises(Invalid, match="say why"):
        BulkAct.objects.confirm(prepare().pk, by=operator, reason=" ​ ")
    with pytest.raises(Invalid, match="no task matches"):
        prepare(asked=TaskFilter(text="nothing"))
    monkeypatch.setattr(bulk_act, "MOST", 3)
    with pytest.raises(Invalid, match="more than 3 tasks"):
        prepare()

    BulkAct.objects.update(created_at="2020-01-01T00:00Z")
    assert BulkAct.objects.forget() == 1
    assert {each.state for each in BulkAct.objects.all()} == {"stopped"}


def test_of_what_nobody_confirms_the_last_are_kept(prepare, failed, operator, monkeypatch):
    monkeypatch.setattr(bulk_act, "MOST_DRAFTS", 2)
    running = prepare()
    BulkAct.objects.confirm(running.pk, by=operator, reason="mended")

    drafts = [prepare().pk for _ in range(4)]

    assert list(BulkAct.objects.order_by("pk").values_list("pk", flat=True)) == [running.pk, *drafts[2:]]


@pytest.mark.django_db(transaction=True)
def test_what_is_confirmed_at_the_last_moment_is_not_forgotten(prepare, failed, operator):
    bulk = prepare()
    BulkAct.objects.update(created_at="2020-01-01T00:00Z")
    with meanwhile(BulkAct.objects.forget, waits=False) as forgetting:
        BulkAct.objects.confirm(bulk.pk, by=operator, reason="mended")

    assert forgetting.answer() == 0
    assert carried_out(bulk).done == 12


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_fails_again_and_again_does_not_hold_up_the_others(
    prepare, failed, operator, monkeypatch
):
    monkeypatch.setattr(bulk_act, "BATCH", 4)
    bulk = prepare()
    BulkAct.objects.confirm(bulk.pk, by=operator, reason="mended")
    sql.rows(
        "UPDATE tickets_task SET events = 2147483647 WHERE id = %s", [failed[0]]
    )  # it has no next number

    done = carried_out(bulk)

    assert (done.state, done.done, done.not_done) == ("done", 8, {"error": 4})
