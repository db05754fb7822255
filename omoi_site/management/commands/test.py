"""`manage.py test`: pytest, in this Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = "Run the tests. Other arguments go to pytest."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--full", action="store_true", help="also run matrices, long variants and most tests of processes"
        )
        parser.add_argument("pytest", nargs="*", help="for example: tests/tickets -k claim -x")

    def run_from_argv(self, argv: list[str]) -> None:
        if {"-h", "--help"} & set(argv):
            super().run_from_argv(argv)
        self.run_pytest(argv[2:])

    def handle(self, *args: Any, full: bool, pytest: list[str], **options: Any) -> None:
        self.run_pytest([*(["--full"] if full else []), *pytest])

    def run_pytest(self, arguments: Sequence[str]) -> None:
        """Replace this process by pytest, so that its settings do not affect the tests."""
        words = [word for word in arguments if word != "--full"]
        if "--full" not in arguments and not any(word.startswith("-m") for word in words):
            words = ["-m", "not full", *words]
        os.chdir(settings.ROOT)
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *words])
