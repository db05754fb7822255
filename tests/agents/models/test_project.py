"""Projects and their members: edited under a version, paused with all their lanes."""

from __future__ import annotations

import pytest

from agents.models import Agent, Event, Member, Project, ProjectSpec
from omoi_site.errors import Forbidden, Invalid, VersionConflict
from tickets.models import Task, TaskSpec, UnknownWorkflow

pytestmark = pytest.mark.django_db


def test_a_paused_project_grants_nothing_and_a_new_lane_of_it_neither(project, ticket, task, ada, operator):
    with Project.objects.locked(key="OMO") as locked:
        locked.pause(by=operator, reason="release day")
    Task.objects.add(ticket, [TaskSpec("Of a lane that is new", capabilities=["rust"])], by=operator)
    ada.capabilities = ["rust"]
    ada.save()
    assert Task.objects.claim(by=ada, limit=5) == []

    with Project.objects.locked(key="OMO") as locked:
        locked.resume(by=operator)

    assert len(Task.objects.claim(by=ada, limit=5)) == 2
    kinds = Event.objects.filter(subject="project:OMO").values_list("kind", "reason")
    assert list(kinds) == [
        ("project.created", ""),
        ("project.paused", "release day"),
        ("project.resumed", ""),
    ]


def test_a_paused_phase_grants_nothing_and_a_new_lane_of_it_neither(project, ticket, task, ada, operator):
    Project.objects.act(project.pk, "pause_phase", phase="phase_doing", by=operator, reason="tests are red")
    Project.objects.act(project.pk, "pause_phase", phase="DOING", by=operator, reason="once more")
    Task.objects.add(ticket, [TaskSpec("Of a lane that is new", capabilities=["rust"])], by=operator)
    Agent.objects.filter(pk=ada.pk).update(capabilities=["rust"])
    assert Task.objects.claim(by=ada, limit=5) == []
    assert Project.objects.get().paused_phases["DOING"]["reason"] == "tests are red"
    assert Project.objects.get().version == project.version + 1
    [cause] = Task.objects.explanations([task.pk])[task.pk]["causes"][:1]
    assert (cause["code"], cause["what"]) == ("pause", "phase Doing of project OMO is paused: tests are red")
    assert cause["since"] is not None

    Project.objects.act(project.pk, "pause", by=operator)
    Project.objects.act(project.pk, "resume", by=operator)
    assert Task.objects.claim(by=ada, limit=5) == []  # the phase is paused still
    Project.objects.act(project.pk, "resume_phase", phase="DOING", by=operator)

    assert len(Task.objects.claim(by=ada, limit=5)) == 2
    told = Event.objects.filter(kind__startswith="phase.").values_list("kind", "reason", "data")
    assert list(told) == [
        ("phase.paused", "tests are red", {"phase": "DOING"}),
        ("phase.resumed", "", {"phase": "DOING"}),
    ]


@pytest.mark.parametrize("phase", ["", " ", "NOWHERE", "a b", "x" * 61, "DOING\u200b"])
def test_only_a_phase_of_a_workflow_is_paused(project, operator, phase):
    with pytest.raises(Invalid):
        Project.objects.act(project.pk, "pause_phase", phase=phase, by=operator)
    assert Project.objects.get().paused_phases == {}


@pytest.mark.parametrize("most", [0, -1, 100_001])
def test_a_limit_is_a_number_from_1_on(project, operator, most):
    with pytest.raises(Invalid), Project.objects.locked(key="OMO") as locked:
        locked.edit(by=operator, max_agents=most)


def test_an_edit_from_an_old_copy_is_refused(project, operator):
    with Project.objects.locked(key="OMO") as locked:
        locked.edit(by=operator, version=1, name="Omoi")
    with pytest.raises(VersionConflict) as refused, Project.objects.locked(key="OMO") as locked:
        locked.edit(by=operator, version=1, name="Another")

    assert refused.value.more["version"] == 2
    assert Project.objects.get().name == "Omoi"
    assert Event.objects.get(kind="project.edited").data == {
        "before": {"name": "OMO"},
        "after": {"name": "Omoi"},
    }


