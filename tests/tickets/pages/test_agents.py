"""The pages of agents, as a person without script has them: what they show, and what can be done."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent, AgentPresence, AgentSpec, Event, Key, Member, Pool, Project, ProjectSpec
from omoi_site.database import sql
from tests.factories import complete, fail
from tests.support import large_world
from tests.support.costs import costs
from tests.support.html import squeeze
from tickets.models import Task, TaskSpec, Ticket, TicketSpec
from tickets.models.claim.history import history
from tickets.models.claim.workload import fleet
from tickets.pages.agents.fleet_page import PAGE
from tickets.pages.agents.heartbeats import Heartbeats

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk(client, operator, project):
    client.force_login(operator)
    return client


@pytest.fixture
def as_role(client, project, operator, django_user_model):
    """A client of a member with this role; without one, of a stranger."""

    def signed_in(role):
        person = django_user_model.objects.create_user(f"the-{role or 'stranger'}")
        if role:
            Member.objects.set(project, person, role, by=operator)
        client.force_login(person)
        return client

    return signed_in


@pytest.fixture
def working(project, ada, operator):
    """Claims of two tasks that ada holds."""
    Ticket.objects.open(project, TicketSpec("Ship it", tasks=[TaskSpec("one"), TaskSpec("two")]), by=operator)
    return Task.objects.claim(by=ada, limit=2)


def silence(seconds, *agents):
    names = [agent.name for agent in agents]
    sql.rows(
        """
        UPDATE agents_agentpresence p
        SET last_seen_at = clock_timestamp() - %s * interval '1 s'
        FROM agents_agent a
        WHERE a.id = p.agent_id
          AND a.name = ANY (%s)
        """,
        [seconds, names],
    )


def listed(answer):
    """The agents of the list, in order."""
    return re.findall(r"data-nav\s*>([^<]+)</a>", answer.content.decode())


def main(answer):
    text = answer.content.decode()
    return squeeze(re.sub(r"<[^>]+>", " ", text.partition('id="main"')[2].partition("</main>")[0]))


def test_worst_first_and_each_with_its_status(desk, working, project, operator, ada):
    spoken = {}
    for name, seconds, verb in (
        ("idle", 0, ""),
        ("late", 60, ""),
        ("lost", 300, ""),
        ("left", 7200, ""),
        ("asleep", 90_000, ""),
        ("draining", 0, "drain"),
        ("away", 0, "make_unavailable"),
        ("barred", 0, "quarantine"),
        ("over", 0, "retire"),
    ):
        spoken[name] = Agent.objects.register(AgentSpec(name), projects=[project], by=operator)
        if verb:
            Agent.objects.act(spoken[name].pk, verb, by=operator, reason="because")
        silence(seconds, spoken[name])
    running = Agent.objects.register(AgentSpec("busy"), projects=[project], by=operator)
    Task.objects.add(Ticket.objects.get(), [TaskSpec("x")], by=operator)
    Task.objects.claim(by=running)
    silence(300, ada)

    page = desk.get("/agents/")

    order = ["ada", "late", "lost", "barred", "draining", "away", "busy", "idle", "left", "over"]
    assert listed(page) == order
    text = page.content.decode()
    shown = re.findall(r'<span class="badge \w+">.*?</svg>(\w+)</span>', text.partition("<tbody>")[2])
    statuses = dict(fleet().with_status().values_list("name", "status"))
    assert shown[: len(order)] == [statuses[name] for name in order]
    assert "1 agent was not heard from for over 24 hours" in main(page)
    assert listed(desk.get("/agents/?view=all")) == [*order[:8], "asleep", "left", "over"]
    assert listed(desk.get("/agents/?status=out")) == ["barred", "draining", "away"]
    assert listed(desk.get("/agents/?q=BUS")) == ["busy"]
    assert listed(desk.get("/agents/?status=nonsense&after=zzz&kind=x")) == order


def test_a_day_of_minutes_is_kept(ada):
    """The last bit is the minute of the last word; the minutes since then are zeros."""

    def bits():
        return sql.one(
            "SELECT minutes::text AS bits FROM agents_agentpresence WHERE agent_id = %s", [ada.pk]
        )["bits"]

    assert bits() == "0" * 1439 + "1"
    for minutes in (3, 1, 1440):
        silence(60 * minutes, ada)
        ada.seen()
    silence(60 * 2, ada)
    AgentPresence.objects.seen({ada.pk: 0.0})
    assert bits() == "0" * 1437 + "101"


def test_missed_minutes_are_told():
    heard = Heartbeats("0011" + "0001" + "0110", known=1440 - 12 + 3)

    assert heard.bars == [
        "",
        "",
        "heard",
        "heard",
        *["missed"] * 3,
        *["heard", "missed"],
        "heard",
        "heard",
        "",
    ]
    assert [(gap.minutes, gap.until is None) for gap in heard.gaps] == [(3, False)]
    assert (heard.heard, heard.expected) == (5, 9)
    assert [bar.mark for bar in heard.grouped(4)] == ["heard", "partly", "heard"]
    assert set(Heartbeats("0" * 24, known=0).bars) == {""}
    assert set(Heartbeats("0" * 24, known=1).bars[:-1]) == {"missed"}


def test_an_operator_takes_it_out_of_work_and_back(desk, working, ada):
    dialog = main(desk.get("/agents/ada/drain/"))
    assert "It finishes the 2 tasks that it holds" in dialog
    assert "Nobody else can do" not in dialog
    Task.objects.add(Ticket.objects.get(), [TaskSpec("x")], by="system")
    assert "Nobody else can do 1 open task" in main(desk.get("/agents/ada/drain/"))

    drained = desk.post("/agents/ada/drain/", {"reason": "Its host is replaced"}, follow=True)

    assert "ada is draining. Nobody else can do 1 open task" in main(drained)
    assert "admin set it to draining" in main(drained)
    assert "Its host is replaced" in main(drained)
    refused = desk.post("/agents/ada/quarantine/", {"reason": "x"})
    assert (refused.status_code, state_of(ada)) == (422, "draining")
    assert "ada takes work again" in main(desk.post("/agents/ada/resume/", {"back": "list"}, follow=True))
    assert state_of(ada) == "available"
    desk.post("/agents/ada/quarantine/", {"reason": "It wrote where it may not"})
    assert (state_of(ada), Task.objects.filter(holder=ada).count()) == ("quarantined", 0)
    desk.post("/agents/ada/retire/", {"reason": "Its host is gone"})
    events = Event.objects.filter(subject="agent:ada", actor="user:admin").order_by("number")
    assert [(event.kind, event.reason) for event in events][-4:] == [
        ("agent.drained", "Its host is replaced"),
        ("agent.made_available", ""),
        ("agent.quarantined", "It wrote where it may not"),
        ("agent.retired", "Its host is gone"),
    ]
    over = main(desk.get("/agents/ada/"))
    assert "Its host is gone" in over
    assert "Drain" not in over


def state_of(agent):
    return Agent.objects.get(pk=agent.pk).state


def version(answer):
    return re.search(r'name="version" value="(\d+)"', answer.content.decode())[1]


def test_the_second_of_two_operators_is_told_and_so_is_who_presses_twice(desk, as_role, ada, project):
    form = {"reason": "Its host is replaced", "version": version(desk.get("/agents/ada/drain/"))}
    desk.post("/agents/ada/drain/", form)

    twice = desk.post("/agents/ada/drain/", form)
    late = as_role("admin").post("/agents/ada/retire/", form)

    assert "This is done already; nothing was done twice" in main(twice)
    assert "admin was faster" in main(late)
    assert "drained it (Its host is replaced)" in main(late)
    assert "It is draining now" in main(late)
    assert "Its host is replaced" in late.content.decode()
    assert (state_of(ada), late.status_code) == ("draining", 412)
    assert Event.objects.filter(kind="agent.drained").count() == 1


def test_what_was_shown_is_requeued_once_and_nothing_else(desk, as_role, working, ada, operator):
    page = desk.get("/agents/ada/requeue/")
    assert "2 tasks go back to the queue. It costs no attempt." in main(page)
    shown = re.search(r'name="claims" value="([^"]+)"', page.content.decode())[1]
    complete(working[0], by=ada)
    Task.objects.add(Ticket.objects.get(), [TaskSpec("later")], by=operator)
    [later] = Task.objects.claim(by=ada)
    form = {"claims": shown, "reason": "Its host is gone"}

    done = desk.post("/agents/ada/requeue/", form, follow=True)
    twice = desk.post("/agents/ada/requeue/", form)
    bad = desk.post("/agents/ada/requeue/", {**form, "claims": "1:x"})
    other = as_role("operator").post("/agents/ada/requeue/", form)

    assert "1 task of ada back in the queue; 1 other had ended before" in main(done)
    assert "This is done already" in main(twice)
    assert "admin was faster" in main(other)
    assert "took it back (Its host is gone)" in main(other)
    assert bad.status_code == 422
    assert list(Task.objects.filter(holder=ada).values_list("pk", flat=True)) == [later.task]
    taken = Task.objects.get(pk=working[1].task)
    assert (taken.state, taken.attempts) == ("pending", 0)
    assert Event.objects.get(kind="task.revoked").reason == "Its host is gone"


@pytest.mark.parametrize(("role", "may"), [("viewer", set()), ("operator", {"requeue"}), (None, None)])
def test_each_role_does_what_it_may_and_learns_why_not(as_role, working, ada, operator, role, may):
    key, _ = Key.objects.issue(by=operator, agent=ada)
    visitor = as_role(role)
    forms = {
        name: {"reason": "because", "claims": " ".join(f"{c.task}:{c.fence}" for c in working)}
        for name in ("drain", "maintenance", "quarantine", "retire", "requeue")
    }
    done = {name: visitor.post(f"/agents/ada/{name}/", form).status_code for name, form in forms.items()}
    done["revoke"] = visitor.post(f"/agents/ada/keys/{key.prefix}/revoke/").status_code

    if role is None:
        assert set(done.values()) == {404}
        assert listed(visitor.get("/agents/")) == []
        answer = visitor.get("/agents/ada/")
        assert answer.status_code == 404
        assert "Go to the agents" in main(answer)
        return
    assert {name for name, code in done.items() if code == 302} == may
    assert {done[name] for name in done.keys() - may} == {403}
    assert (state_of(ada), Task.objects.filter(holder=ada).count()) == ("available", 0 if may else 2)
    page = visitor.get("/agents/ada/").content.decode()
    assert page.count("You need the role of an administrator in each of its projects") >= 4
    assert ("You need the role of an operator in the projects of these tasks" in page) == (role == "viewer")
    assert key.prefix not in page
    assert listed(visitor.get("/agents/")) == ["ada"]


def test_a_key_is_revoked_once(desk, ada, operator):
    key, _ = Key.objects.issue(by=operator, agent=ada)
    address = f"/agents/ada/keys/{key.prefix}/revoke/"
    assert "This cannot be undone" in main(desk.get(address))

    first, second = desk.post(address, follow=True), desk.post(address)

    assert f"The key {key.prefix} of ada is revoked" in main(first)
    assert "This is done already" in main(second)
    assert Key.objects.get(pk=key.pk).revoked_at
    assert desk.get("/agents/ada/keys/nonsense/revoke/").status_code == 404


def test_it_says_what_ended_in_the_last_day(desk, working, ada, bob, operator):
    complete(working[0], by=ada)
    fail(working[1], by=ada, kind="permanent")

    assert "In the last 24 hours: 1 completed; 1 failed " in main(desk.get("/agents/ada/"))
    assert history(ada, by=operator, limit=1, span=timedelta(0)).lately == {}
    assert "In the last 24 hours: nothing ended " in main(desk.get("/agents/bob/"))


def test_projects_that_a_member_does_not_see_stay_unnamed(as_role, working, project, ada, operator):
    secret = Project.objects.create_project(ProjectSpec("SEC", workflow="simple"), by=operator)
    Agent.objects.act(ada.pk, "edit", by=operator, projects=[project, secret])
    Pool.objects.create_pool("secret:pool", by=operator, project=secret)
    Agent.objects.act(ada.pk, "edit", by=operator, pools=["secret:pool"])
    spec = TicketSpec("Hidden", tasks=[TaskSpec("covert")])
    Ticket.objects.open(secret, spec, by=operator)
    assert len(Task.objects.claim(by=ada)) == 1
    member = as_role("admin")

    for page in (member.get("/agents/"), member.get("/agents/ada/")):
        assert "SEC" not in page.content.decode()
        assert "covert" not in page.content.decode()
        assert "1 task of " in main(page)
    assert member.post("/agents/ada/drain/", {"reason": "because"}).status_code == 403
    assert "It keeps 1 task of other projects" in main(member.get("/agents/ada/requeue/"))


def test_texts_of_agents_are_shown_as_they_are(desk, working, project, ada, operator):
    strange = ["<script>alert(1)</script>", "a\u202eb"]  # as it may have been stored before it was refused
    Agent.objects.filter(pk=ada.pk).update(capabilities=strange)
    fail(working[0], by=ada, error="<img src=x> \x1b[31m red \u202e", kind="permanent")
    Task.objects.report_progress(working[1].task, working[1].fence, {"message": "<b>\u200bhi"}, by=ada)
    Agent.objects.act(ada.pk, "make_unavailable", by=operator, reason="<i>why\u202e</i>")

    for address in ("/agents/", "/agents/ada/"):
        page = desk.get(address).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
        assert not {"\u202e", "\u200b", "\x1b"} & set(page)
        assert "&lt;i&gt;why" in page
    assert "&lt;img src=x&gt;" in page
    assert "&lt;b&gt;" in page
    for name in ("%00", "%3Cscript%3E", "a" * 300, "user:admin", "%E2%80%AE", "nobody"):
        answer = desk.get(f"/agents/{name}/")
        assert answer.status_code == 404
        assert "No such agent" in main(answer)
    assert desk.get("/agents/ada/nonsense/").status_code == 404
    assert desk.get("/agents/?project=NO").status_code == 404
    assert desk.get("/agents/?q=%00&pool=%00&after=1.%00").status_code == 200
    assert desk.get("/agents/ada/?after=nonsense").status_code == 200


def test_pools_say_when_they_are_tried_again_and_who_shares_them(desk, project, ada, bob, operator):
    for name in ("anthropic:team", "openai:ci"):
        Pool.objects.create_pool(name, by=operator, limit=3)
    for agent in (ada, bob):
        Agent.objects.act(agent.pk, "edit", by=operator, pools=["openai:ci"])
    pool = Pool.objects.get(name="openai:ci")
    resets_at = timezone.now() + timedelta(hours=3, minutes=1)
    Pool.objects.act(pool.pk, "close", by=operator, reason="429", resets_at=resets_at)

    text = main(desk.get("/agents/"))

    assert "openai:ci closed 0 of 3 claims tried again in 3 hours admin: 429 Shared by ada , bob" in text
    assert text.index("openai:ci closed") < text.index("anthropic:team open")
    assert "openai:ci closed, again in 3 hours" in text.partition("Quota pools")[0]
    assert "tried again in 3 hours" in main(desk.get("/agents/ada/"))
    assert listed(desk.get("/agents/?pool=openai:ci")) == ["ada", "bob"]


def test_a_long_list_has_pages(desk, project, operator):
    for number in range(PAGE + 2):
        Agent.objects.register(AgentSpec(f"agent-{number:03}"), projects=[project], by=operator)

    first = desk.get("/agents/")
    [following] = re.findall(r'href="(\?after=[^"]+)">Next', first.content.decode())
    second = desk.get(f"/agents/{following}")

    assert [len(listed(page)) for page in (first, second)] == [PAGE, 2]
    assert len({*listed(first), *listed(second)}) == PAGE + 2
    assert "Next" not in main(second)
    assert "From the beginning" in main(second)


@pytest.fixture
def statements(client):
    """How many statements a page takes."""

    def count(person, address):
        client.force_login(person)
        client.get(address)  # the session notes that it is in use
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        return len(asked)

    return count


def test_the_statements_do_not_grow(statements, as_role, project, ada, operator):
    """Of the operator, of a member, and of an admin of all of its projects."""
    as_role("operator")
    as_role("admin")
    member, admin = (Member.objects.get(role=role).user for role in ("operator", "admin"))
    counts = []
    for number in (1, 8):
        other = Project.objects.create_project(ProjectSpec(f"P{number}", workflow="simple"), by=operator)
        Member.objects.set(other, admin, "admin", by=operator)
        for n in range(number):
            spec = AgentSpec(f"a{number}-{n}", capacity=2)
            agent = Agent.objects.register(spec, projects=[project, other], by=operator)
            Key.objects.issue(by=operator, agent=agent)
            pool = Pool.objects.create_pool(f"p{number}-{n}", by=operator)
            Agent.objects.act(agent.pk, "edit", by=operator, pools=[pool.name])
            Ticket.objects.open(project, TicketSpec("x", tasks=[TaskSpec("x")] * 2), by=operator)
            Ticket.objects.advance_due()
            assert len(Task.objects.claim(by=agent, limit=2)) == 2
        people = (operator, member, admin)
        pages = ("/agents/", f"/agents/a{number}-0/")
        counts.append([[statements(person, page) for person in people] for page in pages])

    assert counts[0] == counts[1]
    on_list, on_page = counts[0]
    assert max(on_list) <= 15, counts
    assert max(on_page) <= 15, counts


@pytest.mark.full
def test_1000_agents_and_100000_tasks_cost_no_scan(client, project, ticket, task, ada, operator):
    size = large_world.Size(tickets=10_000, tasks=100_000, agents=1_000)
    large_world.make(ticket, task, ada, size)
    client.force_login(operator)
    for address in ("/agents/", "/agents/?q=agent-77", "/agents/agent-7/"):
        client.get(address)
        with costs() as paid:
            assert client.get(address).status_code == 200
        scanned = {table for cost in paid for table in cost.scanned}
        assert not scanned & {"tickets_task", "tickets_ticket", "agents_event"}, (address, scanned)
        assert len(paid) <= 15, [cost.label for cost in paid]
        own = [cost.buffers for cost in paid if cost.label.startswith(("WITH held AS", "SELECT a.*"))]
        assert max(own) <= 4_000
