"""What our commands share: `--json`, the exit status, refusals in words, progress on a terminal.

A command parses, calls one verb and shows what came of it, as a door does. `act` returns a document; it
leaves as JSON with `--json`, else through `show`. Exit 0: done. 1: refused or failed. 2: used wrongly.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import SUPPRESS
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, BinaryIO

import psycopg.errors
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from tqdm import tqdm

from omoi_site.errors import IN_WORDS, NotFound, OmoiError
from omoi_site.serving.error_answers import StorageFull, storage_full

Document = dict[str, Any]
BY = "system:cli"  # who acts, in the journal: whoever can run commands on this machine


class NotRunning(OmoiError):
    """No database answers."""

    code = "not_running"
    status = 503
    title = "Omoi is not running"
    next_action = "Start it with `python3 manage.py up`, or set DATABASE_URL."


class NotMigrated(OmoiError):
    """The database answers, and lacks tables of this version."""

    code = "not_migrated"
    status = 503
    title = "The database is not of this version"
    next_action = "Run `python3 manage.py migrate`; `up` does it by itself."


class Unreadable(NotFound):
    """There is no such file, or it cannot be read."""

    code = "unreadable"
    title = "The file cannot be read"
    next_action = "Name a file that this user may read, or `-` and pipe the text in."


class VerbParser(CommandParser):
    """The arguments of one verb of a command; a fault in them is answered with the usage of that verb."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        values, unknown = super().parse_known_args(args, namespace)
        if unknown:  # the command's parser would refuse them, with its own usage
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return values, unknown


class Command(BaseCommand):
    """A command of ours: give it `act`, and `show` for people; or several verbs (`projects create`), added by
    `verbs`.
    """

    requires_system_checks: list[str] = []
    needs_database = True
    suppressed_base_arguments = {
        "--version",
        "--verbosity",
        "--settings",
        "--pythonpath",
        "--force-color",
        "--skip-checks",
    }

    def __init__(
        self, stdout: Any = None, stderr: Any = None, no_color: bool = False, force_color: bool = False
    ) -> None:
        super().__init__(stdout, stderr, no_color or bool(os.environ.get("NO_COLOR")), force_color)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        return parser

    def verbs(self, parser: CommandParser) -> Callable[..., CommandParser]:
        """A function that adds a verb: `add("create", act=self.create, show=self.created, help=…)` returns
        the parser of its arguments.
        """
        subcommands = parser.add_subparsers(metavar="VERB", required=True, parser_class=VerbParser)

        def add(
            name: str, *, act: Callable[..., Document], show: Callable[[Document], None], help: str
        ) -> CommandParser:
            verb = subcommands.add_parser(name, help=help, description=help)
            verb.add_argument("--json", action="store_true", default=SUPPRESS, help="print one JSON document")
            verb.set_defaults(act=act, show=show)
            return verb

        return add

    def act(self, *args: Any, **options: Any) -> Document:
        """Do it; return what to show. A refusal is an OmoiError."""
        raise NotImplementedError(type(self))

    def show(self, document: Document) -> None:
        """Print it for a person, on `self.stdout`."""
        raise NotImplementedError(type(self))

    def failed(self, document: Document) -> bool:
        """Whether what came of it counts as a failure, though it could be told: exit 1."""
        return False

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute(*args, **options)
        except OmoiError as error:
            if not getattr(self, "_called_from_command_line", False):
                raise
            self._refuse(error, as_json=options["json"])
            raise SystemExit(1) from error
        except BrokenPipeError:
            os.dup2(
                os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
            )  # else Python complains once more at its end
            raise SystemExit(1) from None
        except KeyboardInterrupt:
            raise SystemExit(130) from None

    def handle(self, *args: Any, **options: Any) -> None:
        act, show = options.pop("act", self.act), options.pop("show", self.show)
        if self.needs_database:
            reach_database()
        try:
            document = act(**options)
        except (DatabaseError, OSError) as error:
            raise _plainly(error) from error
        if options["json"]:
            self.stdout.write(json.dumps(document, default=_plain, ensure_ascii=False))
        else:
            show(document)
        if self.failed(document):
            raise SystemExit(1)

    def _refuse(self, error: OmoiError, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(error.problem, default=_plain, ensure_ascii=False))
        else:
            self.stderr.write(
                "\n".join(filter(None, [error.message, *_beyond_words(error), error.next_action]))
            )


def _beyond_words(error: OmoiError) -> list[str]:
    """The faults that the sentence only counts, a line each, and how many there are besides."""
    lines = [f"  {fault['field']}: {fault['message']}" for fault in error.more.get("errors", [])[IN_WORDS:]]
    more = error.more.get("more_errors", 0)
    return [*lines, f"  … and {more} more"] if more else lines


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """A file given on the command line, `-` for standard input.

    Refusals of what is done with it begin with its name.
    """
    shown_name = "standard input" if name == "-" else name
    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else open(name, "rb") as file:
            yield file
    except OSError as error:
        raise Unreadable(f"{shown_name}: {error.strerror}") from error
    except OmoiError as refusal:
        refusal.message = f"{shown_name}: {refusal.message}"
        raise


def reach_database() -> None:
    """Return when the database answers; raises NotRunning with where it was looked for."""
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        target = "DATABASE_URL" if os.environ.get("DATABASE_URL") else str(settings.OMOI_HOME)
        why = str(error).splitlines()[0].removeprefix("connection failed: ")
        raise NotRunning(f"No database answers at {target}: {why}") from error


def demand_database() -> None:
    """The same for Django's own commands, which refuse by CommandError."""
    try:
        reach_database()
    except NotRunning as refusal:
        raise CommandError(f"{refusal}\n{refusal.next_action}") from refusal


def _plainly(error: DatabaseError | OSError) -> Exception:
    """The refusal that a failure of the database or a disk means to a person; others are crashes and stay
    what they are.
    """
    if storage_full(error):
        return StorageFull(
            f"A disk is full: {str(error).splitlines()[0]}",
            next_action="Nothing was changed. Make room, and run it again.",
        )
    if isinstance(
        error.__cause__,
        psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn | psycopg.errors.UndefinedFunction,
    ):
        return NotMigrated(f"The database is not of this version: {str(error).splitlines()[0]}")
    if (
        isinstance(error.__cause__, psycopg.OperationalError)
        and connection.connection is not None
        and connection.connection.broken
    ):
        return NotRunning(
            "The database went away in the middle of the work; what was not committed was undone."
        )
    return error


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def progress(**shape: Any) -> Any:
    """A progress bar (tqdm) on standard error: on a terminal only, and gone when it is full."""
    return tqdm(file=sys.stderr, disable=None, leave=False, **shape)
