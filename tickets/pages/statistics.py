"""The page of a workflow's statistics."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from omoi_site.errors import NotFound
from tickets.models.workflow_statistics import DAYS, statistics
from tickets.pages.views import page

WINDOWS = (7, 30, DAYS, 365)  # days


@page
def workflow_statistics(request: HttpRequest, name: str) -> HttpResponse:
    asked = request.GET.get("days", "")
    days = next((window for window in WINDOWS if str(window) == asked), DAYS)
    try:
        [found] = statistics(name, by=request.user, days=days)
    except NotFound as error:
        raise Http404(error.message) from None
    context = {"found": found, "days": days, "windows": WINDOWS, "section": "workflows"}
    return render(request, "tickets/workflows/statistics.html", context)
