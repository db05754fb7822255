"""PostgreSQL: where it is, and the embedded one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


def database(home: Path) -> dict[str, Any]:
    """Django's description of the database: DATABASE_URL, else the embedded server of `home`."""
    url = urlsplit(os.environ.get("DATABASE_URL", ""))
    where = {"HOST": unquote(url.hostname or ""), "PORT": str(url.port or ""), "NAME": url.path[1:] or "omoi", "USER": unquote(url.username or "omoi"), "PASSWORD": unquote(url.password or "")}
    more = dict(parse_qsl(url.query))
    where["HOST"] = more.pop("host", where["HOST"])
    return {
        "ENGINE": "django.db.backends.postgresql",
        **where,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"server_side_binding": True, "prepare_threshold": 1, "connect_timeout": 3, **more},
    }
