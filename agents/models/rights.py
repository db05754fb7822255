"""Who may do what: which scopes somebody has, in a project or in the whole installation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from agents.models.actor import Actor, is_agent, pk_of, sees_all
from agents.models.key_hold import hold
from agents.models.scopes import BEYOND_PROJECTS, OF_AGENT, OF_ROLE, SCOPES, Role
from omoi_site.errors import Forbidden


class ProjectLike(Protocol):
    """What the rights need to know of a project. Projects ask for rights, so they are not imported here."""

    pk: Any
    key: Any
    members: Any


def scopes(who: Actor, project: ProjectLike | None = None) -> frozenset[str]:
    """What `who` may do in `project`; without one, in the whole installation. A key's own scopes only narrow.

    An agent has the scopes of its key, in its projects; a worker, which comes without one, may work. A person
    has those of their role in the project, the operator all; beyond projects nobody else has any. A plain
    string is a part of the system, which has all. The row through which a person holds tasks has what the
    person has.
    """
    if isinstance(who, str):
        return frozenset(SCOPES)
    if (person := getattr(who, "person", None)) is not None:
        return scopes(person, project)
    narrowed: frozenset[str] | None = getattr(who, "key_scopes", None)
    if is_agent(who):
        theirs: Any = who
        elsewhere = not (project is None or theirs.sees_all or theirs.projects.filter(pk=project.pk).exists())
        return frozenset() if elsewhere else narrowed or OF_AGENT
    if sees_all(who):
        own = frozenset(SCOPES)
    else:
        role = (
            project.members.filter(user=pk_of(who)).values_list("role", flat=True).first()
            if project
            else None
        )
        own = OF_ROLE[Role(role)] if role else frozenset()
    return own & narrowed if narrowed else own


EITHER = " or "  # between scopes of which one will do


def require(who: Actor, scope: str, project: ProjectLike | None = None) -> None:
    """Raise Forbidden, naming the scope, unless `who` has it (`tickets:write or work`: one of them). In a
    transaction, a key that `who` used must hold, and then holds until the end (`key_hold`).
    """
    if scope:  # it is no read
        hold(who)
    require_scope(who, scope, project)


def require_scope(who: Actor, scope: str, project: ProjectLike | None = None) -> None:
    """Like `require`, for verbs whose own statement asks whether the key holds.

    Within one request nothing is read twice: what was asked with this right before is allowed.
    """
    if (scope, project.key if project else None) in (getattr(who, "rights_used", None) or ()):
        return
    if scope and scopes(who, project).isdisjoint(scope.split(EITHER)):
        scope_text = f" in project {project}" if project else ""
        raise Forbidden(
            f"this needs the scope {scope}{scope_text}, which you do not have",
            next_action=(
                "Ask an administrator of the project: a person gets it by a role in the project, an agent"
                " by a key with this scope (`python3 manage.py keys create --agent NAME --scope SCOPE`)."
            ),
            scope=scope,
        )
    note_used(who, scope, project.key if project else None)


Used = list[tuple[str, str | None]]  # scopes, and the key of the project each was needed in


def note_used(who: Actor, scope: str, project: str | None) -> None:
    """Remember, where a caller remembers (`who.rights_used`), that an answer rests on this right."""
    used: Used | None = getattr(who, "rights_used", None)
    if used is not None and (scope, project) not in used:
        used.append((scope, project))


def everywhere(who: Actor, agent: Any) -> frozenset[str]:
    """The scopes `who` has in every project of the agent; for an agent without one, in the installation."""
    projects: list[ProjectLike | None] = [*agent.projects.all()] or [None]
    return frozenset.intersection(*[scopes(who, project) for project in projects])


def require_everywhere(who: Actor, scope: str, agent: Any) -> None:
    """Raise Forbidden unless `who` has the scope in every project of the agent; for an agent without one, in
    the installation.
    """
    for project in [*agent.projects.all()] or [None]:
        require(who, scope, project)


def require_keys_of(who: Actor, *, agent: Any = None, user: Any = None) -> None:
    """Raise Forbidden unless `who` may see and revoke the keys of this agent or person.

    That may the agent or person itself, who has `admin` in every project of the agent, and the operator.
    """
    if agent is None:
        if is_agent(who) or (pk_of(who) != user.pk and not sees_all(who)):
            raise Forbidden("keys of a person are seen and revoked by themself or by the operator")
    elif agent != who and "admin" not in everywhere(who, agent):
        raise Forbidden("this needs the scope admin in every project of the agent", scope="admin")


def require_grantable(who: Actor, wanted: Iterable[str], *, agent: Any = None, user: Any = None) -> None:
    """Raise Forbidden unless `who` may make a key with these scopes for the agent or the person.

    Nobody gives more than they have. A person makes keys for themself, the operator for everybody; a key
    never widens a person's roles. For another agent it takes `admin` in each of its projects; whoever
    registers one may give it its first key, to work.
    """
    if agent is None:
        if is_agent(who) or (pk_of(who) != user.pk and not sees_all(who)):
            raise Forbidden("a key for a person is made by themself or by the operator of this installation")
        held = narrowed(who)
        wanted = set(wanted) or SCOPES  # without scopes it has all those of their roles
    else:
        held = everywhere(who, agent)
        first = set(wanted) == {"work"} and not agent.keys.exists() and "agents:register" in held
        if agent != who and "admin" not in held and not first:
            raise Forbidden("this needs the scope admin in every project of the agent", scope="admin")
        for project in agent.projects.all():
            note_used(who, "agents:register" if first else "" if agent == who else "admin", project.key)
        if first:
            return
        for scope, refusal in BEYOND_PROJECTS.items():
            if scope in wanted and scope not in scopes(who):
                raise Forbidden(refusal, scope=scope)
    if more := sorted(set(wanted) - held):
        raise Forbidden(f"you cannot give the scopes {', '.join(more)}: you do not have them yourself")


def narrowed(who: Actor) -> frozenset[str]:
    """What a person's key leaves of their rights; all, where they came without one or with one that narrows
    nothing.
    """
    return getattr(who, "key_scopes", None) or frozenset(SCOPES)
