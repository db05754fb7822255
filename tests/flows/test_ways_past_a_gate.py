"""Many ways to bypass a gate, none of which succeeds.

A way is tried on a ticket without evidence, or with all evidence except the faked one. The ticket must never
get past the gate, and a try through API, page, admin or command must be in the journal.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, ProgrammingError, transaction
from django.test import Client, override_settings
from psycopg.errors import InsufficientPrivilege

from agents.models import Agent, Event, Member, Project, ProjectSpec
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tests.factories import lapse, submit
from tests.support import reports
from tests.support.api_client import Api, api_of
from tests.support.concurrency import meanwhile
from tests.support.delivery import EVIDENCE, Delivery
from tickets.models import Artifact, GateClosed, PhaseMove, Task, Ticket, Verdict
from tickets.models.gate.content_storage import storage

pytestmark = pytest.mark.django_db(transaction=True)

ORDER = ["BACKLOG", "REQUIREMENTS", "DESIGN", "IMPLEMENTATION", "TESTING", "DEPLOYMENT", "DONE"]
LONG = "because I say so, really"
REFUSED = {"ticket.move_refused", "ticket.birth_refused"}


@dataclass
class Scene:
    """A ticket in a gated phase, and the actors who try."""

    delivery: Delivery
    calls: Api
    agent: Api
    operator: Any
    ada: Agent
    project: Project
    people: Any

    @property
    def ticket(self) -> Ticket:
        return Ticket.objects.select_related("workflow", "project").get(key=self.delivery.key)

    def go(self, to: str = "DESIGN", **more: Any) -> Any:
        return self.delivery.go(to, **more)

    def writer(self) -> Api:
        """The operator with a key that may write tickets but not force moves."""
        return api_of(self.operator, "tickets:write", "work")

    def put(self, phase: str = "DESIGN") -> None:
        sql.rows("UPDATE tickets_ticket SET phase = %s WHERE id = %s", [phase, self.ticket.pk])

    def tell(self, ground: str, to: str = "DESIGN", **more: Any) -> None:
        ticket = self.ticket
        more = {"by": "user:mallory", "reason": LONG, **more}
        PhaseMove.objects.create(
            ticket=ticket, move=ticket.moves + 1, from_phase=ticket.phase, to_phase=to, ground=ground, **more
        )


@dataclass(frozen=True)
class Way:
    act: Callable[[Scene], Any]
    phase: str
    lacks: str | None  # the artifact type the way brings itself; None: the gate has nothing
    door: bool


WAYS: dict[str, Way] = {}


def way(phase: str = "REQUIREMENTS", *, lacks: str | None = None, door: bool = True) -> Callable:
    """`act` returns the last answer, or raises.

    `lacks`: all other evidence is there, and the work is done.
    """

    def kept(act: Callable[[Scene], Any]) -> Callable[[Scene], Any]:
        WAYS[act.__name__] = Way(act, phase, lacks, door)
        return act

    return kept


# -- the moves themselves


@way()
def straight_on(scene):
    return scene.go()


@way()
def skipping_phases(scene):
    return scene.go("DEPLOYMENT")


@way()
def straight_to_the_end(scene):
    return scene.go("DONE")


@way()
def another_spelling(scene):
    return scene.go("phase_design")


@way()
def back_and_from_there_on(scene):
    scene.go("BACKLOG", reason="again")
    return scene.go()


@way()
def through_blocked(scene):
    scene.go("BLOCKED", reason="waits")
    return scene.go()


@way()
def through_blocked_to_a_phase_further_on(scene):
    scene.go("BLOCKED", reason="waits")
    return scene.go("TESTING")


@way()
def through_cancelled(scene):
    scene.go("CANCELLED", reason="never mind")
    return scene.go(reason="after all")


@way()
def through_blocked_and_cancelled(scene):
    scene.go("BLOCKED", reason="waits")
    scene.go("CANCELLED", reason="never mind")
    return scene.go(reason="after all")


@way()
def with_nothing_but_a_copy_of_the_ticket_from_before(scene):
    """An old version number must not overwrite a newer state."""
    return scene.calls.post(f"{scene.delivery.at}/transitions", {"to": "DESIGN"}, If_Match='"1"')


# -- force


@way()
def force_without_the_scope(scene):
    return scene.writer().post(
        f"{scene.delivery.at}/transitions", {"to": "DESIGN", "force": True, "reason": LONG}
    )


@way()
def force_without_the_scope_under_an_idempotency_key(scene):
    body = {"to": "DESIGN", "force": True, "reason": LONG}
    return scene.writer().post(f"{scene.delivery.at}/transitions", body, Idempotency_Key="k")


@way()
def force_as_an_operator_of_the_project(scene):
    olga = scene.people.objects.create_user("olga")
    Member.objects.create(project=scene.project, user=olga, role="operator")
    return api_of(olga).post(
        f"{scene.delivery.at}/transitions", {"to": "DESIGN", "force": True, "reason": LONG}
    )


@way()
def force_as_the_admin_of_another_project(scene):
    sam = scene.people.objects.create_user("sam")
    Member.objects.create(
        project=Project.objects.create_project(ProjectSpec("OTHER"), by=scene.operator),
        user=sam,
        role="admin",
    )
    Member.objects.create(project=scene.project, user=sam, role="operator")
    return api_of(sam).post(
        f"{scene.delivery.at}/transitions", {"to": "DESIGN", "force": True, "reason": LONG}
    )


@way()
def force_with_an_agents_key(scene):
    return scene.agent.post(
        f"{scene.delivery.at}/transitions", {"to": "DESIGN", "force": True, "reason": LONG}
    )


@way()
def force_without_a_reason(scene):
    return scene.go(force=True)


@way()
def force_with_a_short_reason(scene):
    return scene.go(force=True, reason="hurry up")


@way()
def force_with_a_reason_of_blanks(scene):
    return scene.go(force=True, reason=" " * 40 + "x")


@way()
def as_a_viewer(scene):
    vera = scene.people.objects.create_user("vera")
    Member.objects.create(project=scene.project, user=vera, role="viewer")
    return api_of(vera).post(f"{scene.delivery.at}/transitions", {"to": "DESIGN"})


# -- births and imports


@way()
def born_behind_the_gate(scene):
    body = {
        "project": "OMO",
        "title": "x",
        "workflow": "software_delivery",
        "phase": "DEPLOYMENT",
        "reason": LONG,
    }
    return scene.writer().post("/tickets", body)


@way()
def born_behind_the_gate_under_an_idempotency_key(scene):
    body = {
        "project": "OMO",
        "title": "x",
        "workflow": "software_delivery",
        "phase": "DEPLOYMENT",
        "reason": LONG,
    }
    return scene.writer().post("/tickets", body, Idempotency_Key="k")


@way()
def born_behind_the_gate_with_a_short_reason(scene):
    return scene.calls.post(
        "/tickets",
        {"project": "OMO", "title": "x", "workflow": "software_delivery", "phase": "DONE", "reason": "short"},
    )


@way()
def imported_behind_the_gate(scene):
    document = json.dumps({"id": "a", "title": "done elsewhere", "status": "closed", "priority": 1})
    return scene.writer().post(
        "/imports",
        {"format": "beads", "project": "OMO", "workflow": "software_delivery", "document": document},
    )


# -- verdicts


@way(lacks="requirements_document")
def a_verdict_that_refused(scene):
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    advance(scene, verdict)


@way(lacks="requirements_document")
def a_verdict_from_before_an_artifact_changed(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    assert verdict.passed
    scene.delivery.submit("requirements_document", b"# Scope")
    advance(scene, verdict)


@way(lacks="requirements_document")
def a_verdict_from_before_another_artifact_of_the_type_was_the_newest(scene):
    """Of two artifacts of a type the last one counts; here the bad one is submitted again unchanged."""
    scene.delivery.submit("requirements_document", b"poor", name="a")
    scene.delivery.submit("requirements_document", reports.requirements(), name="b")
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    assert verdict.passed
    scene.delivery.submit("requirements_document", b"poorer", name="a")
    scene.delivery.submit("requirements_document", b"poor", name="a")
    advance(scene, verdict)


@way(lacks="requirements_document")
def a_verdict_from_before_a_task_was_added(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    scene.calls.post(f"{scene.delivery.at}/tasks", {"tasks": [{"title": "one more"}]})
    advance(scene, verdict)


@way(lacks="requirements_document")
def a_verdict_from_an_earlier_stay(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    scene.go("BACKLOG", reason="again")
    scene.go("REQUIREMENTS")
    advance(scene, verdict)


@way()
def a_verdict_of_another_ticket(scene):
    other = Delivery(scene.calls, scene.agent)
    other.bring_to("REQUIREMENTS")
    other.satisfy()
    advance(scene, Ticket.objects.judge(key=other.key, by=scene.operator))


@way("IMPLEMENTATION")
def a_verdict_of_another_phase(scene):
    advance(
        scene,
        Verdict.objects.filter(ticket=scene.ticket, phase="REQUIREMENTS", passed=True).get(),
        to="TESTING",
    )


@way(door=False)
def a_verdict_row_that_just_says_passed(scene):
    ticket = scene.ticket
    digest = sql.one("SELECT omoi_evidence(%s, %s) AS digest", [ticket.pk, ticket.phase])["digest"]
    Verdict.objects.create(
        ticket=ticket,
        phase=ticket.phase,
        move=ticket.moves,
        passed=True,
        checks=[],
        evidence=digest,
        by="user:mallory",
    )


@way(door=False)
def a_verdict_turned_round(scene):
    verdict = Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    Verdict.objects.filter(pk=verdict.pk).update(passed=True)


@way(door=False)
def a_verdict_deleted(scene):
    Ticket.objects.judge(key=scene.delivery.key, by=scene.operator)
    Verdict.objects.all().delete()


def advance(scene, verdict, to=None):
    """As a door would that kept a verdict."""
    told = Ticket.objects.record_refusals(scene.ticket.pk, to or "DESIGN", by=scene.operator)
    with told, Ticket.objects.locked(key=scene.delivery.key) as ticket:
        ticket.advance(to, by=scene.operator, verdict=verdict)


# -- evidence that is not


@way(lacks="requirements_document")
def numbers_claimed_in_a_result(scene):
    scene.delivery.work_off(
        result={"artifacts": [{"type": "requirements_document", "content": {"length": 9000}}], "passed": True}
    )
    return scene.go()


@way(lacks="requirements_document")
def numbers_claimed_beside_an_artifact(scene):
    body = {"type": "requirements_document", "content": "# Scope", "length": 9000}
    assert scene.calls.post(f"{scene.delivery.at}/artifacts", body).status_code == 422
    return scene.go()


@way(lacks="requirements_document")
def a_document_that_claims_its_length(scene):
    scene.delivery.submit(
        "requirements_document", b'{"length": 9000, "sections": ["scope", "acceptance_criteria"]}'
    )
    return scene.go()


@way(lacks="requirements_document")
def a_document_padded_with_blanks(scene):
    scene.delivery.submit(
        "requirements_document", b"# Scope\n" + b" " * 900 + b"\n# Acceptance criteria" + b"\n" * 900
    )
    return scene.go()


@way(lacks="requirements_document")
def a_document_padded_between_words(scene):
    scene.delivery.submit(
        "requirements_document", ("# Scope\n# Acceptance criteria\na" + "\n\u200b\u00a0" * 400 + "z").encode()
    )
    return scene.go()


@way(lacks="requirements_document")
def headings_that_are_only_quoted(scene):
    scene.delivery.submit("requirements_document", b"```\n# Scope\n# Acceptance criteria\n```\n" + b"x" * 600)
    return scene.go()


@way(lacks="requirements_document")
def a_document_that_takes_for_ever_to_read(scene):
    scene.delivery.submit("requirements_document", b"# Scope\n" + b"[" * 900_000)
    return scene.go()


@way(lacks="requirements_document")
def a_file_that_is_no_text(scene):
    file = SimpleUploadedFile("requirements.md", b"# Scope\n# Acceptance criteria\n" + b"\xff" * 900)
    scene.calls.upload(f"{scene.delivery.at}/artifacts", type="requirements_document", file=file)
    return scene.go()


@way(lacks="requirements_document")
def an_artifact_of_another_ticket(scene):
    other = Delivery(scene.calls, scene.agent)
    other.bring_to("REQUIREMENTS")
    other.submit("requirements_document", reports.requirements())
    return scene.go()


@way(lacks="requirements_document")
def an_artifact_of_another_phase(scene):
    scene.delivery.submit("requirements_document", reports.requirements(), phase="DESIGN")
    return scene.go()


@way(lacks="requirements_document")
def an_artifact_under_an_old_fence(scene):
    scene.calls.post(f"{scene.delivery.at}/tasks", {"tasks": [{"title": "do it"}]})
    [old] = Task.objects.claim(by=scene.ada)
    lapse(old)
    held = {"task": str(old.task), "fence": old.fence}
    document = {"type": "requirements_document", "content": reports.requirements().decode()}
    assert (
        scene.agent.post(f"{scene.delivery.at}/artifacts", {**document, **held}).json()["code"]
        == "claim_lost"
    )
    late = scene.agent.post(f"/tasks/{old.task}/completion", {"fence": old.fence, "artifacts": [document]})
    assert late.json()["code"] == "claim_lost"
    Task.objects.filter(pk=old.task).cancel(by=scene.operator, reason="late")
    assert not Artifact.objects.exists()
    return scene.go()


@way(lacks="requirements_document")
def a_good_document_replaced_by_a_poor_one(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    scene.delivery.submit("requirements_document", b"# Scope")
    return scene.go()


@way(lacks="requirements_document", door=False)
def an_artifact_changed_in_place(scene):
    scene.delivery.submit("requirements_document", b"# Scope")
    Artifact.objects.update(blob=Artifact.objects.get().blob, type="other")


@way(lacks="requirements_document", door=False)
def content_changed_in_place(scene):
    with override_settings(ARTIFACTS_IN_DATABASE=True):
        made = scene.delivery.submit("requirements_document", b"# Scope")
    sql.rows("UPDATE tickets_chunk SET data = %s WHERE blob_id = %s", [reports.requirements(), made["hash"]])


@way(lacks="requirements_document")
def a_file_changed_in_its_folder(scene):
    scene.delivery.submit("requirements_document", b"# Scope")
    Path(storage().path(Artifact.objects.get().blob.location)).write_bytes(reports.requirements())
    return scene.go()


def report(phase: str, kind: str, to: str, name: str, content: bytes) -> None:
    def act(scene: Scene) -> Any:
        scene.calls.upload(
            f"{scene.delivery.at}/artifacts", type=kind, file=SimpleUploadedFile("report", content)
        )
        return scene.go(to)

    act.__name__ = name
    way(phase, lacks=kind)(act)


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
)
HIT = b'<line number="%d" hits="1"/>'
MISSED = b"".join(b'<line number="%d" hits="0"/>' % n for n in range(2, 9))


def cobertura(lines: bytes, **claims: str) -> bytes:
    claims = {
        "lines_valid": str(lines.count(b"<line ") or 1),
        "lines_covered": str(lines.count(b'hits="1"')),
    } | claims
    claimed = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in claims.items()).encode()
    return (
        b'<coverage %s><packages><package><classes><class filename="a.py"><lines>%s</lines></class>'
        b"</classes></package></packages></coverage>"
        % (
            claimed,
            lines,
        )
    )


for name, content in {
    "coverage_whose_totals_lie": cobertura(
        HIT % 1 + MISSED, line_rate="1.0", lines_covered="8", lines_valid="8"
    ),
    "coverage_that_counts_one_line_often": cobertura(HIT % 1 * 100 + MISSED),
    "coverage_of_a_piece_without_totals": cobertura(HIT % 1, lines_valid="", lines_covered=""),
    "coverage_of_nothing": cobertura(b"", line_rate="1.0"),
    "coverage_of_no_bytes": b"",
    "coverage_that_is_a_bomb": BOMB + b"<coverage>&c;</coverage>",
    "coverage_from_a_file_of_the_server": (
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><coverage>&f;</coverage>'
    ),
    "coverage_as_a_number": b'{"percentage": 100}',
    "coverage_with_negative_hits": cobertura(b'<line number="1" hits="-5"/>'),
    "coverage_of_a_line_without_a_number": cobertura(b'<line hits="1"/>'),
    "coverage_that_tells_of_less_than_it_holds": cobertura(HIT % 1, line_rate="0.1"),
    "coverage_with_hits_that_are_none": cobertura(b'<line number="1" hits="many"/>'),
}.items():
    report("IMPLEMENTATION", "test_coverage", "TESTING", name, content)
for name, content in {
    "changes_that_claim_tests": b'{"commit": "4f2a91c", "files": ["a.py"], "has_tests": true}',
    "changes_with_a_file_called_tests": reports.changes("tests", "contests/a.py", "latest_a.py"),
    "changes_without_a_commit": b'{"files": ["tests/test_a.py"]}',
    "changes_of_a_commit_that_is_none": b'{"commit": "main", "files": ["tests/test_a.py"]}',
    "changes_that_are_no_list": b'{"commit": "4f2a91c", "files": "tests/test_a.py"}',
}.items():
    report("IMPLEMENTATION", "code_changes", "TESTING", name, content)
for name, content in {
    "tests_whose_totals_lie": (
        b'<testsuites failures="0" tests="9"><testsuite failures="0"><testcase/><testcase><failure/>'
        b"</testcase></testsuite></testsuites>"
    ),
    "tests_of_nothing": b'<testsuites tests="9" failures="0"/>',
    "tests_all_skipped": b"<testsuite><testcase><skipped/></testcase></testsuite>",
    "tests_that_broke_before_they_ran": (
        b"<testsuites><testsuite><error/><testcase/></testsuite></testsuites>"
    ),
    "tests_of_no_bytes": b"",
    "tests_that_are_a_bomb": BOMB + b"<testsuite><testcase>&c;</testcase></testsuite>",
    "tests_as_a_word": b'{"all_passed": true}',
    "tests_in_a_page": b"<html><testcase/></html>",
}.items():
    report("TESTING", "test_results", "DEPLOYMENT", name, content)


# -- tasks


@way()
def with_no_task(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    return scene.go()


@way()
def with_all_tasks_cancelled(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    [task] = scene.calls.post(f"{scene.delivery.at}/tasks", {"tasks": [{"title": "never done"}]}).json()[
        "tasks"
    ]
    scene.calls.post(f"/tasks/{task['id']}/cancellation", {"reason": "no"})
    return scene.go()


@way()
def with_the_task_of_another_phase(scene):
    scene.delivery.submit("requirements_document", reports.requirements())
    scene.go("BACKLOG", reason="again")
    scene.delivery.work_off()
    scene.go("REQUIREMENTS")
    return scene.go()


@way(lacks="")
def with_a_failed_task(scene):
    scene.calls.post(f"{scene.delivery.at}/tasks", {"tasks": [{"title": "breaks"}]})
    claim = scene.delivery.claim()
    scene.agent.post(
        f"/tasks/{claim['task']['id']}/failure", {"fence": claim["fence"], "error": "no", "kind": "permanent"}
    )
    return scene.go()


@way(lacks="")
def with_an_open_task(scene):
    scene.calls.post(f"{scene.delivery.at}/tasks", {"tasks": [{"title": "still open"}]})
    return scene.go()


@way(lacks="")
def with_a_task_somebody_holds(scene):
    scene.calls.post(f"{scene.delivery.at}/tasks", {"tasks": [{"title": "still running"}]})
    scene.delivery.claim()
    return scene.go()


# -- the workflow


@way()
def a_new_version_of_its_workflow_without_gates(scene):
    document = scene.calls.get("/workflows/software_delivery").json()["document"]
    for phase in document["phases"]:
        phase.pop("gate", None)
    assert scene.calls.put("/workflows/software_delivery", document).json()["version"] == 2
    return scene.go()


@way()
def another_workflow_of_its_project(scene):
    assert scene.calls.patch("/projects/OMO", {"workflow": "simple"}).status_code == 200
    return scene.go()


@way(door=False)
def another_workflow_of_the_ticket(scene):
    sql.rows(
        """UPDATE tickets_ticket
           SET workflow_id = (SELECT id FROM tickets_workflow WHERE name = 'simple')
           WHERE id = %s""",
        [scene.ticket.pk],
    )


@way(door=False)
def a_gate_taken_out_of_the_version(scene):
    sql.rows("UPDATE tickets_workflowphase SET gated = false")


@way(door=False)
def a_workflow_that_lets_blocked_lead_on(scene):
    phases = [
        {"name": "A", "to": ["B"], "gate": [{"check": "tasks_completed"}], "blocked_to": ["B"]},
        {"name": "B", "to": []},
    ]
    return scene.calls.put("/workflows/leaky", {"name": "leaky", "phases": phases})


@way(door=False)
def a_workflow_whose_gate_lets_the_next_phase_be_claimed(scene):
    phases = [
        {"name": "A", "to": ["B"], "automatic": "on_claim", "gate": [{"check": "tasks_completed"}]},
        {"name": "B", "to": []},
    ]
    return scene.calls.put("/workflows/leaky", {"name": "leaky", "phases": phases})


# -- fields, tables, other doors


@way(door=False)
def the_field_in_a_patch(scene):
    return scene.calls.patch(scene.delivery.at, {"phase": "DESIGN"})


@way(door=False)
def the_workflow_in_a_patch(scene):
    return scene.calls.patch(scene.delivery.at, {"workflow": "simple"})


@way(door=False)
def the_form_of_the_admin(scene):
    client = Client()
    client.force_login(scene.operator)
    ticket = scene.ticket
    at = f"/admin/tickets/ticket/{ticket.pk}/change/"
    form = client.get(at).context["adminform"].form
    fields = {name: form[name].value() or "" for name in form.fields} | {
        "title": "x",
        "phase": "DESIGN",
        "workflow": "1",
        "moves": "9",
    }
    rows = {"history-TOTAL_FORMS": "0", "history-INITIAL_FORMS": "0"}
    assert client.post(at, {**fields, **rows}).status_code == 302
    assert scene.ticket.title == "x"


@way(door=False)
def queryset_update(scene):
    Ticket.objects.filter(pk=scene.ticket.pk).update(phase="DESIGN")


@way(door=False)
def raw_sql(scene):
    scene.put()


@way(door=False)
def raw_sql_with_a_ground_for_phases_without_gate(scene):
    scene.tell("ungated")
    scene.put()


@way(door=False)
def raw_sql_with_the_ground_of_an_import(scene):
    scene.tell("imported")
    scene.put()


@way(door=False)
def raw_sql_with_a_verdict_that_refused(scene):
    scene.tell("verdict", verdict=Ticket.objects.judge(key=scene.delivery.key, by=scene.operator))
    scene.put()


@way(door=False)
def raw_sql_that_unblocks_it_further_on(scene):
    scene.go("BLOCKED", reason="waits")
    scene.tell("unblocked")
    scene.put()


@way(door=False)
def history_deleted(scene):
    PhaseMove.objects.filter(ticket=scene.ticket).delete()


@way(door=False)
def history_rewritten(scene):
    scene.go("BLOCKED", reason="waits")
    PhaseMove.objects.filter(ticket=scene.ticket, to_phase="REQUIREMENTS").update(to_phase="DESIGN")


@way(door=False)
def the_journal_emptied(scene):
    scene.go()
    Event.objects.all().delete()


@way(lacks="requirements_document")
def by_itself_when_its_work_is_done(scene):
    """An automatic move is also checked by the gate."""
    assert Ticket.objects.advance_due() == 0
    return scene.go()


# -- what all of them come to


@pytest.fixture
def scene(project, calls, agent, operator, ada, django_user_model):
    return Scene(Delivery(calls, agent), calls, agent, operator, ada, project, django_user_model)


def test_there_are_more_than_twenty_ways():
    assert len(WAYS) > 60


@pytest.mark.parametrize("name", WAYS)
def test_no_way_leads_past_the_gate(scene, name):
    tried = WAYS[name]
    scene.delivery.bring_to(tried.phase)
    if tried.lacks is not None:
        scene.delivery.work_off()
        for kind, content in EVIDENCE[tried.phase].items():
            if kind != tried.lacks:
                scene.delivery.submit(kind, content)
    told = Event.objects.filter(kind__in=REFUSED).count()

    try:
        with nullcontext() if tried.door else transaction.atomic():
            answer = tried.act(scene)
    except (OmoiError, IntegrityError):
        pass
    except ProgrammingError as refusal:
        if not isinstance(refusal.__cause__, InsufficientPrivilege):
            raise
    else:
        assert answer is None or answer.status_code in (403, 409, 412, 422), answer.json()

    here = ORDER.index(tried.phase)
    for ticket in Ticket.objects.filter(workflow__name="software_delivery"):
        assert ticket.phase in (*ORDER[: here + 1], "BLOCKED", "CANCELLED")
        assert not ticket.history.filter(to_phase__in=ORDER[here + 1 :]).exists()
    assert not Verdict.objects.filter(ticket=scene.ticket, passed=True, phase=tried.phase, checks=[]).exists()
    if tried.door:
        assert Event.objects.filter(kind__in=REFUSED).count() > told


def test_evidence_that_changes_while_the_ticket_moves_is_seen(scene, operator):
    """The move waits for the submission; then its verdict is for outdated evidence."""
    scene.delivery.bring_to("REQUIREMENTS")
    scene.delivery.satisfy()
    ticket = scene.ticket
    verdict = Ticket.objects.judge(pk=ticket.pk, by=operator)

    def move():
        with Ticket.objects.locked(pk=ticket.pk) as locked:
            locked.advance(by=operator, verdict=verdict)

    with meanwhile(move) as moving:
        submit(ticket, "requirements_document", b"# Scope", by=operator)
    with pytest.raises(GateClosed):
        moving.answer()
    assert scene.delivery.phase == "REQUIREMENTS"


def test_two_who_move_it_at_the_same_time_move_it_once(scene, operator):
    scene.delivery.bring_to("REQUIREMENTS")
    scene.delivery.satisfy()
    ticket = scene.ticket
    verdict = Ticket.objects.judge(pk=ticket.pk, by=operator)

    def move():
        with Ticket.objects.locked(pk=ticket.pk) as locked:
            locked.advance("DESIGN", by=operator, verdict=verdict)

    with meanwhile(move) as second:
        move()
    with pytest.raises(OmoiError):
        second.answer()
    assert PhaseMove.objects.filter(ticket=ticket, to_phase="DESIGN").count() == 1
