"""Agent: claims tasks. Its load is counted from its claims, never stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from django_fsm import FSMField, FSMModelMixin, TransitionNotAllowed, transition
from psycopg.types.json import Jsonb

from agents.models import callbacks, rights
from agents.models.actor import Actor, label, sees_all, via
from agents.models.agent_presence import HEARD, MINUTE, MOST_INSTANCES, SHARED_WITHIN_S, AgentPresence
from agents.models.agent_spec import AgentSpec
from agents.models.key_sql import HELD_KEY, KEY_HOLDS
from agents.models.pool import Pool
from agents.models.project import Project
from agents.models.versioned import Locking, Versioned
from agents.profiles import pool_name
from omoi_site import field_limits, humanize
from omoi_site.database import prepared, sql
from omoi_site.errors import Forbidden, Invalid, OmoiError

REGISTER = "agents:register"
BY_ITSELF = {"make_available", "make_unavailable"}  # verbs that need no right of an agent for itself
NAME = RegexValidator(
    r"\A[a-z0-9][a-z0-9._-]{0,62}\Z",
    "use 1 to 63 of a-z, 0-9, '.', '_' and '-'; begin with a letter or digit",
)
SILENT_AFTER = timedelta(seconds=90)
PRESENCE = sql.statement(
    __file__,
    "presence",
    held_key=HELD_KEY.format(agents="agents_agent"),
    key_holds=KEY_HOLDS,
    shared_within=str(SHARED_WITHIN_S),
    most_instances=str(MOST_INSTANCES),
    minute=MINUTE,
    heard=HEARD,
)


def words(values: Iterable[str]) -> list[str]:
    """Capabilities and tags as they are stored: trimmed, in lower case, sorted, without duplicates."""
    return sorted({value.strip().lower() for value in values if value.strip()})


def shown_words(name: str, values: Iterable[str]) -> list[str]:
    """The same of a field `name` that is to be stored: each is one line of visible characters."""
    stored = words(values)
    for value in stored:
        if fault := field_limits.shown_fault(value):
            raise Invalid(fault, field=name)
    return stored


def phase_names(values: Iterable[str]) -> list[str]:
    return sorted({value.strip().upper().removeprefix("PHASE_") for value in values if value.strip()})


def _owner(name: str | None, by: Actor) -> Any:
    """The person who will own what `by` registers. To name somebody else, `by` needs `admin`."""
    person: Any = None if isinstance(by, str | Agent) else by
    if name is None or (person and person.get_username() == name):
        return person
    rights.require(by, "admin")
    owner = get_user_model().objects.filter(username=name, is_active=True).first()
    if owner is None:
        raise Invalid(f"there is no user {name}", field="owner")
    return owner


def _expect_no_person(kind: str) -> None:
    if kind == Agent.Kind.PERSON:
        raise Invalid("a person is no agent to register: they take tasks by hand", field="kind")


EDITABLE: dict[str, Callable[[Any], Any]] = {
    "kind": lambda kind: kind,
    "capabilities": partial(shown_words, "capabilities"),
    "phases": phase_names,
    "tags": partial(shown_words, "tags"),
    "capacity": lambda capacity: capacity,
}  # each as it is stored


class Retired(OmoiError):
    """The agent's state does not allow this change; `retired` is final."""

    code = "transition_not_allowed"
    title = "The agent's state does not allow this"


class AgentUnavailable(OmoiError):
    """The agent cannot do this in its present state."""

    code = "agent_unavailable"
    title = "The agent is not available"


