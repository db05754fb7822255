"""What the forms of a project's page do: each calls one verb and returns a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.http import QueryDict

from agents.models import Member, Project, rights
from agents.models.project import LIMITS, STALLS
from omoi_site import humanize
from omoi_site.errors import Invalid, VersionConflict, short
from omoi_site.field_limits import VERSION_DIGITS, whole_number

LONGEST_NUMBER = 12  # digits
LONGEST_NAME = 60  # characters of a name that nobody has
# What a person reads for the name of a setting, where that is another.
SETTINGS = {
    "max_agents": "Agents at work",
    "max_tickets": "Tickets at work",
    "stall_after_s": "Stalled after",
    "stall_grace_s": "Taken back after",
}


def set_member(project: Project, sent: QueryDict, by: Any) -> str:
    rights.require(by, "admin", project)  # nobody else hears who has an account
    user = _person(sent.get("user", ""))
    member = Member.objects.set(project, user, sent.get("role", ""), by=by, seen=sent.get("was"))
    return f"{user.get_username()} is {humanize.thing(member.role)} of {project.key}."


def remove_member(project: Project, sent: QueryDict, by: Any) -> str:
    rights.require(by, "admin", project)
    user = _person(sent.get("user", ""), active=False)
    removed = Member.objects.remove(project, user, by=by, seen=sent.get("was"))
    if not removed:
        return f"{user.get_username()} was no member of {project.key} any more, so nothing was done."
    return f"{user.get_username()} is no longer a member of {project.key}."


def rename(project: Project, sent: QueryDict, by: Any) -> str:
    _edit(project, sent, by, name=sent.get("name", "").strip())
    return f"{project.key} has its new name."


def limit(project: Project, sent: QueryDict, by: Any) -> str:
    limits = {name: _number(sent, name) for name in LIMITS}
    stalls = {name: _number(sent, name, required=True) for name in STALLS}
    _edit(project, sent, by, **limits, **stalls)
    return f"The limits of {project.key} are saved."


def choose_workflows(project: Project, sent: QueryDict, by: Any) -> str:
    own = sent.get("workflow", "")
    others = [name for name in sent.getlist("workflows") if name != own]
    _edit(project, sent, by, workflow=own, workflows=others)
    return f"New tickets of {project.key} follow {own}."


def grant_profiles(project: Project, sent: QueryDict, by: Any) -> str:
    _edit(project, sent, by, profiles=sent.getlist("profiles"))
    return f"The profiles of {project.key} are saved."


def pause(project: Project, sent: QueryDict, by: Any) -> str:
    phase, reason = sent.get("phase", ""), sent.get("reason", "")
    if phase:
        Project.objects.act(project.pk, "pause_phase", by=by, phase=phase, reason=reason)
        return f"{humanize.phase(phase)} of {project.key} is paused. Running claims go on."
    was = project.paused
    Project.objects.act(project.pk, "pause", by=by, reason=reason)
    if was:
        return f"{project.key} was paused already. The first reason stays."
    return f"{project.key} is paused. Running claims go on."


def resume(project: Project, sent: QueryDict, by: Any) -> str:
    phase, reason = sent.get("phase", ""), sent.get("reason", "")
    if phase:
        Project.objects.act(project.pk, "resume_phase", by=by, phase=phase, reason=reason)
        return f"{humanize.phase(phase)} of {project.key} goes on."
    Project.objects.act(project.pk, "resume", by=by, reason=reason)
    return f"{project.key} goes on."


ACTS: dict[str, Callable[[Project, QueryDict, Any], str]] = {
    "member": set_member,
    "remove-member": remove_member,
    "name": rename,
    "limits": limit,
    "workflows": choose_workflows,
    "profiles": grant_profiles,
    "pause": pause,
    "resume": resume,
}


def _edit(project: Project, sent: QueryDict, by: Any, **values: Any) -> None:
    """Set these, if nobody changed the project since its page was shown. Sent again, nothing is done
    twice.
    """
    shown = whole_number(sent.get("version", ""), VERSION_DIGITS)
    try:
        Project.objects.act(project.pk, "edit", by=by, version=shown, **values)
    except VersionConflict:
        now = Project.objects.get(pk=project.pk)
        if any(getattr(now, name) != value for name, value in values.items()):
            raise VersionConflict(
                f"{project.key} has changed since you opened the page, and nothing was saved",
                next_action="What you typed stands below. Look at what is there now, and save again.",
            ) from None


def _person(name: str, *, active: bool = True) -> Any:
    people = get_user_model().objects.filter(username=name.strip())
    found = (people.filter(is_active=True) if active else people).first()
    if found is None:
        raise Invalid(
            f"there is no user {short(name.strip(), LONGEST_NAME)}" if name.strip() else "name a user",
            field="user",
            next_action="The operator of this installation adds people in the admin.",
        )
    return found


def _number(sent: QueryDict, name: str, *, required: bool = False) -> int | None:
    text = sent.get(name, "").strip()
    if not text and not required:
        return None
    if (number := whole_number(text, LONGEST_NUMBER)) is None:
        raise Invalid(f"{SETTINGS[name]}: write a whole number", field=name)
    return number
