"""Where the database is: DATABASE_URL, else the embedded server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from omoi_site.errors import OmoiError
from omoi_site.setup import paths, secrets


class BadAddress(OmoiError):
    """DATABASE_URL cannot be parsed. The message never quotes it, because it has a password."""

    code = "bad_database_url"
    title = "DATABASE_URL is not a PostgreSQL address"


def database(home: Path) -> dict[str, Any]:
    """Django's settings of the database: DATABASE_URL, else the embedded server of `home`. Raises
    BadAddress.
    """
    described = {
        "ENGINE": "omoi_site.database.backend",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }
    options: dict[str, Any] = {"server_side_binding": True, "prepare_threshold": 1, "connect_timeout": 3}
    if not (address := os.environ.get("DATABASE_URL")):
        parameters = {
            "HOST": str(paths.socket_folder(home)),
            "PORT": "",
            "NAME": "omoi",
            "USER": "omoi",
            "PASSWORD": secrets.read(home, paths.PASSWORD),
        }
        return {**described, **parameters, "OPTIONS": options}
    try:
        url = urlsplit(address)
        port = url.port
    except ValueError:
        port, url = None, urlsplit("")
    if url.scheme not in ("postgresql", "postgres"):
        raise BadAddress(
            "DATABASE_URL must have the form postgresql://user:password@host:port/name. Percent-encode"
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
    return {**described, **parameters, "OPTIONS": {**options, **more}}


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


def url(host: str, name: str, user: str, password: str) -> str:
    """A DATABASE_URL for a server on a unix socket, for the environment of another process."""
    login = urlencode({"u": user})[2:] + ":" + urlencode({"p": password})[2:]
    return f"postgresql://{login}@/{name}?{urlencode({'host': host})}"
