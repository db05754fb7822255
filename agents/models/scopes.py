"""The scopes of keys, the roles of people, and the scopes that each role has."""

from __future__ import annotations

from django.db import models


class Role(models.TextChoices):
    """A person's role in a project."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


SCOPES = ["work", "tickets:write", "gates:decide", "gates:force", "locks:force", "agents:register", "admin"]
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
