"""The fixed cast every test may call on."""

from __future__ import annotations

from tests.cluster import django_db_modify_db_settings  # noqa: F401  (here it goes before pytest-django's own)
