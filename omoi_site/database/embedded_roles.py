"""The roles of the embedded server: made with its database, and in a data folder of an earlier version, whose
one role owned everything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from omoi_site.database import location, privileges
from omoi_site.database.backup import back_up
from omoi_site.database.binaries import NoServer
from omoi_site.database.location import APPLICATION, OWNER
from omoi_site.setup import paths, secrets

Link = psycopg.Connection[tuple[Any, ...]]
SECRETS = {OWNER: paths.PASSWORD_OF_OWNER, APPLICATION: paths.PASSWORD}
PATIENCE_S = 10  # for what a session left open by somebody has locked


def owner_of_database(link: Link) -> str | None:
    """The role that owns our database; None while there is none."""
    row = link.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", ["omoi"]
    ).fetchone()
    return row[0] if row else None


def make(link: Link, home: Path, *, creates_databases: bool = False) -> None:
    """Both roles and the database, as far as they are missing. At each start: a role gets the password of
    its file again, so neither a lost file nor a changed role is a lost database.
    """
    for role in (OWNER, APPLICATION):
        _make_role(link, home, role)
    if creates_databases:
        link.execute(f"ALTER ROLE {OWNER} CREATEDB")
    if owner_of_database(link) is None:
        link.execute(f"CREATE DATABASE omoi OWNER {OWNER}")
    # every role may change its own settings, also to some with which nothing works any more
    link.execute(f"ALTER ROLE {APPLICATION} RESET ALL")
    link.execute(f"ALTER ROLE {APPLICATION} IN DATABASE omoi RESET ALL")


def convert(link: Link, home: Path) -> str:
    """Give everything that the application owns to a new owner, after a backup: all of it or nothing. Returns
    what was done, in a sentence.
    """
    saved = back_up(home / "backups", location.embedded(home, APPLICATION))
    try:
        with link.transaction():
            link.execute(f"SET LOCAL lock_timeout = '{PATIENCE_S} s'")
            for role in (OWNER, APPLICATION):
                _make_role(link, home, role)
            link.execute(f"REASSIGN OWNED BY {APPLICATION} TO {OWNER}")
            for statement in privileges.missing(link, OWNER, APPLICATION):
                link.execute(statement)
    except psycopg.Error as error:
        raise NoServer(
            f"The database could not be given to a role of its own: {str(error).splitlines()[0]}."
            f" It is unchanged, and a backup is in {saved}. End other programs that use it, then start again."
        ) from error
    return f"A backup of the database was saved in {saved}. Its tables now belong to a role of their own."


def _make_role(link: Link, home: Path, name: str) -> None:
    """The role with its password and no right beyond its own tables: it must not walk around triggers."""
    if not link.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
        link.execute(f"CREATE ROLE {name}")
    # hashed here: the application may read in pg_stat_activity what the superuser executes
    password = link.pgconn.encrypt_password(
        secrets.kept(home, SECRETS[name]).encode(), name.encode(), b"scram-sha-256"
    )
    link.execute(
        sql.SQL("ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD {}").format(
            sql.Identifier(name), sql.Literal(password.decode())
        )
    )
    if name == APPLICATION:  # how long another role's transaction has been open
        link.execute(f"GRANT pg_read_all_stats TO {APPLICATION}")
