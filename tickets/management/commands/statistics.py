"""`manage.py statistics`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from omoi_site import command_base, humanize
from tickets.models.workflow_statistics import DAYS, WorkflowStatistics, statistics


class Command(command_base.Command):
    help = "How fast tickets get through each workflow, how often they come back, and how estimates held."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workflow", nargs="?", default="", help="only this workflow")
        parser.add_argument("--days", type=int, default=DAYS, help=f"how far to look back (default: {DAYS})")

    def act(self, *, workflow: str, days: int, **_: Any) -> command_base.Document:
        found = statistics(workflow, by=command_base.BY, days=days)
        return {"days": days, "workflows": [_document(each) for each in found]}

    def show(self, document: command_base.Document) -> None:
        for found in document["workflows"]:
            parts = [f"{found['open']} open", f"{found['blocked']} blocked", f"{found['done']} done"]
            for name in ("cycle_time_s", "lead_time_s"):
                if times := found[name]:
                    text = f"{name.removesuffix('_s').replace('_', ' ')} {humanize.length(times['p50'])}"
                    parts.append(f"{text} (95 %: {humanize.length(times['p95'])})")
            for name in ("reopen_rate", "blocked_ratio"):
                if found[name] is not None:
                    parts.append(f"{name.replace('_', ' ')} {found[name]:.0%}")
            if held := found["estimates"]:
                parts.append(
                    f"{held['in_time']:.0%} of {held['count']} estimates held (half were off by at most"
                    f" {humanize.length(held['error_s'])})"
                )
            self.stdout.write(f"{found['workflow']}: {', '.join(parts)}")


def _document(found: WorkflowStatistics) -> command_base.Document:
    document = asdict(found)
    times = {f"{name}_s": _seconds(document.pop(name)) for name in ("cycle_time", "lead_time")}
    if held := document["estimates"]:
        held["error_s"] = held.pop("error").total_seconds()
    return {**document, **times}


def _seconds(times: dict[str, timedelta] | None) -> dict[str, float] | None:
    return {name: value.total_seconds() for name, value in times.items()} if times else None
