"""Who may do what: the scopes of a credential, in a project or in the whole installation."""

from __future__ import annotations

from typing import Any

from agents.models.agent import Agent
from agents.models.key import SCOPES
from agents.models.project import Member, Project
from omoi_site.errors import Forbidden

OPERATOR = frozenset({"tickets:write", "work"})
OF_ROLE = {
    Member.Role.VIEWER: frozenset[str](),
    Member.Role.OPERATOR: OPERATOR,
    Member.Role.APPROVER: OPERATOR | {"gates:decide"},
    Member.Role.ADMIN: frozenset(SCOPES),
}


def scopes(who: Any, project: Project | None = None) -> frozenset[str]:
    """What `who` may do in `project`; without one, in the whole installation. A key's own scopes only narrow.

    An agent has the scopes of its key, in its projects. A person has those of their role in the project, the operator all; beyond projects nobody
    else has any.
    """
    narrowed: frozenset[str] | None = getattr(who, "key_scopes", None)
    if isinstance(who, Agent):
        elsewhere = project is not None and not who.sees_all and not who.projects.filter(pk=project.pk).exists()
        return frozenset() if elsewhere else narrowed or frozenset()
    if who.is_superuser:
        own = frozenset(SCOPES)
    else:
        role = Member.objects.filter(user=who, project=project).values_list("role", flat=True).first() if project else None
        own = OF_ROLE[Member.Role(role)] if role else frozenset()
    return own & narrowed if narrowed else own


EITHER = " or "  # between scopes of which one will do


def need(who: Any, scope: str, project: Project | None = None) -> None:
    """Raise Forbidden, naming the scope, unless `who` has it (`tickets:write or work`: one of them)."""
    if scope and scopes(who, project).isdisjoint(scope.split(EITHER)):
        where = f" in project {project}" if project else ""
        raise Forbidden(f"this needs the scope {scope}{where}, which you do not have", scope=scope)
