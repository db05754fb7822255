"""A temporary server for a bench: embedded, durable as in production, in a folder that is removed at the
end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.ending import undisturbed
from bench.scratch import scratch


@contextmanager
def temporary_server() -> Iterator[Callable[..., Any]]:
    """Sets Django up on a migrated, empty database for the block. It yields a function that makes a progress
    bar.
    """
    with scratch() as home:
        os.environ.update(
            OMOI_HOME=str(home), DJANGO_SETTINGS_MODULE="omoi_site.settings", OMOI_LOG_LEVEL="ERROR"
        )
        os.environ.pop("DATABASE_URL", None)
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
        # the settings are read at the import, from the environment above
        from omoi_site.database import embedded

        server = embedded.Server(home)
        try:
            server.start()
            import django
            from django.core.management import call_command
            from django.db import connections

            django.setup()
            call_command("migrate", verbosity=0)
            from omoi_site.command_base import progress

            yield progress
            connections.close_all()
        except KeyboardInterrupt:
            sys.exit(130)
        finally:
            with undisturbed():
                server.stop()
