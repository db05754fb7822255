"""Where the content of artifacts goes: OMOI_ARTIFACTS, as Django's settings of a storage."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from omoi_site.errors import OmoiError

DATABASE = "database"


class BadStorage(OmoiError):
    """OMOI_ARTIFACTS or OMOI_ARTIFACTS_OPTIONS is not valid."""

    code = "bad_storage"
    title = "The storage of artifacts is not valid"


def in_database() -> bool:
    """Whether new content goes to the database. By default it does where DATABASE_URL names one: that may be
    on another machine, and used by several, which do not see each other's files.
    """
    return chosen() == DATABASE


def chosen() -> str:
    return os.environ.get("OMOI_ARTIFACTS") or (DATABASE if os.environ.get("DATABASE_URL") else "")


def described(home: Path) -> dict[str, Any]:
    """The storage of files, for STORAGES: a folder, by default `OMOI_HOME/artifacts`, or a class of Django
    storages with its options. Raises BadStorage.
    """
    where = "" if in_database() else chosen()
    if not where or where.startswith("/"):
        folder = where or str(home / "artifacts")
        return {"BACKEND": "tickets.models.gate.local_files.LocalFiles", "OPTIONS": {"location": folder}}
    if not all(part.isidentifier() for part in where.split(".")) or "." not in where:
        raise BadStorage(
            f"OMOI_ARTIFACTS is {where}.",
            next_action="Set it to an absolute folder, to `database`, or to a storage class such as"
            " `storages.backends.s3.S3Storage`.",
        )
    text = os.environ.get("OMOI_ARTIFACTS_OPTIONS") or "{}"
    try:
        options = json.loads(text)
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise BadStorage(
            "OMOI_ARTIFACTS_OPTIONS is not a JSON object.",
            next_action='Set it to the arguments of the class, such as {"bucket_name": "omoi"}.',
        )
    return {"BACKEND": where, "OPTIONS": options}
