"""The list of tasks and the page of one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header

from agents.models import Event
from tickets.models.output.task_output import TaskOutput
from tickets.pages.queue.queue_list import QueueList, task_of
from tickets.pages.queue.task_page import TaskPage, claim_in
from tickets.pages.views import is_part, page

SECTION = "tasks"


@page
def task_list(request: HttpRequest) -> HttpResponse:
    cursor = Event.objects.current_cursor()  # read the cursor before the data, so that no change is missed
    shown = QueueList(request)
    context = {"page": shown, "cursor": cursor, "section": SECTION}
    if not shown.projects:
        return render(request, "tickets/no_project.html", {**context, "title": "Tasks"})
    template = "tickets/queue/_list.html" if is_part(request) else "tickets/queue/list.html"
    answer = render(request, template, context)
    if is_part(request) and "filter" in request.GET:
        answer["HX-Push-Url"] = shown.address
    return answer


@page
def task(request: HttpRequest, key: str) -> HttpResponse:
    """`?claim=`: the fence of the one whose output is shown; `?earlier=1`: all that is kept of it;
    `?part=output`: only that.
    """
    cursor = Event.objects.current_cursor()
    found = task_of(key, by=request.user)
    if found is None:
        context = {"key": key[:60], "section": SECTION}
        return render(request, "tickets/queue/gone.html", context, status=404)
    if key != found.key:
        return redirect(f"{reverse('tasks:detail', args=[found.key])}?{request.GET.urlencode()}".rstrip("?"))
    shown: dict[str, Any] = {
        "page": TaskPage(found, request),
        "ticket": found.ticket,
        "cursor": cursor,
        "section": SECTION,
    }
    if not is_part(request):
        return render(request, "tickets/queue/task.html", shown)
    part = "_output" if request.GET.get("part") == "output" else "_task_page"
    return render(request, f"tickets/queue/{part}.html", shown)


@page
def output(request: HttpRequest, key: str) -> HttpResponse:
    """What is kept of the output of an attempt, as it came: a text to download."""
    found = task_of(key, by=request.user)
    kept = TaskOutput.objects.of(found, fence=claim_in(request.GET)) if found else None
    if found is None or kept is None:
        context = {"key": key[:60], "section": SECTION}
        return render(request, "tickets/queue/gone.html", context, status=404)
    name = f"{found.key}-attempt-{kept.attempt}.log"
    return HttpResponse(
        kept.whole_text(),
        content_type="text/plain; charset=utf-8",
        headers={
            "Content-Disposition": content_disposition_header(True, name) or "attachment",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )
