"""Artifacts, their contents, runs of checks, verdicts and approvals."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse

from omoi_site.admin_base import ReadOnlyModelAdmin, badge, since
from omoi_site.admin_lists import RecentValuesFilter
from tickets.admin.filters import PhaseFilter
from tickets.models import Approval, Artifact, Blob, CheckRun, Chunk, Verdict


class SizeFilter(admin.SimpleListFilter):
    title, parameter_name, field = "size", "size", "size"
    steps = {"small": (0, 1 << 16), "medium": (1 << 16, 1 << 20), "large": (1 << 20, 1 << 62)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("small", "Under 64 KiB"), ("medium", "64 KiB to 1 MiB"), ("large", "1 MiB and more")]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        least, most = self.steps.get(self.value() or "", (0, 1 << 62))
        return rows.filter(**{f"{self.field}__gte": least, f"{self.field}__lt": most})


class SizeOfBlobFilter(SizeFilter):
    field = "blob__size"


@admin.register(Artifact)
class ArtifactAdmin(ReadOnlyModelAdmin):
    inside = "ticket__project"
    list_display = ["ticket", "phase", "name", "type", "revision", "size", "commit", "by", since("at")]
    list_filter = [("type", RecentValuesFilter), PhaseFilter, ("at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "name", "=blob__hash", "=commit"]
    list_select_related = ["ticket", "blob"]
    ordering = ["-id"]

    def view_on_site(self, artifact: Artifact) -> str:
        """Its page, which shows its content and its revisions."""
        return reverse("artifact", args=[artifact.ticket.key, artifact.pk])

    @admin.display(ordering="blob__size")
    def size(self, artifact: Artifact) -> str:
        return filesizeformat(artifact.blob.size)


@admin.register(Blob)
class BlobAdmin(ReadOnlyModelAdmin):
    internal = True
    list_display = ["hash", "size", "kept_in"]
    list_filter = [SizeFilter]
    search_fields = ["hash__startswith"]
    ordering = ["hash"]

    @admin.display(ordering="location")
    def kept_in(self, blob: Blob) -> str:
        return "a file" if blob.location else "the database"


@admin.register(Chunk)
class ChunkAdmin(ReadOnlyModelAdmin):
    internal = True
    hidden = ["data"]
    list_display = ["blob", "number"]
    list_filter = [SizeOfBlobFilter]
    search_fields = ["=blob__hash"]
    list_select_related = ["blob"]
    ordering = ["-id"]


@admin.register(CheckRun)
class CheckRunAdmin(ReadOnlyModelAdmin):
    inside, internal = "ticket__project", True
    list_display = ["ticket", "phase", "name", "shown_answer", "worker", since("asked_at")]
    list_filter = [PhaseFilter, ("asked_at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=worker"]
    list_select_related = ["ticket"]
    ordering = ["-id"]

    @admin.display(description="answer")
    def shown_answer(self, run: CheckRun) -> str:
        if run.reasons is None:
            return badge("not answered", "neutral")
        return badge("passed", "ok") if run.passed else badge("refused", "bad")


@admin.register(Verdict)
class VerdictAdmin(ReadOnlyModelAdmin):
    inside = "ticket__project"
    list_display = ["ticket", "phase", "shown_passed", "by", since("at")]
    list_filter = ["passed", PhaseFilter, ("at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=by"]
    list_select_related = ["ticket"]
    ordering = ["-id"]

    @admin.display(description="verdict", ordering="passed")
    def shown_passed(self, verdict: Verdict) -> str:
        return badge("passed", "ok") if verdict.passed else badge("failed", "bad")


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyModelAdmin):
    inside = "ticket__project"
    list_display = ["ticket", "phase", "shown_decision", "by", "role", "self_approved", "reason", since("at")]
    list_filter = ["decision", "self_approved", PhaseFilter, ("at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=by"]
    list_select_related = ["ticket"]
    ordering = ["-id"]

    @admin.display(description="decision", ordering="decision")
    def shown_decision(self, approval: Approval) -> str:
        return badge(approval.get_decision_display().lower(), "ok" if approval.approves else "bad")
