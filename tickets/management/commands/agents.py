"""`manage.py agents list`, and `agents NAME` after `create`, `history`, `requeue`, or a word for a state."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core.management.base import CommandParser

from agents.models import Agent, AgentSpec, Key, Project
from omoi_site import command_base, humanize
from omoi_site.database import sql
from omoi_site.errors import Invalid, NotFound
from tickets.management.lookups import the_agent
from tickets.models import Task
from tickets.models.claim.history import past_claims
from tickets.models.explain.nobody_else import NobodyElse, stand_down

MOST = 1_000
# Verbs that take an agent out of work, as words of this command: the method, and its help.
STAND_DOWN = {
    "unavailable": ("make_unavailable", "Let it finish what it holds, and claim nothing new."),
    "drain": ("drain", "Let it finish what it holds, and tell it to end."),
    "quarantine": ("quarantine", "Take back what it holds, and let it change nothing."),
    "retire": ("retire", "End it for good: take back what it holds, and end its keys."),
}
PARTS = ("kind", "capabilities", "phases", "tags", "capacity", "pools")


class Command(command_base.Command):
    help = "List and register agents, change their state, and tell what they have done."

    def add_arguments(self, parser: CommandParser) -> None:
        verb = self.verbs(parser)
        create = verb(
            "create",
            act=self.create,
            show=self.created,
            help="Register an agent and print its key. The key is shown only this once.",
        )
        create.add_argument("name", metavar="NAME")
        create.add_argument("--kind", choices=Agent.AGENT_KINDS, default="worker")
        create.add_argument(
            "--capability",
            action="append",
            default=[],
            metavar="WORD",
            dest="capabilities",
            help="any number",
        )
        create.add_argument(
            "--phase",
            action="append",
            default=[],
            metavar="PHASE",
            dest="phases",
            help="a phase it works in; repeat for more; without one: all",
        )
        create.add_argument(
            "--tag", action="append", default=[], metavar="WORD", dest="tags", help="any number"
        )
        create.add_argument(
            "--capacity", type=int, default=1, metavar="N", help="tasks it may hold at once (1)"
        )
        create.add_argument(
            "--pool",
            action="append",
            default=[],
            metavar="NAME",
            dest="pools",
            help="a pool of an account that its work uses; repeat for more",
        )
        create.add_argument(
            "--project",
            action="append",
            default=[],
            metavar="KEY",
            dest="projects",
            help="a project it works in; repeat for more; without one it sees no work",
        )

        listed = verb("list", act=self.list, show=self.listed, help="List agents with their states.")
        listed.add_argument(
            "--state", choices=Agent.State.values, default="", help="only those in this state"
        )
        available = verb("available", act=self.make_available, show=self.changed, help="Let it claim again.")
        changes = [available]
        for word, (method, words) in STAND_DOWN.items():
            down = verb(word, act=partial(self.stand_down, method), show=self.changed, help=words)
            down.add_argument(
                "--dry-run", action="store_true", help="say what nobody else can do then; change nothing"
            )
            changes.append(down)
        for change in changes:
            change.add_argument("name", metavar="NAME")
            change.add_argument("--reason", default="", metavar="TEXT", help="why; shown with its state")

        requeue = verb(
            "requeue",
            act=self.requeue,
            show=self.requeued,
            help="Take back the tasks that an agent holds. It costs no attempt.",
        )
        requeue.add_argument("name", metavar="NAME")
        requeue.add_argument(
            "--reason", required=True, metavar="TEXT", help="why; the history of each has it"
        )

        history = verb(
            "history",
            act=self.history,
            show=self.told,
            help="List the claims of an agent that have ended, newest first.",
        )
        history.add_argument("name", metavar="NAME")
        history.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")

    @sql.atomic
    def create(self, *, name: str, projects: list[str], **shape: Any) -> command_base.Document:
        existing = {project.key: project for project in Project.objects.filter(key__in=projects)}
        if missing := [key for key in projects if key not in existing]:
            raise NotFound(
                f"there is no project {missing[0]}",
                next_action=f"Create it with `python3 manage.py projects create {missing[0]}`.",
            )
        spec = AgentSpec(name, **{part: shape[part] for part in PARTS})
        agent = Agent.objects.register(spec, projects=existing.values(), by=command_base.BY)
        _, key = Key.objects.issue(agent=agent, by=command_base.BY)
        shown = {part: getattr(agent, part) for part in PARTS}
        return {"agent": {"name": agent.name, **shown, "projects": sorted(existing)}, "key": key}

    def created(self, made: command_base.Document) -> None:
        agent = made["agent"]
        works = ", ".join(agent["projects"]) or "no project"
        self.stderr.write(
            f"Registered agent {agent['name']}, capacity {agent['capacity']}, in {works}."
            " Its key, shown only this once:"
        )
        self.stdout.write(made["key"])

    def list(self, *, state: str, **_: Any) -> command_base.Document:
        agents = Agent.objects.order_by("name")
        return {"agents": [shown_state(agent) for agent in (agents.filter(state=state) if state else agents)]}

    def listed(self, document: command_base.Document) -> None:
        for agent in document["agents"]:
            self.changed({"agent": agent})
        if not document["agents"]:
            self.stdout.write("There are none. Register one: python3 manage.py agents create NAME")

    def make_available(self, *, name: str, reason: str, **_: Any) -> command_base.Document:
        pk = the_agent(name).pk
        Agent.objects.act(pk, "make_available", by=command_base.BY, reason=reason)
        return {"agent": shown_state(Agent.objects.get(pk=pk))}

    def stand_down(
        self, verb: str, *, name: str, reason: str, dry_run: bool, **_: Any
    ) -> command_base.Document:
        pk = the_agent(name).pk
        agent, left = stand_down(pk, verb, by=command_base.BY, reason=reason, dry_run=dry_run)
        return {"agent": shown_state(agent), "nobody_else": left.tasks, "dry_run": dry_run}

    def changed(self, document: command_base.Document) -> None:
        agent = document["agent"]
        why = f": {agent['state_reason']}" if agent["state_reason"] else ""
        is_so = "would be" if document.get("dry_run") else "is"
        self.stdout.write(f"{agent['name']} {is_so} {agent['state']}{why}.")
        if sentence := NobodyElse(document.get("nobody_else", [])).sentence:
            self.stdout.write(sentence)

    def requeue(self, *, name: str, reason: str, **_: Any) -> command_base.Document:
        agent = the_agent(name)
        taken = Task.objects.filter(holder=agent).requeue(by=command_base.BY, reason=reason)
        keys = Task.objects.filter(pk__in=taken).order_by("pk").values_list("ticket_key", "pk")
        return {"agent": agent.name, "tasks": [f"{ticket}.{pk}" for ticket, pk in keys]}

    def requeued(self, document: command_base.Document) -> None:
        if not document["tasks"]:
            self.stdout.write(f"{document['agent']} holds no task.")
        for key in document["tasks"]:
            self.stdout.write(f"{key} is back in the queue.")

    def history(self, *, name: str, limit: int, **_: Any) -> command_base.Document:
        agent = the_agent(name)
        if not 1 <= limit <= MOST:
            raise Invalid(f"--limit is a number from 1 to {MOST}", field="limit")
        claims, following = past_claims(agent, by=command_base.BY, limit=limit)
        shown = [
            {name: value for name, value in vars(claim).items() if name != "place"}
            | {"task": str(claim.task)}
            for claim in claims
        ]
        return {"holder": agent.label, "results": shown, "more": following is not None}

    def told(self, document: command_base.Document) -> None:
        for claim in document["results"]:
            kind = f" ({claim['kind']})" if claim["kind"] else ""
            why = f": {claim['why']}" if claim["why"] else ""
            by = "" if claim["by"] == document["holder"] else f" by {humanize.actor(claim['by'])}"
            self.stdout.write(
                f"{claim['key']} {claim['outcome'].replace('_', ' ')}{kind}{by} after"
                f" {humanize.length(claim['held_s'])}{why}"
            )
        if document["more"]:
            self.stdout.write("There are more. Use --limit.")
        if not document["results"]:
            self.stdout.write("It has ended no claim yet.")


def shown_state(agent: Agent) -> dict[str, Any]:
    return {name: getattr(agent, name) for name in ("name", "kind", "state", "state_by", "state_reason")}
