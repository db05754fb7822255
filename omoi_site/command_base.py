"""What our commands share: `--json`, the exit status, error messages, a progress bar.

A command parses its arguments, calls one verb and shows the result. `act` returns a document, which is
printed as JSON with `--json`, and by `show` otherwise. Exit status 0: done. 1: refused or failed. 2: wrong
arguments.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import SUPPRESS
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, BinaryIO, TextIO, cast

import psycopg.errors
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db import DatabaseError, connection
from tqdm import tqdm

from omoi_site import field_limits, humanize
from omoi_site.command_words import in_commands
from omoi_site.errors import IN_WORDS, Invalid, NotFound, OmoiError, short
from omoi_site.serving.error_answers import StorageFull, storage_full
from omoi_site.setup import paths

Document = dict[str, Any]
# Fields that may have several lines, and are printed so; all others are printed as one.
PARAGRAPHS = {"body", "content", "description", "message", "summary", "text"}
REMEDIES = {"how", "next_action"}
BY = humanize.COMMANDS


class NotRunning(OmoiError):
    """No database answers."""

    code = "not_running"
    status = 503
    title = "Omoi is not running"
    next_action = "Start it with `python3 manage.py up`, or set DATABASE_URL."


class NotMigrated(OmoiError):
    """The database answers, but its tables are not those of this version."""

    code = "not_migrated"
    status = 503
    title = "The database does not match this version of Omoi"
    next_action = "Run `python3 manage.py migrate`; `up` does this by itself."


class Unreadable(NotFound):
    """The file does not exist, or cannot be read."""

    code = "unreadable"
    title = "The file cannot be read"
    next_action = "Name a file that this user may read, or `-` and pipe the text in."


class Harmless(OutputWrapper):
    """What others wrote changes nothing on the terminal of who reads it."""

    def write(  # type: ignore[override]  # Django's own differs from a stream's too
        self, msg: str = "", style_func: Any = None, ending: str | None = None
    ) -> None:
        super().write(field_limits.harmless(msg), style_func, ending)


class VerbParser(CommandParser):
    """The arguments of one verb of a command. An error in them prints the usage of that verb."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        values, unknown = super().parse_known_args(args, namespace)
        if unknown:  # otherwise the command's parser refuses them and prints its own usage
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
        """Do the work and return what to show. A refusal is an OmoiError."""
        raise NotImplementedError(type(self))

    def show(self, document: Document) -> None:
        """Print it for a person, on `self.stdout`."""
        raise NotImplementedError(type(self))

    def failed(self, document: Document) -> bool:
        """Whether this result counts as a failure (exit 1), although it can be shown."""
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
            )  # otherwise Python complains again when it ends
            raise SystemExit(1) from None
        except KeyboardInterrupt:
            raise SystemExit(130) from None

    def handle(self, *args: Any, **options: Any) -> None:
        act, show = options.pop("act", self.act), options.pop("show", self.show)
        for name, value in options.items():
            _expect_text(name, value)
        if not options["json"]:
            self.stdout = Harmless(cast(TextIO, self.stdout._out))
        if self.needs_database:
            reach_database()
        try:
            document = act(**options)
        except (DatabaseError, OSError) as error:
            raise _plainly(error) from error
        if options["json"]:
            self.stdout.write(json.dumps(document, default=_plain, ensure_ascii=False))
        else:
            show(_in_lines(document))
        if self.failed(document):
            raise SystemExit(1)

    def _refuse(self, error: OmoiError, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(error.problem, default=_plain, ensure_ascii=False))
        else:
            lines = filter(None, map(in_commands, [error.message, *_beyond_words(error), error.next_action]))
            # what it quotes may have several lines: only lines of ours begin at the margin
            whole = "\n".join(line.replace("\n", "\n  ") for line in lines)
            self.stderr.write(field_limits.harmless(whole))


def _in_lines(value: Any) -> Any:
    """The document as people see it: line ends are shown by their numbers, but in PARAGRAPHS."""
    match value:
        case str():
            return field_limits.one_line(value) if not value.isprintable() else value
        case dict():
            return {
                name: each
                if name in PARAGRAPHS and isinstance(each, str)
                else _in_lines(in_commands(each) if name in REMEDIES and isinstance(each, str) else each)
                for name, each in value.items()
            }
        case list():
            return [_in_lines(each) for each in value]
    return value


def _expect_text(name: str, value: Any) -> None:
    """Raise Invalid for an argument with bytes that are no UTF-8, which Python holds as half surrogates."""
    for text in value if isinstance(value, list | tuple) else [value]:
        if isinstance(text, str) and not text.isascii() and not _is_utf8(text):
            raise Invalid(f"{short(ascii(text), 80)} is not text in UTF-8", field=name)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _beyond_words(error: OmoiError) -> list[str]:
    """The faults that the sentence only counts, one a line, and how many more there are; and the checks that
    do not pass, each with what it asks for.
    """
    lines = [f"  {reason['check']}: {reason['how']}" for reason in error.more.get("unmet", [])]
    lines += [f"  {fault['field']}: {fault['message']}" for fault in error.more.get("errors", [])[IN_WORDS:]]
    more = error.more.get("more_errors", 0)
    return [*lines, f"  … and {more} more"] if more else lines


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """A file given on the command line, `-` for standard input.

    The message of an error raised inside the block begins with the file's name.
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
    """Return if the database answers; otherwise raise NotRunning, which names its address."""
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        raise NotRunning(_no_answer(error)) from error


def _no_answer(error: DatabaseError) -> str:
    url = os.environ.get("DATABASE_URL")
    if not url and not (paths.socket_folder(settings.OMOI_HOME) / paths.SOCKET_NAME).exists():
        return f"Omoi is not running in {settings.OMOI_HOME}."
    target = "DATABASE_URL" if url else settings.OMOI_HOME
    why = str(error).splitlines()[0].removeprefix("connection failed: ")
    return f"No database answers at {target}: {why}"


def demand_database() -> None:
    """The same for Django's own commands, which raise CommandError."""
    try:
        reach_database()
    except NotRunning as refusal:
        raise CommandError(f"{refusal}\n{refusal.next_action}") from refusal


def _plainly(error: DatabaseError | OSError) -> Exception:
    """The error to show a person for a failure of the database or the disk; any other exception is returned
    unchanged.
    """
    if storage_full(error):
        return StorageFull(
            f"A disk is full: {str(error).splitlines()[0]}",
            next_action="Nothing was changed. Free some space, then run this again.",
        )
    if isinstance(
        error.__cause__,
        psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn | psycopg.errors.UndefinedFunction,
    ):
        return NotMigrated(f"The database does not match this version of Omoi: {str(error).splitlines()[0]}")
    if (
        isinstance(error.__cause__, psycopg.OperationalError)
        and connection.connection is not None
        and connection.connection.broken
    ):
        return NotRunning(
            "The connection to the database was lost during the work. What was not committed was undone."
        )
    return error


def _plain(value: Any) -> str:
    """As the API writes it."""
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else str(value)


def progress(**shape: Any) -> Any:
    """A progress bar (tqdm) on standard error. It is shown on a terminal only, and removed at the end."""
    return tqdm(file=sys.stderr, disable=None, leave=False, **shape)
