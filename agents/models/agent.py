"""Agent: somebody who claims tasks. Load is counted from claims, never stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField, FSMModelMixin, TransitionNotAllowed, transition
from psycopg.types.json import Jsonb

from agents.models import callbacks, rights
from agents.models.actor import Actor, label, sees_all
from agents.models.project import Project
from agents.models.spec import AgentSpec
from agents.models.versioned import Locking, Versioned
from omoi_site import field_limits, spoken
from omoi_site.database import sql
from omoi_site.errors import Forbidden, Invalid, OmoiError

REGISTER = "agents:register"
NAME = RegexValidator(
    r"\A[a-z0-9][a-z0-9._-]{0,62}\Z", "1 to 63 of a-z, 0-9, '.', '_' and '-', a letter or digit first"
)
SILENT_AFTER = timedelta(seconds=90)
PRESENCE = sql.statement(__file__, "presence")


def words(values: Iterable[str]) -> list[str]:
    """Capabilities and tags as they are stored: trimmed, lower-cased, once each, in order."""
    return sorted({value.strip().lower() for value in values if value.strip()})


def phase_names(values: Iterable[str]) -> list[str]:
    return sorted({value.strip().upper().removeprefix("PHASE_") for value in values if value.strip()})


def _owner(name: str | None, by: Actor) -> Any:
    """The person who owns what `by` registers; naming another than oneself takes `admin`."""
    person: Any = None if isinstance(by, str | Agent) else by
    if name is None or (person and person.get_username() == name):
        return person
    rights.require(by, "admin")
    owner = get_user_model().objects.filter(username=name, is_active=True).first()
    if owner is None:
        raise Invalid(f"there is no person {name}", field="owner")
    return owner


EDITABLE: dict[str, Callable[[Any], Any]] = {
    "kind": lambda kind: kind,
    "capabilities": words,
    "phases": phase_names,
    "tags": words,
    "capacity": lambda capacity: capacity,
}  # each as it is stored


class Retired(OmoiError):
    """The agent's state has no such change; `retired` is the end."""

    code = "transition_not_allowed"
    title = "The agent's state does not allow this"


class AgentUnavailable(OmoiError):
    """The agent may not do this in its present state."""

    code = "agent_unavailable"
    title = "The agent is not available"


class AgentQuerySet(Locking["Agent"]):
    def seen_by(self, who: Actor) -> AgentQuerySet:
        """Agents that share a project with `who`, and itself; the operator and workers see all."""
        if sees_all(who):
            return self
        near = self.model._default_manager.filter(projects__in=Project.objects.seen_by(who)).values("pk")
        itself = models.Q(pk=who.pk) if isinstance(who, Agent) else models.Q(owner=who)
        return self.filter(models.Q(pk__in=near) | itself)

    @contextmanager
    def locked(self, **which: Any) -> Iterator[Agent]:
        """One agent under its row lock, which claims take too; saved at the end with the next version."""
        try:
            with super().locked(**which) as agent:
                yield agent
        except TransitionNotAllowed as error:
            raise Retired(f"{error.object} is {error.object.state}") from error

    @sql.atomic
    def register(
        self, spec: AgentSpec, *, by: Actor, projects: Iterable[Project] = (), owner: str | None = None
    ) -> Agent:
        """A new agent, seen from this moment on; whoever registers it owns it unless `owner` names another
        person, which takes `admin`. An agent registers others in its projects only.
        """
        projects = list(projects)
        if not projects:
            rights.require(by, REGISTER)
        for project in projects:
            rights.require(by, REGISTER, project)
        if isinstance(by, Agent) and not projects:
            raise Invalid("name at least one of your projects", field="projects")
        agent = self.model(
            name=spec.name,
            kind=spec.kind,
            capabilities=words(spec.capabilities),
            phases=phase_names(spec.phases),
            tags=words(spec.tags),
            capacity=spec.capacity,
            owner=_owner(owner, by),
        )
        sql.check(agent, without=["state"])
        sql.insert(
            agent,
            field="name",
            taken=f"an agent named {agent} is registered already",
            next_action=(
                f"Another key for it: `python3 manage.py keys create --agent {agent}`. Or take another name."
            ),
        )
        agent.seen()
        agent.record(
            "agent.registered",
            by=by,
            data={"kind": agent.kind, "capabilities": agent.capabilities, "capacity": agent.capacity},
        )
        agent.work_in(projects, by=by)
        return agent

    @sql.atomic
    def worker(self, name: str, *, capacity: int, capabilities: Sequence[str] = ()) -> Agent:
        """The agent row of a Dramatiq worker: one per worker name, made on its first start. Capabilities it
        has stay unless others are named.
        """
        can = words(capabilities)
        sql.check(self.model(name=name, capacity=capacity, capabilities=can), without=["state"])
        agent, made = self.get_or_create(
            name=name,
            defaults={
                "kind": "worker",
                "runs_profiles": True,
                "sees_all": True,
                "capacity": capacity,
                "capabilities": can,
            },
        )
        if not made and not agent.runs_profiles:
            raise Invalid(
                f"{name} is an agent of another kind; give the worker another name with --name", field="name"
            )
        if made:
            agent.record(
                "agent.registered", by="system:worker", data={"kind": "worker", "capacity": capacity}
            )
        elif (agent.capacity, agent.capabilities) != (capacity, can or agent.capabilities):
            agent.capacity, agent.capabilities = capacity, can or agent.capabilities
            self.filter(pk=agent.pk).update(capacity=agent.capacity, capabilities=agent.capabilities)
        agent.seen()
        return agent


