"""`manage.py schedules list|show|create|enable|disable|run|remove|restore`."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction
from django.utils.timezone import now

from omoi_site import command_base, humanize
from omoi_site.errors import NotFound
from tickets.management.lookups import the_project, the_template, value_in
from tickets.models import Schedule, ScheduleRun, ScheduleSpec
from tickets.models.schedule.schedule_spec import Misfire, Overlap

RUNS = 20  # shown of a schedule
STEPS = {
    "enable": ("Go on with its next time.", "opens tickets again"),
    "disable": ("Open nothing until it is enabled; what is owed is skipped.", "opens nothing now"),
    "remove": ("Take it out of the lists; its runs stay.", "is removed"),
    "restore": ("Put a removed one back.", "is back"),
}


class Command(command_base.Command):
    help = "Show and create schedules, switch them on and off, and run them now."

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.verbs(parser)
        listed = add("list", act=self.list, show=self.listed, help="Show schedules, and when each is due.")
        listed.add_argument("project", metavar="PROJECT", nargs="?", default="", help="only of this project")
        shown = add("show", act=self.show_one, show=self.shown, help="Show a schedule with its last runs.")
        shown.add_argument("id", metavar="ID", type=int)
        create = add("create", act=self.create, show=self.created, help="Open a template by time.")
        create.add_argument("project", metavar="PROJECT")
        create.add_argument("template", metavar="TEMPLATE", help="its name")
        create.add_argument(
            "cron", metavar="CRON", help='a cron line, such as "0 3 * * 1-5", or @hourly, @daily, @weekly'
        )
        create.add_argument("--timezone", default="UTC", metavar="ZONE", help="such as Europe/Berlin (UTC)")
        create.add_argument(
            "--overlap",
            choices=Overlap.values,
            default=Overlap.SKIP.value,
            help="while its last ticket is open: skip the run, queue it, or replace the ticket (skip)",
        )
        create.add_argument(
            "--misfire",
            choices=Misfire.values,
            default=Misfire.ONE.value,
            help="how many of the runs are opened later that nobody opened in time (one)",
        )
        create.add_argument(
            "--variable",
            action="append",
            default=[],
            dest="variables",
            metavar="NAME=VALUE",
            help="a value of a variable of the template; repeat for more",
        )
        create.add_argument("--disabled", action="store_true", help="do not switch it on yet")
        create.add_argument("--dry-run", action="store_true", help="say when it would be due; change nothing")
        for step, (what, _) in STEPS.items():
            verb = add(step, act=partial(self.switch, step), show=partial(self.switched, step), help=what)
            verb.add_argument("id", metavar="ID", type=int)
            verb.add_argument("--reason", default="")
        run = add("run", act=self.run, show=self.ran, help="Open a ticket of it now, whatever is still open.")
        run.add_argument("id", metavar="ID", type=int)
        run.add_argument("--dry-run", action="store_true", help="say what would be opened; change nothing")

    def list(self, *, project: str, **_: Any) -> command_base.Document:
        rows = Schedule.objects.kept().select_related("project", "template").order_by("project__key", "id")
        if project:
            rows = rows.filter(project=the_project(project))
        return {"schedules": [document(row) for row in rows]}

    def listed(self, found: command_base.Document) -> None:
        for row in found["schedules"]:
            self.stdout.write(self._line(row))
        if not found["schedules"]:
            self.stdout.write(
                "There are no schedules. Create one: manage.py schedules create PROJECT TEMPLATE CRON"
            )

    def show_one(self, *, id: int, **_: Any) -> command_base.Document:
        schedule = the_schedule(id)
        runs = schedule.runs.select_related("ticket")[:RUNS]
        return {**document(schedule), "runs": [run_document(run) for run in runs]}

    def shown(self, row: command_base.Document) -> None:
        self.stdout.write(self._line(row))
        self.stdout.write(f"overlap {row['overlap']}, missed runs: {row['misfire']}")
        for due in row["next"]:
            self.stdout.write(f"next  {due}")
        for run in row["runs"]:
            what = run["ticket"] or f"{run['why']}: {run['detail']}"
            self.stdout.write(f"{run['due_at']}  {run['state']}  {what}")

    def create(self, *, project: str, template: str, dry_run: bool, **how: Any) -> command_base.Document:
        found = the_project(project)
        spec = ScheduleSpec(
            template=the_template(found, template),
            enabled=not how["disabled"],
            variables=dict(map(value_in, how["variables"])),
            **{name: how[name] for name in ("cron", "timezone", "overlap", "misfire")},
        )
        with transaction.atomic():
            schedule = Schedule.objects.create_schedule(found, spec, by=command_base.BY)
            transaction.set_rollback(dry_run)
        times = [schedule.line.at(due).isoformat() for due in schedule.line.upcoming(now(), 5)]
        return {**document(schedule), "next": times, "dry_run": dry_run} | ({"id": None} if dry_run else {})

    def created(self, row: command_base.Document) -> None:
        did = "It would be created" if row["dry_run"] else f"Created schedule {row['id']}"
        self.stdout.write(f"{did}: {row['template']} at {row['cron']} {row['timezone']}. It is due at")
        for due in row["next"]:
            self.stdout.write(f"  {due}")

    def switch(self, step: str, *, id: int, reason: str, **_: Any) -> command_base.Document:
        schedule = the_schedule(id)
        Schedule.objects.act(schedule.pk, step, by=command_base.BY, reason=reason)
        return document(the_schedule(id))

    def switched(self, step: str, row: command_base.Document) -> None:
        self.stdout.write(f"Schedule {row['id']} ({row['template']}) {STEPS[step][1]}.")

    def run(self, *, id: int, dry_run: bool, **_: Any) -> command_base.Document:
        schedule = the_schedule(id)
        with transaction.atomic():
            run = Schedule.objects.run_now(schedule.pk, by=command_base.BY)
            title = run.ticket.title if run.ticket else ""
            transaction.set_rollback(dry_run)
        shown = run_document(run)
        return {**shown, "title": title, "dry_run": dry_run} | ({"ticket": None} if dry_run else {})

    def ran(self, row: command_base.Document) -> None:
        did = "It would open" if row["dry_run"] else f"Opened {row['ticket']}:"
        self.stdout.write(f"{did} {row['title']}")

    def _line(self, row: command_base.Document) -> str:
        if row["removed_at"]:
            when = "removed"
        elif not row["enabled"]:
            when = "disabled"
        else:
            when = f"next {humanize.relative(row['next_at'], now())}"
        owed = f", {row['owed']} owed" if row["owed"] else ""
        names = ("id", "project", "template", "cron", "timezone")
        return "  ".join([*(row[name] for name in names), f"{when}{owed}"])


def the_schedule(pk: int) -> Schedule:
    row = Schedule.objects.select_related("project", "template").filter(pk=min(pk, 2**62)).first()
    if row is None:
        raise NotFound(
            f"there is no schedule {pk}", next_action="`python3 manage.py schedules list` has them."
        )
    return row


def document(schedule: Schedule) -> command_base.Document:
    times = schedule.upcoming(now())
    return {
        "id": str(schedule.pk),
        "project": schedule.project.key,
        **schedule.settings(),
        "next_at": times[0] if times else None,
        "next": [schedule.line.at(due).isoformat() for due in times],
        "owed": schedule.runs.owed().count(),
        "removed_at": schedule.removed_at,
    }


def run_document(run: ScheduleRun) -> command_base.Document:
    return {
        "due_at": run.due_at,
        "state": str(run.state),
        "why": str(run.why),
        "detail": run.detail,
        "ticket": run.ticket.key if run.ticket else None,
        "by_hand": run.by_hand,
    }
