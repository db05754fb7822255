"""Project: where work lives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from agents import profiles
from agents.models import callbacks, rights
from agents.models.actor import Actor, is_agent, label, pk_of, sees_all
from agents.models.project_spec import ProjectSpec
from agents.models.scopes import OF_ROLE, Role
from agents.models.versioned import Locking, Versioned
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import Forbidden, Invalid

KEY = RegexValidator(r"\A[A-Z][A-Z0-9]{1,9}\Z", "2 to 10 capital letters and digits, a letter first")
LIMITS = ("max_agents", "max_tickets")
STALLS = ("stall_after_s", "stall_grace_s")
EDITABLE = {"name", "repository", "workflow", "workflows", "profiles", *LIMITS, *STALLS}
PHASE = re.compile(r"[A-Z][A-Z0-9_]{0,59}")
MOST = 100_000  # a limit above would limit nothing
MOST_SECONDS = 30 * 86400


class ProjectQuerySet(Locking["Project"]):
    def seen_by(self, who: Actor) -> ProjectQuerySet:
        """Projects `who` (a user or an agent) is a member of; the operator and workers see all."""
        if sees_all(who):
            return self
        if pk_of(who) is None:  # nobody who is signed in; a look for None would find what has no members
            return self.none()
        return self.filter(**{"members__user" if hasattr(who, "get_username") else "agents": pk_of(who)})

    def allowing(self, person: Actor, scope: str) -> ProjectQuerySet:
        """Those in which this person has the scope, as `rights.scopes` says of one."""
        if scope in rights.scopes(person):
            return self.seen_by(person)
        roles = [role for role in Role if scope in OF_ROLE[role] & rights.narrowed(person)]
        return self.filter(
            pk__in=self.model.objects.filter(members__user=pk_of(person), members__role__in=roles)
        )

    def scopes_of(self, person: Actor) -> dict[int, frozenset[str]]:
        """What this person may do in each project of which they are a member, by its id, as `rights.scopes`
        says of one.
        """
        narrowed = rights.narrowed(person)
        rows = self.filter(members__user=pk_of(person)).order_by().values_list("pk", "members__role")
        return {pk: OF_ROLE[Role(role)] & narrowed for pk, role in rows}

    @sql.atomic
    def create_project(self, spec: ProjectSpec, *, by: Actor) -> Project:
        """A new project. `by` needs `admin` in the whole installation."""
        rights.require(by, "admin")
        project = self.model(
            key=spec.key,
            name=spec.name or spec.key,
            repository=spec.repository,
            workflow=spec.workflow,
            workflows=distinct(spec.workflows),
            profiles=grantable(spec.profiles, by=by),
            stall_after_s=spec.stall_after_s,
            stall_grace_s=spec.stall_grace_s,
            max_agents=spec.max_agents,
            max_tickets=spec.max_tickets,
        )
        sql.check(project)
        callbacks.run("project.chose_workflow", project, by=by)
        sql.insert(
            project,
            field="key",
            taken=f"there is a project {project} already",
            next_action="Use that one, change it in the admin, or take another key.",
        )
        project.record("project.created", by=by, data=project.settings())
        return project


def _limit(help_text: str) -> Any:
    between = [MinValueValidator(1), MaxValueValidator(MOST)]
    return models.PositiveIntegerField(null=True, blank=True, validators=between, help_text=help_text)


class Project(Versioned):
    key = models.CharField(max_length=10, unique=True, validators=[KEY])
    name = models.CharField(max_length=200, validators=[field_limits.not_blank])
    repository = models.CharField(max_length=500, blank=True)
    workflow = models.CharField(
        max_length=100,
        blank=True,
        help_text="name of the workflow new tickets follow; empty: the built-in one",
    )
    workflows = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        help_text="names of other workflows its tickets may follow; empty: none",
    )
    profiles = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        help_text="profiles its tasks may name; only the admin of the installation grants them",
    )
    max_agents = _limit("how many agents may hold claims in it at the same time; empty: any number")
    max_tickets = _limit("how many tickets may have claimed tasks at the same time; empty: any number")
    stall_after_s = models.PositiveIntegerField(
        default=1800,
        db_default=1800,
        validators=[MaxValueValidator(MOST_SECONDS)],
        help_text="seconds without progress after which a claim is stalled; 0: never",
    )
    stall_grace_s = models.PositiveIntegerField(
        default=600,
        db_default=600,
        validators=[MaxValueValidator(MOST_SECONDS)],
        help_text="seconds after which a stalled claim is taken back",
    )
    paused = models.BooleanField(default=False, editable=False)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    pause_reason = models.CharField(max_length=field_limits.REASON, blank=True, editable=False)
    paused_phases = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        editable=False,
        help_text="phases whose tasks nobody is granted: {phase: {reason, by, at}}",
    )
    tickets_made = models.PositiveIntegerField(
        default=0, editable=False, help_text="number of the last ticket"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key

    @property
    def topic(self) -> str:
        return f"project:{self.key}"

    @property
    def project_for_journal(self) -> int:
        return self.pk

    @property
    def phases_paused(self) -> list[dict[str, str]]:
        """The paused phases as the API and the commands show them: phase, reason, by, at."""
        return [
            {"phase": phase, **told, "at": told["at"].replace("+00:00", "Z")}
            for phase, told in sorted(self.paused_phases.items())
        ]

    def settings(self) -> dict[str, Any]:
        """What people set, as the journal tells it."""
        return {
            "name": self.name,
            "repository": self.repository,
            "workflow": self.workflow,
            "workflows": self.workflows,
            "profiles": self.profiles,
            "limits": self.limits,
            "stall_after_s": self.stall_after_s,
            "stall_grace_s": self.stall_grace_s,
        }

    @property
    def limits(self) -> dict[str, int | None]:
        return {name: getattr(self, name) for name in LIMITS}

    # -- each runs on a row from `locked()`, and needs `admin` in the project

    def expect_permitted(self, verb: str, by: Actor) -> None:
        rights.require(by, "admin", self)

    def edit(self, *, by: Actor, version: int | None = None, **changes: Any) -> None:
        """Change fields of EDITABLE; tickets that are there keep their workflow, and tasks whose profile is
        not granted any more fail when they are run.
        """
        if strange := changes.keys() - EDITABLE:
            raise TypeError(f"a project's {', '.join(sorted(strange))} cannot be edited")
        self.expect_permitted("edit", by)
        if "workflows" in changes:
            changes["workflows"] = distinct(changes["workflows"])
        if "profiles" in changes:
            changes["profiles"] = grantable(changes["profiles"], by=by, granted=self.profiles)
        before = self.change("project.edited", changes, by=by, version=version)
        if before.keys() & {"workflow", "workflows"}:
            callbacks.run("project.chose_workflow", self, by=by)
        if before.keys() & {*LIMITS, "stall_after_s"}:
            callbacks.run("project.limited", self, by=by)

    def pause(self, *, by: Actor, reason: str = "") -> None:
        """Grant none of its tasks until it is resumed; running claims go on."""
        self.expect_permitted("pause", by)
        if not self.paused:
            self.paused, self.paused_at, self.pause_reason = True, timezone.now(), field_limits.reason(reason)
            self.record("project.paused", by=by, reason=reason)
            callbacks.run("project.paused", self, by=by)

    def resume(self, *, by: Actor, reason: str = "") -> None:
        self.expect_permitted("resume", by)
        if self.paused:
            self.paused, self.paused_at, self.pause_reason = False, None, ""
            self.record("project.resumed", by=by, reason=reason)
            callbacks.run("project.paused", self, by=by)

    def pause_phase(self, *, phase: str, by: Actor, reason: str = "") -> None:
        """Grant no task of this phase until it is resumed; running claims and moves of tickets go on."""
        self.expect_permitted("pause", by)
        phase = _phase(phase)
        if phase not in self.paused_phases:
            callbacks.run("project.named_phase", phase, by=by)
            told = {"reason": field_limits.reason(reason), "by": label(by), "at": timezone.now().isoformat()}
            self.paused_phases = {**self.paused_phases, phase: told}
            self.record("phase.paused", by=by, data={"phase": phase}, reason=reason)
            callbacks.run("project.paused", self, by=by)

    def resume_phase(self, *, phase: str, by: Actor, reason: str = "") -> None:
        self.expect_permitted("resume", by)
        phase = _phase(phase)
        if phase in self.paused_phases:
            self.paused_phases = {name: told for name, told in self.paused_phases.items() if name != phase}
            self.record("phase.resumed", by=by, data={"phase": phase}, reason=reason)
            callbacks.run("project.paused", self, by=by)
        else:
            callbacks.run("project.named_phase", phase, by=by)


def _phase(name: str) -> str:
    """The phase as it is stored."""
    phase = name.strip().upper().removeprefix("PHASE_")
    if not PHASE.fullmatch(phase):
        raise Invalid("name a phase, such as TESTING", field="phase")
    return phase


def grantable(names: Iterable[str], *, by: Actor, granted: Sequence[str] = ()) -> list[str]:
    """These names of profiles, where `by` may grant them; raises Forbidden, and Invalid for one that is not
    installed (and not granted before).
    """
    wanted = distinct(names)
    if wanted != list(granted) and (is_agent(by) or "admin" not in rights.scopes(by)):
        raise Forbidden(
            "only the admin of this installation grants profiles: they say what runs on its machines"
        )
    if unknown := sorted(set(wanted) - set(granted) - profiles.installed()):
        raise Invalid(
            f"there is no profile {unknown[0]}; there are {', '.join(sorted(profiles.installed()))}",
            field="profiles",
        )
    return wanted


def distinct(names: Iterable[str]) -> list[str]:
    """Each name once, in the order given."""
    return list(dict.fromkeys(name.strip() for name in names))
