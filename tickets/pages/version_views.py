"""Tickets of a workflow change their version on a page of their own."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from omoi_site.errors import OmoiError
from tickets.models.ticket.version_batch import TOGETHER, follow_each
from tickets.pages.version_page import Result, VersionPage
from tickets.pages.views import form
from tickets.pages.workflow_views import version_of


@form
def workflow_tickets(request: HttpRequest, name: str) -> HttpResponse:
    """GET lists the open tickets on other versions, and says what would become of those that are chosen.
    POST changes these.
    """
    asked = request.POST if request.method == "POST" else request.GET
    target = version_of(name, asked.get("to", ""))
    page = VersionPage(request.user, target, asked.get("project", ""), asked.getlist("ticket"))
    context = {"page": page, "together": TOGETHER, "section": "workflows"}
    if request.method != "POST":
        return render(request, "tickets/workflows/tickets.html", context)
    reason = request.POST.get("reason", "")
    try:
        done = follow_each(page.chosen, target, by=request.user, reason=reason)
    except OmoiError as refused:
        context |= {"refused": refused, "reason": reason}
        return render(request, "tickets/workflows/tickets.html", context, status=refused.status)
    context |= {"results": [Result(one) for one in done], "posted": True}
    return render(request, "tickets/workflows/tickets.html", context)