class AgentQuerySet(Locking["Agent"]):
    def seen_by(self, who: Actor) -> AgentQuerySet:
        """Agents that share a project with `who`, and `who` itself. Superusers and workers see all."""
        if sees_all(who):
            return self
        near = self.model._default_manager.filter(projects__in=Project.objects.seen_by(who)).values("pk")
        itself = models.Q(pk=who.pk) if isinstance(who, Agent) else models.Q(owner=who)
        return self.filter(models.Q(pk__in=near) | itself)

    def allowing(self, person: Actor, scope: str) -> AgentQuerySet:
        """Those of which this person has the scope everywhere, as `rights.everywhere` says of one: in each of
        their projects; for one without projects, in the installation.
        """
        if scope in rights.scopes(person):
            return self
        allowing = Project.objects.allowing(person, scope).values("pk")
        elsewhere = Project.objects.exclude(pk__in=allowing).values("pk")
        return self.filter(pk__in=self._in(allowing)).exclude(pk__in=self._in(elsewhere))

    def _in(self, projects: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return self.model.objects.filter(projects__in=projects).values("pk")

    @contextmanager
    def locked(self, **which: Any) -> Iterator[Agent]:
        """One agent under its row lock, which claims take too. It is saved at the end with the next
        version.
        """
        try:
            with super().locked(**which) as agent:
                yield agent
        except TransitionNotAllowed as error:
            raise Retired(
                f"{error.object} is {error.object.state}, which is final",
                next_action="Register an agent with another name.",
            ) from error

    @sql.atomic
    def register(
        self, spec: AgentSpec, *, by: Actor, projects: Iterable[Project] = (), owner: str | None = None
    ) -> Agent:
        """A new agent, whose presence begins now. `by` owns it, unless `owner` names another person, for
        which `by` needs `admin`. An agent can register others only in its own projects.
        """
        _expect_no_person(spec.kind)
        projects, pools = list(projects), list(spec.pools)
        wherever: list[Project | None] = [*projects] or [None]
        for project in wherever if pools else ():
            rights.require(by, "admin", project)
        if not projects:
            rights.require(by, REGISTER)
        for project in projects:
            rights.require(by, REGISTER, project)
        if isinstance(by, Agent) and not projects:
            raise Invalid("name at least one of your projects", field="projects")
        agent = self.model(
            name=spec.name,
            kind=spec.kind,
            capabilities=shown_words("capabilities", spec.capabilities),
            phases=phase_names(spec.phases),
            tags=shown_words("tags", spec.tags),
            capacity=spec.capacity,
            pools=Pool.objects.namable(pools, by=by),
            owner=_owner(owner, by),
        )
        sql.check(agent, without=["state"])
        callbacks.run("agent.named_phases", set(agent.phases), by=by)
        sql.insert(
            agent,
            field="name",
            taken=f"an agent named {agent} already exists",
            next_action=(
                f"Choose another name. For a new key, run `python3 manage.py keys create --agent {agent}`."
            ),
        )
        agent.seen()
        agent.record(
            "agent.registered",
            by=by,
            data={"kind": agent.kind, "capabilities": agent.capabilities, "capacity": agent.capacity},
        )
        agent._work_in(projects, by=by)
        return agent

    @sql.atomic
    def worker(self, name: str, *, capacity: int, capabilities: Sequence[str] = ()) -> Agent:
        """The agent row of a Dramatiq worker: one per worker name, created on its first start. Its
        capabilities stay unless others are given.
        """
        can = shown_words("capabilities", capabilities)
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
                f"the agent {name} is not a worker; choose another name with --name",
                field="name",
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
        PERSON = "person"

    class State(models.TextChoices):
        AVAILABLE = "available"
        MAINTENANCE = "maintenance"
        DRAINING = "draining"
        QUARANTINED = "quarantined"
        RETIRED = "retired"

    name = models.CharField(
        max_length=160, unique=True, validators=[NAME], help_text="of a person: as the journal names them"
    )
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.WORKER)
    state = FSMField(choices=State.choices, default=State.AVAILABLE, protected=True)
    state_by = models.CharField(
        max_length=170, blank=True, default="", editable=False, help_text="who set its state"
    )
    state_reason = field_limits.text(
        field_limits.REASON, blank=True, default="", db_default="", editable=False
    )
    state_at = models.DateTimeField(null=True, blank=True, editable=False)
    capabilities = ArrayField(
        models.CharField(max_length=100, validators=[field_limits.not_blank]),
        default=list,
        blank=True,
        **field_limits.items(100),
    )
    phases = ArrayField(
        models.CharField(max_length=60, validators=[field_limits.not_blank]),
        default=list,
        blank=True,
        help_text="phases it works in; empty: all",
        **field_limits.items(50),
    )
    tags = ArrayField(
        models.CharField(max_length=50, validators=[field_limits.not_blank]),
        default=list,
        blank=True,
        **field_limits.items(100),
    )
    MOST_CAPACITY = 1000
    capacity = models.PositiveIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(MOST_CAPACITY)]
    )
    pools = ArrayField(
        models.CharField(max_length=63),
        default=list,
        db_default=[],
        blank=True,
        help_text="accounts whose limits it shares; only an admin sets them",
        **field_limits.items(pool_name.MOST),
    )
    projects = models.ManyToManyField(Project, related_name="agents", blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="agents"
    )
    runs_profiles = models.BooleanField(
        default=False,
        editable=False,
        help_text="a worker claims only tasks with a profile; others only tasks without",
    )
    sees_all = models.BooleanField(default=False, editable=False)
    assigned = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="a task was assigned to it by hand, which its next claim delivers",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AgentQuerySet.as_manager()

    is_authenticated = True
    via_key = ""
    person: Any = None  # who acts through this row, if it is that of a person

    class Meta:
        ordering = ["name"]
        indexes = [
            # who shares the limit of a pool
            GinIndex(fields=["pools"], name="agent_pools"),
            models.Index(fields=["id"], name="agent_worker", condition=models.Q(runs_profiles=True)),
            models.Index(fields=["id"], name="agent_person", condition=models.Q(kind="person")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["worker", "validator", "monitor", "guardian", "person"]),
                name="agent_kind",
            ),
            # by their names nobody takes the one for the other
            models.CheckConstraint(
                condition=models.Q(kind="person", name__startswith="user:")
                | ~models.Q(kind="person") & ~models.Q(name__contains=":"),
                name="agent_name_of_its_kind",
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
        return self.name if self.kind == self.Kind.PERSON else f"agent:{self.name}"

    @property
    def topic(self) -> str:
        return f"agent:{self.name}"

    def seen(
        self, *, word: str | None = None, metrics: dict[str, Any] | None = None, instance: str = ""
    ) -> list[str]:
        """Record that the agent is alive: written at most every 5 s, but at once if it reports another
        condition. `instance`: which of its processes says so. Returns the others that live at the same time.
        """
        rows = prepared.rows(
            PRESENCE,
            {
                "agent": self.pk,
                "key": via(self),
                "word": word and word[:20],
                "metrics": None if metrics is None else Jsonb(metrics),
                "instance": instance,
            },
        )
        if not (instance and rows):
            return []
        began, _ = rows[0]["instances"][instance]
        # one that ended before this one began was replaced by it
        others = [name for name, (_, at) in rows[0]["instances"].items() if name != instance and at >= began]
        if others and not rows[0]["noticed"]:
            self._notice_shared([instance, *others])
        return sorted(others)

    @sql.atomic
    def _notice_shared(self, instances: Sequence[str]) -> None:
        with type(self).objects.lock(pk=self.pk) as agent:
            if AgentPresence.objects.notice_shared(self.pk):
                agent.record("agent.shared", by="system:presence", data={"instances": sorted(instances)})

    # -- each runs on a row from `locked()`; `retired` is final. In that state already, nothing changes, and
    # the first reason of a person stays.

    AGENT_KINDS = [Kind.WORKER, Kind.VALIDATOR, Kind.MONITOR, Kind.GUARDIAN]  # which can be registered
    LIVE = [State.AVAILABLE, State.MAINTENANCE, State.DRAINING, State.QUARANTINED]

    @transition(field=state, source=LIVE, target=State.AVAILABLE)
    def make_available(self, *, by: Actor, reason: str = "") -> None:
        """The agent may claim again."""
        self._expect_changeable("make_available", by)
        if self.state != self.State.AVAILABLE:
            self._note_state(by, reason)
            self.record("agent.made_available", by=by, reason=reason)

    @transition(field=state, source=LIVE, target=State.MAINTENANCE)
    def make_unavailable(self, *, by: Actor, reason: str = "") -> None:
        self._expect_changeable("make_unavailable", by)
        if not self._stands(self.State.MAINTENANCE, by):
            self._note_state(by, reason)
            self.record("agent.made_unavailable", by=by, reason=reason)

    @transition(field=state, source=LIVE, target=State.DRAINING)
    def drain(self, *, by: Actor, reason: str = "") -> None:
        """The agent finishes what it holds and claims nothing new."""
        self._expect_changeable("drain", by)
        if not self._stands(self.State.DRAINING, by):
            self._note_state(by, reason)
            self.record("agent.drained", by=by, reason=reason)

    @transition(field=state, source=LIVE, target=State.QUARANTINED)
    def quarantine(self, *, by: Actor, reason: str = "") -> None:
        """The agent can write nothing until an operator makes it available. Its claims are released and cost
        no attempt.
        """
        self._expect_changeable("quarantine", by)
        if not self._stands(self.State.QUARANTINED, by):
            self._note_state(by, reason)
            self.record("agent.quarantined", by=by, reason=reason)
        callbacks.run("agent.quarantined", self, by=by)

    @transition(field=state, source=LIVE, target=State.RETIRED)
    def retire(self, *, by: Actor, reason: str = "") -> None:
        """Final: its claims are released and cost no attempt, and its keys are revoked."""
        self.expect_permitted("retire", by)
        self._note_state(by, reason)
        self.record("agent.retired", by=by, reason=reason)
        self.keys.end(by=by)
        callbacks.run("agent.retired", self, by=by)

    def expect_permitted(self, verb: str, by: Actor) -> None:
        """Raise Forbidden unless `by` may change agents in each of its projects, or the agent changes itself
        by one of the verbs `BY_ITSELF`. Nobody changes the row of a person.
        """
        if self.kind == self.Kind.PERSON:
            raise Forbidden(
                f"{humanize.actor(self.name)} is a person, not an agent",
                next_action="Change their role in a project, or reassign what they hold.",
            )
        if not (by == self and verb in BY_ITSELF):
            rights.require_everywhere(by, REGISTER, self)

    def _expect_changeable(self, verb: str, by: Actor) -> None:
        """Raise Forbidden unless `by` may call this verb in the agent's state. An agent can undo what an
        agent did, but cannot lift a quarantine or undo a person's decision.
        """
        self.expect_permitted(verb, by)
        kept = self.state == self.State.QUARANTINED or (
            self.state != self.State.AVAILABLE and self.state_by != label(by)
        )
        if kept and isinstance(by, Agent):
            setter = humanize.actor(self.state_by) if self.state_by else "An operator"
            raise Forbidden(
                f"{setter} set {self} to {self.state}, and an agent cannot change that",
                next_action="Ask an operator to make it available.",
            )

    def _stands(self, state: str, by: Actor) -> bool:
        """Whether it is in this state already, and nothing changes. What an agent did, or its failures, a
        person takes over: then an agent cannot undo it.
        """
        person = label(by).startswith("user:") or label(by) == humanize.COMMANDS
        decided = self.state_by.startswith("user:") or self.state_by == humanize.COMMANDS
        return self.state == state and (decided or not person)

    def _note_state(self, by: Actor, reason: str) -> None:
        self.state_by, self.state_reason, self.state_at = label(by), reason, timezone.now()

    @property
    def unavailable(self) -> AgentUnavailable:
        """Why it takes no work, who set its state, and what to do."""
        if self.state == self.State.AVAILABLE:
            return AgentUnavailable(
                f"{self} has become available only now", next_action="Claim again (POST /claims)."
            )
        state = "in maintenance" if self.state == self.State.MAINTENANCE else self.state
        setter = f", set by {humanize.actor(self.state_by)}" if self.state_by else ""
        reason = f": {self.state_reason}" if self.state_reason else ""
        if self.state == self.State.RETIRED:
            then = "Retiring is final. Register another agent (POST /agents)."
        elif self.state == self.State.QUARANTINED:
            then = f"Ask an operator to make it available (POST /agents/{self}/availability)."
        else:
            who = "It may end that itself" if self.state_by == self.label else "Ask an operator to end that"
            then = f"Finish what it holds. {who}: POST /agents/{self}/availability."
        return AgentUnavailable(f"{self} is {state}{setter}, so it takes no work{reason}", next_action=then)

    def expect_to_write(self) -> None:
        """Raise AgentUnavailable while it is quarantined."""
        if self.state == self.State.QUARANTINED:
            raise AgentUnavailable(
                f"{self} is quarantined and cannot change anything",
                next_action=f"Ask an operator to make it available (POST /agents/{self}/availability).",
            )

    def edit(
        self,
        *,
        by: Actor,
        version: int | None = None,
        projects: Iterable[Project] | None = None,
        pools: Iterable[str] | None = None,
        **changes: Any,
    ) -> None:
        """Change fields of EDITABLE, its projects and its pools; for the last `by` needs `admin`. This
        affects new claims; the agent keeps what it holds.
        """
        if strange := changes.keys() - EDITABLE.keys():
            raise TypeError(f"an agent's {', '.join(sorted(strange))} cannot be edited")
        _expect_no_person(changes.get("kind", ""))
        self.expect_permitted("edit", by)
        projects = None if projects is None else list(projects)
        for project in projects or ():
            rights.require(by, REGISTER, project)
        fields = {name: EDITABLE[name](value) for name, value in changes.items()}
        if named := set(fields.get("phases", ())) - set(self.phases):
            callbacks.run("agent.named_phases", named, by=by)
        if pools is not None and (wanted := sorted(set(pools))) != self.pools:
            rights.require_everywhere(by, "admin", self)
            Pool.objects.namable(set(wanted) ^ set(self.pools), by=by)
            fields["pools"] = wanted
        self.change("agent.edited", fields, by=by, version=version)
        if projects is not None:
            self._work_in(projects, by=by)

    def _work_in(self, projects: Iterable[Project], *, by: Actor) -> None:
        """Let the agent work in exactly these projects from now on.

        Each project gets its own event, because not everybody who sees the agent may see all of them.
        """
        before, after = set(self.projects.all()), set(projects)
        if before != after:
            self.projects.set(after)
        for kind, changed in (("agent.left", before - after), ("agent.joined", after - before)):
            for project in sorted(changed, key=lambda project: project.key):
                self.record(kind, by=by, data={"project": project.key}, inside=project.pk)
