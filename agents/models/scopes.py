"""The scopes of keys, the roles of people, and the scopes that each role has."""

from __future__ import annotations

from django.db import models


class Role(models.TextChoices):
    """A person's role in a project."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


SCOPES = [
    "work",
    "tickets:write",
    "gates:decide",
    "gates:force",
    "locks:force",
    "fleet:freeze",
    "agents:register",
    "admin",
]
# With these an agent acts beyond its projects, as on workflows, which all share. Only who may do that gives
# them.
BEYOND_PROJECTS = {
    "admin": "only who has the scope admin in the whole installation gives it to an agent",
    "fleet:freeze": "only who may freeze everything gives the scope fleet:freeze to an agent",
}
OF_AGENT = frozenset({"work"})
OPERATOR = frozenset({"tickets:write", "work"})
# The scope that each role has and those before it lack.
ADDED = {Role.VIEWER: "", Role.OPERATOR: "tickets:write", Role.APPROVER: "gates:decide", Role.ADMIN: "admin"}
OF_ROLE = {
    Role.VIEWER: frozenset[str](),
    Role.OPERATOR: OPERATOR,
    Role.APPROVER: OPERATOR | {"gates:decide"},
    Role.ADMIN: frozenset(SCOPES),
}
WORKING_ROLES = [role.value for role, scopes in OF_ROLE.items() if "work" in scopes]
