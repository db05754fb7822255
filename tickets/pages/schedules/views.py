"""The pages of schedules: those of a project, one with its runs, and the form of one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from agents.models import Event, Project, rights
from omoi_site.errors import OmoiError
from omoi_site.field_limits import VERSION_DIGITS, whole_number
from tickets.models import Schedule, ScheduleRun, TicketTemplate
from tickets.models.schedule.cron_line import CronLine
from tickets.models.ticket.transitions import WRITE
from tickets.pages.once import Made, new_token, once
from tickets.pages.repositories import shown_project
from tickets.pages.schedules.rows import RunRow, rows_of, times
from tickets.pages.schedules.schedule_form import ScheduleForm
from tickets.pages.views import arrive, form, is_part, page
from tickets.templatetags.projects import projects_of

PAGE = 50  # runs of a schedule
SECTION = "schedules"
DONE = {
    "enable": "It opens tickets again.",
    "disable": "It opens nothing until it is switched on.",
    "remove": "The schedule is removed. Its runs stay here, and it can be put back.",
    "restore": "The schedule is back.",
}


@page
def schedules(request: HttpRequest) -> HttpResponse:
    """The schedules and the templates of a project."""
    if not (request.GET.get("project") or projects_of(request)):
        return render(request, "tickets/no_project.html", {"title": "Schedules", "section": SECTION})
    project = shown_project(request)
    cursor = Event.objects.current_cursor()  # before the data, so that no change is missed
    removed = request.GET.get("view") == "removed"
    rows = Schedule.objects.filter(project=project, removed_at__isnull=not removed)
    templates = TicketTemplate.objects.filter(project=project, removed_at__isnull=not removed)
    context = {
        "project": project,
        "projects": projects_of(request),
        "rows": rows_of(list(rows.select_related("project", "template").order_by("pk")), now()),
        "templates": list(templates.order_by("name")),
        "removed": removed,
        "may": may_write(request, project),
        "section": SECTION,
        "cursor": cursor,
        "address": f"{of_project(project)}{'&view=removed' if removed else ''}",
    }
    template = "_schedules.html" if is_part(request) else "schedules.html"
    return render(request, f"tickets/schedules/{template}", context)


@page
def schedule(request: HttpRequest, pk: int) -> HttpResponse:
    return _shown(request, the_schedule(request, pk))


@never_cache
@login_required
@require_POST
def act(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """Switch one on or off, run it now, remove it or put it back."""
    found = the_schedule(request, pk)
    here = reverse("schedule", args=[pk])
    try:
        if name == "run":
            return arrive(request, *once(request, lambda: _ran(pk, here, request.user)))
        if name not in DONE:
            raise Http404("There is no such action.")
        Schedule.objects.act(pk, name, by=request.user)
    except OmoiError as refused:
        refused.leave_trace()
        return _shown(request, found, refused)
    messages.success(request, DONE[name])
    return redirect(here)


@form
def new_schedule(request: HttpRequest) -> HttpResponse:
    project = shown_project(request)
    asked = ScheduleForm(project, typed_in(request), template=request.GET.get("template", ""))

    def create() -> Made:
        made = Schedule.objects.create_schedule(project, asked.spec, by=request.user)
        return Made(f"{made.template.name} is opened by time from now on.", _address(made))

    return _form(request, asked, lambda: once(request, create))


@form
def edit_schedule(request: HttpRequest, pk: int) -> HttpResponse:
    found = the_schedule(request, pk)
    asked = ScheduleForm(found.project, typed_in(request), schedule=found)

    def edit() -> Made:
        version = whole_number(request.POST.get("version", ""), VERSION_DIGITS)
        Schedule.objects.act(pk, "edit", by=request.user, version=version, **asked.values())
        return Made("The schedule is changed.", _address(found))

    return _form(request, asked, edit)


def _form(request: HttpRequest, asked: ScheduleForm, save: Any) -> HttpResponse:
    """The form; a post shows when it would be due, one with `step=save` saves it."""
    refused, preview = None, None
    if asked.typed is not None:
        try:
            if asked.typed.get("step") == "save":
                return arrive(request, *save())
            values = asked.values()
            line = CronLine(values["cron"], values["timezone"])
            preview = {"words": line.words, "times": times(line, line.upcoming(now(), 5))}
        except OmoiError as error:
            error.leave_trace()
            refused = error
            asked.refuse(error)
    context = {
        "form": asked,
        "project": asked.project,
        "refused": refused,
        "preview": preview,
        "back": _address(asked.schedule) if asked.schedule else of_project(asked.project),
        "token": new_token(),
        "may": may_write(request, asked.project),
        "section": SECTION,
    }
    status = refused.status if refused else 200
    return render(request, "tickets/schedules/schedule_form.html", context, status=status)


def _shown(request: HttpRequest, found: Schedule, refused: OmoiError | None = None) -> HttpResponse:
    cursor = Event.objects.current_cursor()  # before the data, so that no change is missed
    before = whole_number(request.GET.get("before", ""))
    runs = found.runs.select_related("ticket").order_by("-due_at")
    if before is not None:
        runs = runs.filter(due_at__lt=found.runs.filter(pk=before).values("due_at")[:1])
    rows = [RunRow(run, found.line) for run in runs[: PAGE + 1]]
    [row] = rows_of([found], now())
    context = {
        "row": row,
        "schedule": found,
        "project": found.project,
        "owed": [RunRow(run, found.line) for run in found.runs.owed().order_by("due_at")[:5]],
        "runs": rows[:PAGE],
        "following": rows[PAGE - 1].run.pk if len(rows) > PAGE else None,
        "first": before is None,
        "refused": refused,
        "token": new_token(),
        "may": may_write(request, found.project),
        "section": SECTION,
        "cursor": cursor,
    }
    part = is_part(request) and request.method != "POST"
    template = "_schedule.html" if part else "schedule.html"
    status = refused.status if refused else 200
    return render(request, f"tickets/schedules/{template}", context, status=status)


def the_schedule(request: HttpRequest, pk: int) -> Schedule:
    seen = Schedule.objects.seen_by(request.user).select_related("project", "template")
    found: Schedule = get_object_or_404(seen, pk=pk)
    return found


def of_project(project: Project) -> str:
    """The address of its schedules."""
    return f"{reverse('schedules')}?project={project.key}"


def may_write(request: HttpRequest, project: Project) -> bool:
    return WRITE in rights.scopes(request.user, project)


def _ran(pk: int, here: str, by: Any) -> Made:
    run: ScheduleRun = Schedule.objects.run_now(pk, by=by)
    return Made(f"{run.ticket} is open.", here)


def _address(found: Schedule) -> str:
    return reverse("schedule", args=[found.pk])


def typed_in(request: HttpRequest) -> Any:
    """What was sent; None if the form is only looked at."""
    return request.POST if request.method == "POST" else None
