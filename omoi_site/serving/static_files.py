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

    @functools.cached_property
    def addresses(self) -> dict[str | None, str]:
        """The addresses made so far. In development none is kept, because the files change."""
        return {}

    def url(self, name: str | None) -> str:
        if settings.DEBUG or name not in self.addresses:
            mark = digest(name)
            self.addresses[name] = super().url(name) + (f"?v={mark}" if mark else "")
        return self.addresses[name]


def digest(name: str | None) -> str:
    file = finders.find(name) if name else None
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:12] if file and Path(file).is_file() else ""
