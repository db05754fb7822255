"""Projects and members: the admin and the API are two doors to one verb, and leave the same events."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from agents.models import Event, Member, Project, ProjectSpec, access_log
from tests.support.api_client import api_of

pytestmark = pytest.mark.django_db(transaction=True)

SETTINGS = {
    "name": "Renamed",
    "repository": "",
    "workflow": "simple",
    "workflows": "",
    "profiles": "",
    "stall_after_s": 1800,
    "stall_grace_s": 600,
}


@pytest.fixture(autouse=True)
def no_refusal_left_out():
    """The journal takes ten refusals a minute; what tests before this one used does not count."""
    access_log.in_journal.used.clear()


@pytest.fixture
def person(django_user_model):
    return django_user_model.objects.create_user("eve")


@pytest.fixture
def manager(project, operator, django_user_model):
    """Staff with all of Django's permissions, admin of OMO, viewer of ELSE."""
    sam = django_user_model.objects.create_user("sam", is_staff=True)
    sam.user_permissions.set(Permission.objects.all())
    Member.objects.set(project, sam, "admin", by=operator)
    other = Project.objects.create_project(ProjectSpec("ELSE", workflow="simple"), by=operator)
    Member.objects.set(other, sam, "viewer", by=operator)
    return sam


def page(model: Any, name: str, *args: Any) -> str:
    return reverse(f"admin:agents_{model._meta.model_name}_{name}", args=args)


def in_admin(client: Any, act: str, project: Project, person: Any) -> Any:
    """Do `act` on the pages of the admin."""
    member = Member.objects.filter(project=project, user=person).first()
    own = member.pk if member else 0
    if act in ("pause", "resume"):
        body = {"action": f"{act}_projects", "_selected_action": [project.pk], "reason": "agreed"}
        return client.post(page(Project, "changelist"), body, follow=True)
    if act == "create":
        return client.post(page(Project, "add"), {**SETTINGS, "key": "NEW"}, follow=True)
    if act == "edit":
        return client.post(page(Project, "change", project.pk), SETTINGS, follow=True)
    if act == "remove":
        return client.post(page(Member, "delete", own), {"post": "yes"}, follow=True)
    body = {"project": project.pk, "user": person.pk, "role": "operator"}
    return client.post(page(Member, "add"), body, follow=True)


def in_api(api: Any, act: str, project: Project, person: Any) -> Any:
    """Do `act` by the routes of the API."""
    at = f"/projects/{project.key}"
    if act in ("pause", "resume"):
        return api.post(f"{at}/{act}", {"reason": "agreed"})
    if act == "create":
        return api.post("/projects", {"key": "NEW", "name": "Renamed", "workflow": "simple"})
    if act == "edit":
        return api.patch(at, {"name": "Renamed", "workflow": "simple", "workflows": [], "profiles": []})
    if act == "remove":
        return api.delete(f"{at}/members/{person.username}")
    return api.post(f"{at}/members", {"user": person.username, "role": "operator"})


def events_after(last: int) -> list[tuple[Any, ...]]:
    return list(
        Event.objects.filter(pk__gt=last).order_by("pk").values_list("kind", "actor", "reason", "data")
    )


def newest() -> int:
    return Event.objects.order_by("-pk").values_list("pk", flat=True)[0]


def undo(act: str, project: Project, person: Any) -> None:
    """Bring the project and its members to the state before `act`."""
    Project.objects.filter(key="NEW").delete()
    Project.objects.filter(pk=project.pk).update(name="OMO", paused=act == "resume")
    Member.objects.filter(user=person).delete()
    if act == "remove":
        Member.objects.create(project=project, user=person, role="viewer")


@pytest.mark.parametrize("act", ["create", "edit", "pause", "resume", "set", "remove"])
def test_an_act_on_a_project_leaves_the_same_events_by_either_door(client, project, operator, person, act):
    project.profiles = []
    project.save()
    client.force_login(operator)
    api, left = api_of(operator), []
    for door, caller in ((in_admin, client), (in_api, api)):
        undo(act, project, person)
        last = newest()
        door(caller, act, project, person)
        left.append(events_after(last))

    assert left[0] == left[1]
    assert len(left[0]) == 1


@pytest.mark.parametrize("act", ["create", "edit", "pause", "resume", "set", "remove"])
def test_who_may_not_is_refused_by_both_doors_and_nothing_changes(client, manager, person, act):
    """An admin of one project, in another where they only look on: Django's permissions give no scope."""
    other = Project.objects.get(key="ELSE")
    undo(act, other, person)
    client.force_login(manager)
    before = (list(Project.objects.values()), list(Member.objects.values()))
    api, last = api_of(manager), newest()

    answer = in_api(api, act, other, person)
    by_api = events_after(last)
    last = newest()
    shown = in_admin(client, act, other, person)
    by_admin = events_after(last)

    assert answer.status_code == 403
    assert "needs the scope admin" in answer.json()["detail"]
    assert "needs the scope admin" in shown.content.decode()
    assert (list(Project.objects.values()), list(Member.objects.values())) == before
    for [(kind, actor, _, data)] in (by_api, by_admin):
        assert (kind, actor, data["status"]) == ("user.refused", "user:sam", 403)


def test_chosen_members_are_removed_all_or_none(client, manager, person, operator):
    """The admin of OMO may not remove members of ELSE, so the one of OMO stays too."""
    chosen = [
        Member.objects.create(project=Project.objects.get(key=key), user=person, role="viewer").pk
        for key in ("ELSE", "OMO")  # the page lists the newest first, so the permitted one comes first
    ]
    body = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    last = newest()

    client.force_login(manager)
    refused = client.post(page(Member, "changelist"), body, follow=True)
    assert "needs the scope admin" in refused.content.decode()
    assert Member.objects.filter(pk__in=chosen).count() == 2
    assert [kind for kind, *_ in events_after(last)] == ["user.refused"]

    client.force_login(operator)
    client.post(page(Member, "changelist"), body, follow=True)
    assert not Member.objects.filter(pk__in=chosen).exists()
    assert [kind for kind, *_ in events_after(last)] == ["user.refused", "member.removed", "member.removed"]
