"""`manage.py dumpschema`: for who adds migrations; writes what an empty database begins with."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings

from omoi_site import command_base
from omoi_site.database import embedded, location, schema


class Command(command_base.Command):
    help = (
        "Apply all migrations in a throwaway database and write what they made to"
        " omoi_site/database/schema.sql, from which an empty database is made in one step. Migrations that"
        " are added later are applied after it."
    )

    needs_database = False

    def act(self, **_: Any) -> command_base.Document:
        with tempfile.TemporaryDirectory(prefix="omoi-schema-") as folder:
            home = Path(folder)
            home.chmod(0o711)
            server = embedded.Server(home, throwaway=True)
            server.start()
            try:
                subprocess.run(
                    [sys.executable, "manage.py", "migrate", "--one-by-one", "--verbosity=0"],
                    cwd=settings.ROOT,
                    env={**os.environ, "OMOI_HOME": folder, "DATABASE_URL": "", "OMOI_OWNER_URL": ""},
                    check=True,
                )
                text = schema.dump(location.embedded(home, location.OWNER))
            finally:
                server.stop()
        changed = not schema.FILE.exists() or schema.FILE.read_text() != text
        schema.FILE.write_text(text)
        return {"file": str(schema.FILE.relative_to(settings.ROOT)), "changed": changed}

    def show(self, document: command_base.Document) -> None:
        state = "was written" if document["changed"] else "is as it should be; nothing was changed"
        self.stdout.write(f"{document['file']} {state}.")
