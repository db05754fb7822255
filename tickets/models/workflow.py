"""Workflow: one immutable version of a document, and the rows that the phase trigger reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from agents import profiles
from agents.models import Actor, Event, Project, label, rights, via
from omoi_site.database import sql
from omoi_site.database.privileges import INSERT_ONLY, READ_ONLY
from omoi_site.errors import Invalid, NotFound, VersionConflict, short
from tickets.workflows import document as documents
from tickets.workflows.fault_texts import place
from tickets.workflows.faults import Fault
from tickets.workflows.text import as_yaml

DEFAULT = "software_delivery"
MOST_NAMED = 30  # phases, where a wrong one is refused


class UnknownWorkflow(Invalid):
    """No workflow of this name is installed."""

    code = "unknown_workflow"
    title = "Unknown workflow"


class WorkflowNotAllowed(Invalid):
    """The project does not allow this workflow for its tickets."""

    code = "workflow_not_allowed"
    title = "The project does not allow this workflow"


class WorkflowQuerySet(models.QuerySet["Workflow"]):
    def named(self, name: str) -> WorkflowQuerySet:
        """Every version of the workflow with this name, however strange: the database takes no NUL."""
        return self.filter(name=name.replace("\x00", "?"))

    def latest_of(self, name: str, *, field: str = "workflow") -> Workflow:
        """The newest version of the workflow with this name. `field` is the field in which a caller named
        it.
        """
        workflow = self.filter(name=name or DEFAULT).order_by("-version").first()
        if workflow is None:
            installed = ", ".join(self.order_by("name").values_list("name", flat=True).distinct())
            raise UnknownWorkflow(f"there is no workflow {name}; installed: {installed}", field=field)
        return workflow

    def expect_phases(self, names: Iterable[str], *, field: str = "phase") -> None:
        """Raise Invalid with what there is, unless some version of a workflow has each of these phases."""
        wanted = set(names) - _phases
        if not wanted:
            return
        phases = WorkflowPhase.objects.order_by("name").values_list("name", flat=True).distinct()
        _phases.update(phases.filter(name__in=wanted))
        if unknown := wanted - _phases:
            there = [*phases[: MOST_NAMED + 1]]
            more = ", …" if len(there) > MOST_NAMED else ""
            raise Invalid(
                f"no workflow has a phase {short(min(unknown), 80)};"
                f" there are {', '.join(there[:MOST_NAMED])}{more}",
                field=field,
            )

    def existing(self, name: str, version: int | None = None) -> Workflow:
        """The newest version of the workflow that somebody asks for by its name, or this one. Raises
        NotFound, which says what there is.
        """
        versions = self.named(name).order_by("-version")
        if found := (versions.filter(version=version) if version else versions).first():
            return found
        if newest := versions.first():
            raise NotFound(
                f"there is no workflow {name} in version {version}",
                next_action=f"Its newest version is {newest.version}.",
            )
        names = list(self.order_by("name").values_list("name", flat=True).distinct()[:6])
        more = ", …" if len(names) > 5 else ""
        raise NotFound(
            f"there is no workflow {name}", next_action=f"Existing ones: {', '.join(names[:5])}{more}."
        )

    def version(self, name: str, number: int) -> Workflow:
        """This version of a workflow. Raises Invalid, which names the newest."""
        found = self.filter(name=name, version=number).first()
        if found is None:
            newest = self.latest_of(name).version
            raise Invalid(f"{name} has no version {number}; the newest is {newest}", field="version")
        return found

    def plans(self, ids: Set[int]) -> dict[int, documents.Plan]:
        """The plans of these versions. Only those that are new to this process are read."""
        for workflow in self.filter(pk__in=ids - _plans.keys()) if ids - _plans.keys() else ():
            _ = workflow.plan
        return {pk: _plans[pk] for pk in ids}

    def of_project(self, project: Project, name: str = "") -> Workflow:
        """The newest version of the workflow for a new ticket of the project: the project's own, or `name` if
        the project allows it.
        """
        workflow = self.latest_of(name or project.workflow)
        workflow.expect_allowed(project.key, project.workflow, project.workflows)
        return workflow

    def newest(self) -> WorkflowQuerySet:
        """The newest version of each workflow."""
        return self.filter(pk__in=self.order_by("name", "-version").distinct("name").values("pk"))

    @staticmethod
    def checked(source: Any, name: str = "") -> documents.Plan:
        """The plan of a document, all of whose tasks could be added on this installation. Raises
        InvalidWorkflow with every fault.

        name: the name that the document must have; empty: any.
        """
        plan = documents.read(source)
        faults = [
            Fault((*path, *name.split(".")), f"{place(plan.document, path)}: {message}")
            for path, seed in documents.seeds(plan.document)
            for name, message in profiles.faults(seed.get("profile", ""), seed.get("slots", {})).items()
            if "{"
            not in str(
                seed.get("slots", {}).get(name.removeprefix("slots."))
            )  # replaced when the task is added
        ]
        if name and plan.name != name:
            wrong = f"this address is for {name}, but the document is for {plan.name}"
            faults.append(Fault(("name",), wrong))
        if faults:
            raise documents.refusal(faults, source)
        return plan

    @sql.atomic
    def install(
        self, source: Any, *, name: str = "", version: int | None = None, by: Actor | None = None
    ) -> Workflow:
        """Store a document as the next version of its name. The same document again returns the existing
        version.

        name: the name the document must have. With `version`, raise VersionConflict unless that is the
        newest. `by` needs `admin` in the whole installation; None for a shipped document.
        """
        if by is not None:
            rights.require(by, "admin")
        plan = self.checked(source, name)
        sql.rows("SELECT pg_advisory_xact_lock(hashtextextended('workflow ' || %s, 0))", [plan.name])
        newest = self.filter(name=plan.name).order_by("-version").first()
        if newest and newest.document == plan.document:
            return newest  # also to whoever saved it, and had no answer
        if version is not None and version != (newest.version if newest else 0):
            raise VersionConflict(
                f"{plan.name} is at version {newest.version if newest else 0}",
                version=newest.version if newest else 0,
            )
        following = newest.version + 1 if newest else 1
        stored = self.create(name=plan.name, version=following, document=plan.document, source=plan.text)
        if by is not None:
            topic = f"workflow:{stored.name}"
            Event.objects.create(
                topic=topic,
                subject=topic,
                number=stored.version,
                kind="workflow.installed",
                actor=label(by),
                key=via(by),
                data={
                    "version": stored.version,
                    **({"left_out": list(plan.left_out)} if plan.left_out else {}),
                },
            )
        return stored

    @sql.atomic
    def install_shipped(self) -> list[Workflow]:
        """Store the shipped documents that are not installed yet, each as the next version of its name.
        Returns them.

        A workflow of which somebody here installed a version is not changed.
        """
        new = []
        for path in sorted(documents.SHIPPED.glob("*.yaml")):
            plan = self.checked(path)
            own = Event.objects.filter(topic=f"workflow:{plan.name}", kind="workflow.installed").exists()
            if not own and not self.filter(name=plan.name, document=plan.document).exists():
                new.append(self.install(path))
        return new


class Workflow(models.Model):
    application_privileges = INSERT_ONLY

    name = models.CharField(max_length=63)
    version = models.PositiveIntegerField()
    document = models.JSONField()
    source = models.TextField(
        blank=True, default="", db_default="", help_text="the YAML it was read from, with its comments"
    )
    created_at = models.DateTimeField(db_default=Now())

    objects = WorkflowQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-version"]
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="workflow_version")]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def text(self) -> str:
        """The document as YAML: as it was written, or as it would be."""
        return self.source or as_yaml(self.document)

    def expect_allowed(self, project: str, own: str, others: Sequence[str]) -> None:
        """Raise WorkflowNotAllowed unless this is the project's own workflow or one of its others."""
        names = allowed(own, others)
        if self.name not in names:
            either = " or ".join(names)
            raise WorkflowNotAllowed(
                f"tickets of {project} follow {either}, not {self.name}",
                field="workflow",
                next_action=f"Use {either}, or ask an admin of {project} to add {self.name} to its workflows",
            )

    @property
    def plan(self) -> documents.Plan:
        """The document as a plan. It is parsed once per version and process, because a version never
        changes.
        """
        if self.pk not in _plans:
            _plans[self.pk] = documents.plan(self.document)
        return _plans[self.pk]