def test_a_project_chooses_only_a_workflow_that_is_there(project, operator):
    with pytest.raises(UnknownWorkflow):
        Project.objects.create_project(ProjectSpec("NEW", workflow="nowhere"), by=operator)
    with pytest.raises(UnknownWorkflow), Project.objects.locked(key="OMO") as locked:
        locked.edit(by=operator, workflow="nowhere")
    with pytest.raises(Invalid):
        Project.objects.create_project(ProjectSpec("OMO"), by=operator)


def test_members_are_set_and_removed_and_the_journal_tells(project, operator, django_user_model):
    eve = django_user_model.objects.create_user("eve")
    Member.objects.set(project, eve, "viewer", by=operator)
    Member.objects.set(project, eve, "operator", by=operator)
    assert list(Project.objects.seen_by(eve)) == [project]
    with pytest.raises(Invalid):
        Member.objects.set(project, eve, "king", by=operator)

    Member.objects.remove(project, eve, by=operator)

    assert not Project.objects.seen_by(eve)
    told = Event.objects.filter(kind__startswith="member.").values_list("kind", "data")
    assert list(told) == [
        ("member.set", {"user": "eve", "before": None, "after": "viewer"}),
        ("member.set", {"user": "eve", "before": "viewer", "after": "operator"}),
        ("member.removed", {"user": "eve", "before": "operator"}),
    ]


CHANGES = {
    "edit": lambda project, person, by: Project.objects.act(project.pk, "edit", by=by, name="Mine"),
    "pause": lambda project, person, by: Project.objects.act(project.pk, "pause", by=by),
    "resume": lambda project, person, by: Project.objects.act(project.pk, "resume", by=by),
    "limit": lambda project, person, by: Project.objects.act(project.pk, "edit", by=by, max_agents=2),
    "pause a phase": lambda project, person, by: Project.objects.act(
        project.pk, "pause_phase", phase="DOING", by=by
    ),
    "set a member": lambda project, person, by: Member.objects.set(project, person, "admin", by=by),
    "remove a member": lambda project, person, by: Member.objects.remove(project, person, by=by),
}


@pytest.fixture
def people(project, operator, django_user_model):
    """An approver and an admin (`boss`) of OMO, and an admin of another project (`outsider`)."""
    names = ("approver", "boss", "outsider")
    people = {name: django_user_model.objects.create_user(name) for name in names}
    Member.objects.set(project, people["approver"], "approver", by=operator)
    Member.objects.set(project, people["boss"], "admin", by=operator)
    other = Project.objects.create_project(ProjectSpec("TWO"), by=operator)
    Member.objects.set(other, people["outsider"], "admin", by=operator)
    return people


@pytest.mark.parametrize("change", CHANGES)
def test_only_an_admin_of_the_project_changes_it_and_its_members(change, project, people, ada):
    act, person = CHANGES[change], people["approver"]
    before = (Project.objects.get(pk=project.pk).version, Event.objects.count())

    for who in (people["approver"], people["outsider"], ada):
        with pytest.raises(Forbidden, match="needs the scope admin in project OMO"):
            act(project, person, who)
    assert (Project.objects.get(pk=project.pk).version, Event.objects.count()) == before
    assert Member.objects.get(project=project, user=person).role == "approver"

    act(project, person, people["boss"])


def test_only_the_admin_of_the_installation_creates_projects(project, people, ada):
    for who in (people["boss"], ada):
        with pytest.raises(Forbidden, match="needs the scope admin"):
            Project.objects.create_project(ProjectSpec("MINE"), by=who)
    assert not Project.objects.filter(key="MINE").exists()

    assert Project.objects.create_project(ProjectSpec("OURS"), by="system:cli")
