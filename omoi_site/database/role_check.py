"""What the application's role could do to the guards of its database, and how to end that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from omoi_site.database import privileges, sql

HELD = sql.statement(__file__, "role_check")
SECOND_ROLE = "`python3 manage.py roles --sql` prints the SQL that makes a second role."


@dataclass
class Held:
    """faults: what is not held, in sentences without a full stop. unbound: no rule of the database binds this
    role.
    """

    application: str
    schema: str
    owner: str  # of the tables
    tables: int
    owned: int  # by the application
    unbound: bool = False
    holds: list[str] = field(default_factory=list)  # of the database and the schema
    member: list[str] = field(default_factory=list)  # of these powerful roles
    faults: list[str] = field(default_factory=list)
    how: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "application": self.application,
            "owner": self.owner,
            "tables": self.tables,
            "owned": self.owned,
            "faults": self.faults,
            "how": self.how,
        }


def warning() -> str:
    """What is not held while Django's connection works as this role, for `/readyz`; empty where all is."""
    connection.ensure_connection()
    held = look(connection.connection, grants=False)
    return f"{'; '.join(held.faults)}. {held.how}" if held.faults else ""


def look(link: Any, *, grants: bool = True) -> Held:
    """What the role of this connection holds; it needs no right beyond its own.

    grants: also compare every privilege with what it should be, which takes longer.
    """
    [(application, schema, owner, tables, owned, unbound, creates, holds, member)] = link.execute(
        HELD
    ).fetchall()
    held = Held(application, schema, owner or "", tables, owned, unbound, holds, member)
    if unbound:
        held.faults = [f"{application} is a superuser or bypasses row security: no rule binds it"]
        held.how = f"Give the application a role of its own. {SECOND_ROLE}"
    elif owned:
        held.faults = [
            f"{application} owns {owned} of {tables} tables: whoever can run SQL with it can switch off the"
            " guards"
        ]
        held.how = f"Give the application a role of its own. {SECOND_ROLE}"
    elif tables:
        if creates:
            held.faults.append(f"{application} may create {' and '.join(creates)}")
        if holds:
            held.faults.append(f"{application} owns the {' and the '.join(holds)}")
        if member:
            held.faults.append(f"{application} is a member of {' and '.join(member)}")
        if held.faults:
            held.how = "`python3 manage.py roles --sql` prints the SQL that ends it."
        if grants and (missing := privileges.missing(link, held.owner, application)):
            held.faults.append(f"{len(missing)} privileges of {application} are not as they should be")
            held.how = "Run: python3 manage.py migrate (`up` does this by itself)."
    return held