class Agent(FSMModelMixin, Versioned):
    class Kind(models.TextChoices):
        WORKER = "worker"
        VALIDATOR = "validator"
        MONITOR = "monitor"
        GUARDIAN = "guardian"

    class State(models.TextChoices):
        AVAILABLE = "available"
        MAINTENANCE = "maintenance"
        DRAINING = "draining"
        QUARANTINED = "quarantined"
        RETIRED = "retired"

    name = models.CharField(max_length=63, unique=True, validators=[NAME])
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.WORKER)
    state = FSMField(choices=State.choices, default=State.AVAILABLE, protected=True)
    state_by = models.CharField(
        max_length=170, blank=True, default="", editable=False, help_text="who put it into its state"
    )
    capabilities = ArrayField(
        models.CharField(max_length=100), default=list, blank=True, **field_limits.items(100)
    )
    phases = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        help_text="phases it works in; none: all",
        **field_limits.items(50),
    )
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True, **field_limits.items(100))
    capacity = models.PositiveIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    projects = models.ManyToManyField(Project, related_name="agents", blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="agents"
    )
    runs_profiles = models.BooleanField(
        default=False,
        editable=False,
        help_text="a worker: claims only tasks with a profile; others claim only tasks without",
    )
    sees_all = models.BooleanField(default=False, editable=False)
    grants = models.BigIntegerField(
        default=0, editable=False, help_text="rises with every task granted: guards the capacity count"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AgentQuerySet.as_manager()

    is_authenticated = True
    via_key = ""

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["worker", "validator", "monitor", "guardian"]), name="agent_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["available", "maintenance", "draining", "quarantined", "retired"]
                ),
                name="agent_state",
            ),
            models.CheckConstraint(condition=models.Q(capacity__range=(1, 1000)), name="agent_capacity"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        return f"agent:{self.name}"

    @property
    def topic(self) -> str:
        return f"agent:{self.name}"

    def seen(self, *, word: str | None = None, metrics: dict[str, Any] | None = None) -> None:
        """Note that the agent was heard, written at most every 5 s; at once when it says something else about
        itself.
        """
        sql.rows(
            PRESENCE,
            {
                "agent": self.pk,
                "word": word and word[:20],
                "metrics": None if metrics is None else Jsonb(metrics),
            },
        )

    # -- each runs on a row from `locked()`; `retired` is the end

    LIVE = [State.AVAILABLE, State.MAINTENANCE, State.DRAINING, State.QUARANTINED]

    @transition(field=state, source=LIVE, target=State.AVAILABLE)
    def make_available(self, *, by: Actor, reason: str = "") -> None:
        """It may claim again."""
        self._may_change(by, itself=True)
        self.record("agent.made_available", by=by, reason=reason)

    @transition(field=state, source=LIVE, target=State.MAINTENANCE)
    def make_unavailable(self, *, by: Actor, reason: str = "") -> None:
        self._may_change(by, itself=True)
        self.record("agent.made_unavailable", by=by, reason=reason)

    @transition(field=state, source=LIVE, target=State.DRAINING)
    def drain(self, *, by: Actor, reason: str = "") -> None:
        """It ends what it holds and claims no more."""
        self._may_change(by)
        self.record("agent.drained", by=by, reason=reason)

    @transition(field=state, source=LIVE, target=State.QUARANTINED)
    def quarantine(self, *, by: Actor, reason: str = "") -> None:
        """It writes nothing more until an operator makes it available: its claims are given back at no cost
        of an attempt.
        """
        self._may_change(by)
        self.record("agent.quarantined", by=by, reason=reason)
        callbacks.run("agent.quarantined", self, by=by)

    @transition(field=state, source=LIVE, target=State.RETIRED)
    def retire(self, *, by: Actor, reason: str = "") -> None:
        """The end: its claims are given back at no cost of an attempt, and its keys are revoked."""
        rights.require_everywhere(by, REGISTER, self)
        self.state_by = label(by)
        self.record("agent.retired", by=by, reason=reason)
        self.keys.end(by=by)
        callbacks.run("agent.retired", self, by=by)

    def _may_change(self, by: Actor, *, itself: bool = False) -> None:
        """Raise Forbidden unless `by` may change agents in each of its projects, or is the agent where that
        may do it `itself`. An agent takes back what an agent said, but nobody out of quarantine and not what
        a person decided.
        """
        if not (itself and by == self):
            rights.require_everywhere(by, REGISTER, self)
        kept = self.state == self.State.QUARANTINED or (
            self.state != self.State.AVAILABLE and self.state_by != label(by)
        )
        if kept and isinstance(by, Agent):
            setter = spoken.actor(self.state_by) if self.state_by else "An operator"
            raise Forbidden(
                f"{setter} set {self} to {self.state}, and an agent cannot change that",
                next_action="Ask an operator to make it available.",
            )
        self.state_by = label(by)

    def expect_to_write(self) -> None:
        """Raise AgentUnavailable while it is quarantined."""
        if self.state == self.State.QUARANTINED:
            raise AgentUnavailable(
                f"{self} is quarantined and may change nothing",
                next_action=f"Ask an operator to make it available (POST /agents/{self}/availability).",
            )

    def edit(
        self,
        *,
        by: Actor,
        version: int | None = None,
        projects: Iterable[Project] | None = None,
        **changes: Any,
    ) -> None:
        """Change fields of EDITABLE, for claims from now on; what it holds it keeps."""
        if strange := changes.keys() - EDITABLE.keys():
            raise TypeError(f"an agent's {', '.join(sorted(strange))} cannot be edited")
        rights.require_everywhere(by, REGISTER, self)
        projects = None if projects is None else list(projects)
        for project in projects or ():
            rights.require(by, REGISTER, project)
        fields = {name: EDITABLE[name](value) for name, value in changes.items()}
        self.change("agent.edited", fields, by=by, version=version)
        if projects is not None:
            self.work_in(projects, by=by)

    def work_in(self, projects: Iterable[Project], *, by: Actor) -> None:
        """From now on in these projects and no other.

        Each is told of by itself: not everybody who sees the agent sees them all.
        """
        before, after = set(self.projects.all()), set(projects)
        if before != after:
            self.projects.set(after)
        for kind, changed in (("agent.left", before - after), ("agent.joined", after - before)):
            for project in sorted(changed, key=lambda project: project.key):
                self.record(kind, by=by, data={"project": project.key}, inside=project.pk)


class AgentPresence(models.Model):
    """When an agent was last heard; apart from the agent's row, which claims lock."""

    agent = models.OneToOneField(Agent, models.CASCADE, primary_key=True, related_name="presence")
    last_seen_at = models.DateTimeField(db_default=Now())
    unread = models.PositiveIntegerField(default=0)
    word = models.CharField(
        max_length=20,
        blank=True,
        db_default="",
        help_text="what it last said about itself; `degraded` counts",
    )
    metrics = models.JSONField(default=dict, db_default={}, blank=True)

    def __str__(self) -> str:
        return f"presence of {self.agent}"