_plans: dict[int, documents.Plan] = {}
# of any version, which stays: those that this process has asked for
_phases = {documents.BLOCKED, documents.CANCELLED}


def allowed(own: str, others: Sequence[str]) -> list[str]:
    """The names of the workflows that tickets of a project may follow: its own, then the others."""
    return list(dict.fromkeys([own or DEFAULT, *others]))


class WorkflowPhase(models.Model):
    """What the phase trigger reads about a version: order, gates and the allowed moves of each phase.

    The database reads the rows from the document when a version is stored.
    """

    application_privileges = READ_ONLY

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="phases")
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField()
    to = ArrayField(models.CharField(max_length=60), default=list, db_column="moves_to")
    start = models.BooleanField(default=False)
    gated = models.BooleanField(default=False)
    automatic = models.CharField(max_length=20, blank=True)
    approvals = models.JSONField(
        null=True, blank=True, help_text="{count, role, self?, expires_s?}; empty: it asks for none"
    )
    wip = models.JSONField(null=True, blank=True, help_text="{limit, oldest_s?, holds?}; empty: no limit")

    class Meta:
        ordering = ["workflow", "position"]
        # for each move: whether the phase may be one that holds others
        indexes = [models.Index(fields=["name"], condition=models.Q(wip__isnull=False), name="phase_limited")]
        constraints = [models.UniqueConstraint(fields=["workflow", "name"], name="phase_once")]

    def __str__(self) -> str:
        return self.name
