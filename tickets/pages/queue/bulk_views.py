"""Acts on many tasks: prepared from the list, confirmed, watched, stopped."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render

from agents.models import Event
from omoi_site.errors import Invalid, OmoiError
from omoi_site.field_limits import whole_number
from tickets.models import BulkAct
from tickets.models.queue.task_filter import TaskFilter
from tickets.pages.queue.bulk_page import BulkPage
from tickets.pages.views import form, is_part, page
from tickets.templatetags.projects import projects_of

SECTION = "tasks"
MOST_CHOSEN = 1_000  # tasks chosen one by one


@form
def prepare(request: HttpRequest) -> HttpResponse:
    """POST fixes which tasks are meant and leads to the page that asks to confirm; so does each repeat."""
    if request.method != "POST":
        return redirect("tasks:list")
    query = QueryDict(request.POST.get("query", "")[:4_000])
    try:
        asked = _asked(request, query)
        projects = projects_of(request)
        if asked.project:
            projects = [project for project in projects if project.key == asked.project]
        bulk = BulkAct.objects.prepare(request.POST.get("act", ""), asked, by=request.user, projects=projects)
    except OmoiError as refused:
        act = request.POST.get("act", "")
        none = request.POST.get("of") != "all" and not request.POST.getlist("task")
        context = {
            "refused": refused,
            "query": query.urlencode(),
            "act": act if none and act in BulkAct.Act.values else "",
            "section": SECTION,
        }
        return render(request, "tickets/queue/not_prepared.html", context, status=refused.status)
    return redirect("tasks:bulk", bulk.pk)


def _asked(request: HttpRequest, query: QueryDict) -> TaskFilter:
    if request.POST.get("of") == "all":
        return TaskFilter.read(query)
    chosen = sorted({pk for pk in map(whole_number, request.POST.getlist("task")) if pk is not None})
    if not chosen:
        raise Invalid("no task is chosen", next_action="Choose some in the list, or act on all that match.")
    if len(chosen) > MOST_CHOSEN:
        raise Invalid(f"at most {MOST_CHOSEN} tasks are chosen one by one", next_action="Use a filter.")
    return TaskFilter(ids=tuple(chosen))


@page
def bulk(request: HttpRequest, pk: int) -> HttpResponse:
    cursor = Event.objects.current_cursor()
    context = {"page": BulkPage(the_bulk(request, pk), request), "cursor": cursor, "section": SECTION}
    template = "tickets/queue/_bulk.html" if is_part(request) else "tickets/queue/bulk.html"
    return render(request, template, context)


@form
def act(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """POST `confirm` or `stop`."""
    found = the_bulk(request, pk)
    if request.method != "POST" or name not in ("confirm", "stop"):
        return redirect("tasks:bulk", pk)
    priority = request.POST.get("priority", "")
    try:
        if name == "confirm":
            BulkAct.objects.confirm(
                pk,
                by=request.user,
                reason=request.POST.get("reason", ""),
                priority=int(priority) if priority in ("0", "1", "2", "3") else None,
            )
        else:
            BulkAct.objects.stop(pk, by=request.user)
    except OmoiError as refused:
        refused.leave_trace()
        shown = BulkPage(BulkAct.objects.filter(pk=pk).first() or found, request, refused)
        context = {"page": shown, "section": SECTION}
        return render(request, "tickets/queue/bulk.html", context, status=refused.status)
    return redirect("tasks:bulk", pk)


def the_bulk(request: HttpRequest, pk: int) -> BulkAct:
    found = BulkAct.objects.seen_by(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such act. What is not confirmed within an hour is forgotten.")
    return found
