"""Serves static files from the source tree: no collectstatic, and a changed file gets a new address."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage


class Versioned(StaticFilesStorage):
    """`{% static %}` adds a hash of the content, so browsers may cache a file and still load a new version at
    once.
    """

    def url(self, name: str | None) -> str:
        mark = digest.__wrapped__(name) if settings.DEBUG else digest(name)
        return super().url(name) + (f"?v={mark}" if mark else "")


@functools.lru_cache(1000)
def digest(name: str | None) -> str:
    file = finders.find(name) if name else None
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:12] if file and Path(file).is_file() else ""
