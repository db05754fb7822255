"""A filter by the projects that the viewer may see."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from agents.models import (
    Project,
)


class OwnProjects(admin.RelatedFieldListFilter):
    """Lists only projects in which the viewer is a member."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        return list(Project.objects.seen_by(request.user).order_by("key").values_list("pk", "key")[:200])
