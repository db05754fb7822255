"""The tables of an empty database in one step: what its migrations would make of it one after the other.

Django draws up the models again after many a migration, so that all of them take minutes on a busy machine.
`schema.sql` is a dump of what they make, with the list of those it stands for; later ones are applied after
it. `manage.py dumpschema` writes it.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from omoi_site.database import binaries, sql
from omoi_site.database.embedded import MAJOR

FILE = Path(__file__).with_suffix(".sql")
HEADING = """\
-- Written by `python3 manage.py dumpschema`: what all migrations make of an empty database. Do not edit.
SET LOCAL search_path = '';
SET LOCAL check_function_bodies = false;
"""
# Django makes them again for the models it finds, after every migration.
MADE_AGAIN = ("auth_permission", "django_content_type")
EMPTY = f"""
SELECT
  current_schema() = 'public'
  AND current_setting('server_version_num')::int / 10000 = {MAJOR}
  AND NOT EXISTS (
    SELECT
    FROM pg_class
    WHERE relnamespace::regnamespace::text NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
  ) AS empty
"""
# Of a dump: what its reader does not understand, what is so without it, and notes that stand beside nothing.
LEFT_OUT = re.compile(
    r"^--\n-- (?:Name|Data for Name): .*\n--\n\n"
    r"|^SET default_\w+ = .*;\n\n"
    rf"|^SELECT pg_catalog\.setval\('public\.(?:{'|'.join(MADE_AGAIN)})_id_seq', .*\);\n\n\n"
    r"|^SELECT pg_catalog\.setval\(.*, 1, false\);\n\n\n",
    re.MULTILINE,
)
FIRST, LAST = "\nCREATE ", "\n--\n-- PostgreSQL database dump complete"
A_TIME = re.compile(r"(?<=, )'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?\+00'(?=[,)])")


def load() -> bool:
    """As the owner: make all tables, if the database holds nothing and is of the version that was dumped."""
    with transaction.atomic():
        if not sql.rows(EMPTY)[0]["empty"]:
            return False
        with connection.cursor() as cursor:
            cursor.execute(FILE.read_text())
    return True


def dump(database: dict[str, Any]) -> str:
    """What `schema.sql` should say, from a database that was migrated and not used.

    database: Django's settings of it. Raises CalledProcessError if it cannot be read.
    """
    words = [
        *(binaries.binaries() / "pg_dump", "--no-owner", "--no-privileges", "--column-inserts"),
        *(f"--exclude-table-data=public.{table}" for table in MADE_AGAIN),
        *(f"--host={database['HOST']}", f"--username={database['USER']}", database["NAME"]),
    ]
    said = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PGPASSWORD": database["PASSWORD"], "PGTZ": "UTC"},
    ).stdout
    said = LEFT_OUT.sub("", said)
    return HEADING + A_TIME.sub("now()", said[said.index(FIRST) : said.index(LAST)]).rstrip() + "\n"
