"""What `manage.py` runs: Django's own, but an unknown command is a wrong argument and ends with 2."""

from __future__ import annotations

from typing import Any

from django.core.management import ManagementUtility


class CommandLine(ManagementUtility):
    def fetch_command(self, subcommand: str) -> Any:
        try:
            return super().fetch_command(subcommand)
        except SystemExit as unknown:
            raise SystemExit(2) from unknown
