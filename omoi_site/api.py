"""REST under /api/v1/: the apps' routes, their document, and a problem document for everything else."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from agents.api.problems import PROBLEM, document
from omoi_site.errors import NotFound


def nowhere(request: HttpRequest, *_: Any) -> HttpResponse:
    """Every address under /api/ that is none of ours."""
    import json

    error = NotFound(f"there is no route {request.path}", next_action="/api/v1/docs/ lists every route.")
    return HttpResponse(json.dumps(document(error)), status=404, content_type=PROBLEM)


nowhere.csrf_exempt = True  # type: ignore[attr-defined]

urlpatterns = [
    path("v1/", include("tickets.api.urls")),
    path("v1/", include("agents.api.urls")),
    path("v1/schema/", SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]), name="schema"),
    path("v1/docs/", SpectacularSwaggerView.as_view(authentication_classes=[], permission_classes=[]), name="docs"),
    re_path(r"", nowhere),
]
