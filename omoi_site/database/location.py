"""Where the database is: DATABASE_URL, else the embedded server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from omoi_site.errors import OmoiError
from omoi_site.setup import paths, secrets


class BadAddress(OmoiError):
    """DATABASE_URL or OMOI_OWNER_URL cannot be parsed. The message never quotes it, because it has a
    password.
    """

    code = "bad_database_url"
    title = "Not a PostgreSQL address"


APPLICATION, OWNER = "omoi", "omoi_owner"  # the roles of the embedded server
OPTIONS: dict[str, Any] = {"server_side_binding": True, "prepare_threshold": 1, "connect_timeout": 3}


def is_embedded() -> bool:
    """Whether the database is the embedded server's."""
    return not os.environ.get("DATABASE_URL")


def database(home: Path) -> dict[str, Any]:
    """Django's settings of the database, as the application's role: DATABASE_URL, else the embedded server
    of `home`. Raises BadAddress.
    """
    if os.environ.get("DATABASE_URL"):
        return _addressed("DATABASE_URL")
    return embedded(home, APPLICATION)


def owner(home: Path) -> dict[str, Any] | None:
    """The same database as the role that owns its tables; None where DATABASE_URL names the only role. Raises
    BadAddress.
    """
    if os.environ.get("OMOI_OWNER_URL"):
        if not os.environ.get("DATABASE_URL"):
            raise BadAddress(
                "OMOI_OWNER_URL is set and DATABASE_URL is not: set both, one a role of the same database."
            )
        return _addressed("OMOI_OWNER_URL")
    if os.environ.get("DATABASE_URL"):
        return None
    return embedded(home, OWNER)


def _described(parameters: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "ENGINE": "omoi_site.database.backend",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        **parameters,
        "OPTIONS": {**OPTIONS, **more},
    }


def embedded(home: Path, user: str) -> dict[str, Any]:
    """The database of the embedded server, as one of its roles."""
    secret = {APPLICATION: paths.PASSWORD, OWNER: paths.PASSWORD_OF_OWNER}[user]
    return _described(
        {
            "HOST": str(paths.socket_folder(home)),
            "PORT": "",
            "NAME": "omoi",
            "USER": user,
            "PASSWORD": secrets.read(home, secret),
        }
    )


def _addressed(variable: str) -> dict[str, Any]:
    """What the address in that variable of the environment says."""
    try:
        url = urlsplit(os.environ[variable])
        port = url.port
    except ValueError:
        port, url = None, urlsplit("")
    if url.scheme not in ("postgresql", "postgres"):
        raise BadAddress(
            f"{variable} must have the form postgresql://user:password@host:port/name. Percent-encode"
            " characters such as @ : / ? # in the password. Without it the embedded PostgreSQL is used."
        )
    more = dict(parse_qsl(url.query))
    parameters = {
        "HOST": more.pop("host", unquote(url.hostname or "")),
        "PORT": more.pop("port", str(port or "")),
        "NAME": unquote(url.path[1:]) or "omoi",
        "USER": unquote(url.username or "omoi"),
        "PASSWORD": unquote(url.password or ""),
    }
    return _described(parameters, **more)


def libpq(described: dict[str, Any]) -> dict[str, Any]:
    """The same settings for a connection without Django.

    A server that disappears without closing the connection is noticed within 20 s.
    """
    ours = {"pool", "server_side_binding", "prepare_threshold", "isolation_level", "assume_role"}
    names = {"HOST": "host", "PORT": "port", "NAME": "dbname", "USER": "user", "PASSWORD": "password"}
    parameters = {parameter: described[name] for name, parameter in names.items() if described.get(name)}
    options = {name: value for name, value in described.get("OPTIONS", {}).items() if name not in ours}
    return {
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 2,
        "tcp_user_timeout": 20_000,
        **parameters,
        **options,
    }


def place_of(described: dict[str, Any]) -> str:
    """The server's address, for people: host and port, or the socket's folder."""
    host = described["HOST"] or "localhost"
    return str(host) if str(host).startswith("/") else f"{host}:{described['PORT'] or 5432}"


def plainly(error: Exception, described: dict[str, Any]) -> str:
    """libpq's message in one line, without the password."""
    message = " ".join(str(error).split()).removeprefix("connection failed: ")
    return message.replace(described["PASSWORD"], "…") if described["PASSWORD"] else message


def url(host: str, name: str, user: str, password: str, port: str = "") -> str:
    """A DATABASE_URL for a server on a unix socket, for the environment of another process."""
    login = urlencode({"u": user})[2:] + ":" + urlencode({"p": password})[2:]
    place = {"host": host, **({"port": port} if port else {})}
    return f"postgresql://{login}@/{name}?{urlencode(place)}"
