"""A web process on the database of the running test."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator

from django.conf import settings

from tests import cluster


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The address of a web process that is ready and ends with the block."""
    ear, mouth = os.pipe()
    web = subprocess.Popen(
        [sys.executable, "manage.py", "web", "--port", "0"],
        cwd=settings.ROOT, env={**cluster.environment(), "OMOI_READY_FD": str(mouth)}, pass_fds=[mouth], stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(mouth)
    try:
        with os.fdopen(ear) as ready:
            assert ready.readline() == "ready\n"
        assert web.stderr
        found = re.search(r"Listening on (\S+)\.$", web.stderr.readline().strip())
        assert found
        yield f"http://{found[1]}"
    finally:
        web.terminate()
        web.communicate(timeout=20)
