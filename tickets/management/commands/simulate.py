"""`python3 manage.py simulate --project KEY`: agents work a project over HTTP; the journal is audited."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from agents.models import Project
from omoi_site import command_base, humanize
from omoi_site.errors import NotFound, OmoiError
from omoi_site.humanize import counted
from tickets.simulation.agent import AgentOptions
from tickets.simulation.audit import take_snapshot
from tickets.simulation.fault_injection import FaultInjector
from tickets.simulation.roster import other_claimers, register_agents, retire_agents
from tickets.simulation.run import Run
from tickets.simulation.server import check_knows, find_server

MOST_AGENTS = 100


class NotSure(OmoiError):
    """Simulated agents might change real work."""

    code = "not_sure"
    title = "This may be a real project"


class NoServer(OmoiError):
    """No server is running."""

    code = "not_running"
    status = 503
    title = "Omoi is not running"
    next_action = "Start it with `python3 manage.py up`."


class Command(command_base.Command):
    help = (
        "Let scripted agents do every open task of a project over HTTP. Then check in the journal that"
        " each was done once and in order."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="KEY")
        parser.add_argument(
            "--agents",
            type=count(1, MOST_AGENTS),
            default=8,
            metavar="N",
            help="number of processes, each one agent (8)",
        )
        parser.add_argument(
            "--work-ms",
            type=count(0, 3_600_000),
            default=0,
            metavar="MS",
            help="how long each task takes (0)",
        )
        parser.add_argument(
            "--speed",
            type=factor,
            metavar="X",
            help="imported tasks take as long as they once ran, divided by X",
        )
        parser.add_argument(
            "--chaos",
            action="store_true",
            help="meanwhile, kill -9 web, worker and clock processes of this server",
        )
        parser.add_argument(
            "--kills",
            type=count(1, 10_000),
            metavar="N",
            help="number of kills, spread over the work (20 with --chaos)",
        )
        parser.add_argument(
            "--limit-s",
            type=count(1, 864_000),
            default=600,
            metavar="S",
            help="stop after so many seconds (600)",
        )
        parser.add_argument(
            "--url", default="", help="address of a server that `up` did not start here; needs --sure"
        )
        parser.add_argument(
            "--sure",
            action="store_true",
            help="allow a project where others have worked, or a server not started by `up` here",
        )

    def act(
        self,
        *,
        project: str,
        url: str,
        chaos: bool,
        sure: bool,
        **options: Any,
    ) -> command_base.Document:
        kills, limit_s, work_s = options["kills"], options["limit_s"], options["work_ms"] / 1000
        if kills and not chaos:
            raise CommandError("--kills needs --chaos", returncode=2)
        target = self.project(project, sure=sure)
        url = self.address(url.rstrip("/"), chaos=chaos, sure=sure)
        before = take_snapshot(target)
        agents = register_agents(target, options["agents"], keys_for=timedelta(seconds=limit_s + 600))
        try:
            check_knows(url, agents[0][1])
            scripts = [
                AgentOptions(url, key, target.key, work_s, speed=options["speed"]) for _, key in agents
            ]
            faults = FaultInjector(settings.OMOI_HOME, kills or 20, len(before.open)) if chaos else None
            with command_base.progress(total=len(before.open), unit="task", desc=target.key) as bar:
                return Run(target, scripts, limit_s, bar.update, faults=faults).carry_out(before).as_dict()
        finally:
            retire_agents([agent for agent, _ in agents])

    def address(self, url: str, *, chaos: bool, sure: bool) -> str:
        """The server's address, if simulated agents may work there."""
        own = find_server(settings.OMOI_HOME)
        if own and url in ("", own.url):
            return own.url
        if chaos:
            raise NoServer(f"--chaos needs a server started by `up`, and none runs in {settings.OMOI_HOME}")
        if not url:
            raise NoServer(f"No server runs in {settings.OMOI_HOME}")
        if not sure:
            raise NotSure(
                f"The server at {url} was not started by `up` in {settings.OMOI_HOME}",
                next_action="To go on anyway, add --sure.",
            )
        return url

    def project(self, key: str, *, sure: bool) -> Project:
        """The project, if simulated agents may work in it."""
        project = Project.objects.filter(key=key).first()
        if project is None:
            raise NotFound(
                f"there is no project {key}",
                next_action=f"Create it with `python3 manage.py projects create {key}`, or import one.",
            )
        if not sure and (others := other_claimers(project)):
            raise NotSure(
                f"Others have worked in {key} ({', '.join(map(humanize.actor, others[:3]))}),"
                " and simulated agents would complete their open tasks",
                next_action="To go on anyway, add --sure.",
            )
        return project

    def failed(self, document: command_base.Document) -> bool:
        return not document["good"]

    def show(self, document: command_base.Document) -> None:
        summary = (
            "{done} of {tasks} tasks done, {done_twice} done twice, {order_violations} out of order,"
            " {lost} lost, {refused} refused."
        )
        self.stdout.write(summary.format(**document))
        if document["held"]:
            self.stdout.write(
                f"Not done: {counted(document['held'], 'open task')} that are held"
                " by a pause, a person or a later date, or that need such a task."
            )
        ms, bound = document["claim_ms"], document["bound_s"]
        if ms["p50"] is not None:
            self.stdout.write(f"A claim took {ms['p50']} ms (p50), {ms['p95']} ms (p95).")
        if document["makespan_s"] is not None:
            least = f"; without any overhead {bound} s" if bound else ""
            self.stdout.write(
                f"From the first claim to the last completion: {document['makespan_s']} s{least}."
                f" In all: {document['seconds']} s."
            )
        if document["kills"]:
            kinds = ", ".join(f"{times} {kind}" for kind, times in document["killed"].items())
            self.stdout.write(
                f"Killed: {kinds}. Calls repeated because their answer was lost: {document['unanswered']}."
            )
        for fault in document["faults"][:20]:
            self.stdout.write(f"  {fault}", self.style.ERROR)
        if document["ended"]:
            self.stderr.write(f"Stopped early: {document['ended']}.")


def count(least: int, most: int) -> Any:
    """A whole number between the two, for argparse."""

    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"a whole number between {least} and {most}, not {text!r}")
        return int(text)

    return number


def factor(text: str) -> float:
    """A positive number, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1_000_000:
        raise ArgumentTypeError(f"a number above 0, not {text!r}")
    return value
