"""`manage.py web`: one web process; several can share the port."""

from __future__ import annotations

import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from omoi_site.processes.ready_signal import report_ready
from omoi_site.serving import server as doors
from omoi_site.setup import exposure


class Command(BaseCommand):
    help = "Serve pages, API and sockets on one port."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000, help="the port (8000); 0 takes any free one")
        parser.add_argument(
            "--fd", type=int, help="the descriptor of a bound socket, instead of host and port"
        )

    def handle(self, *, host: str, port: int, fd: int | None, **_: Any) -> None:
        listener = inherited_socket(fd) if fd is not None else bind_socket(host, port)
        try:
            if listener.family != socket.AF_UNIX:
                exposure.refuse(listener.getsockname()[0], debug=settings.DEBUG, secret=settings.SECRET_KEY)
        except exposure.Exposed as refusal:
            raise CommandError(refusal.message) from refusal
        from omoi_site.asgi import application, drain  # this starts Django, so bind the port first

        self.stderr.write(
            "Listening on {}:{}.".format(*listener.getsockname())
            if listener.family != socket.AF_UNIX
            else "Listening."
        )
        doors.raise_file_limit()
        doors.serve(
            application,
            listener,
            drain=drain,
            drain_s=settings.DRAIN_S,
            ready=report_ready,
            sockets=settings.CONNECTIONS,
        )


def inherited_socket(fd: int) -> socket.socket:
    try:
        return socket.socket(fileno=fd)
    except OSError as error:
        raise CommandError(
            f"{fd} is not the descriptor of a socket: {error.strerror}", returncode=2
        ) from error


def bind_socket(host: str, port: int) -> socket.socket:
    try:
        return doors.listen(host, port)
    except (OSError, OverflowError) as error:
        raise CommandError(
            f"cannot listen on {host}:{port}: {error}. Choose another port with --port."
        ) from error
