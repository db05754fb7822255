"""The pages of templates: the form with which a ticket is opened of one, and the form of one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from omoi_site.errors import OmoiError
from omoi_site.field_limits import VERSION_DIGITS, whole_number
from tickets.models import TemplateSpec, TicketTemplate
from tickets.pages.once import Made, new_token, once
from tickets.pages.patterns.fields import Fields
from tickets.pages.repositories import shown_project
from tickets.pages.schedules.schedule_form import OF_VARIABLE, values_in, variable_field
from tickets.pages.schedules.template_form import EXAMPLE, TemplateForm
from tickets.pages.schedules.views import SECTION, may_write, of_project, typed_in
from tickets.pages.views import arrive, form

DONE = {"remove": "{} is removed. Its tickets stay, and it can be put back.", "restore": "{} is back."}


@form
def template(request: HttpRequest, pk: int) -> HttpResponse:
    """A template, and the form that opens a ticket of it."""
    found = the_template(request, pk)
    typed = typed_in(request)
    fields = Fields([variable_field(each, OF_VARIABLE, {}) for each in found.declared], typed)
    refused, others = None, list[str]()

    def open_one() -> Made:
        given = values_in(fields, found.declared, OF_VARIABLE)
        ticket = TicketTemplate.objects.open(pk, given, by=request.user)
        return Made(f"{ticket.key} is open.", reverse("ticket", args=[ticket.key]))

    if typed is not None:
        try:
            return arrive(request, *once(request, open_one))
        except OmoiError as error:
            error.leave_trace()
            refused = error
            names = {f"variables.{each.name}": f"{OF_VARIABLE}{each.name}" for each in found.declared}
            others = fields.refused(error, names)
    context = {
        "template": found,
        "project": found.project,
        "tasks": found.task_specs,
        "schedules": found.schedules.filter(removed_at=None).order_by("pk")[:20],
        "fields": fields,
        "typed": typed is not None,
        "refused": refused,
        "others": others,
        "token": new_token(),
        "may": may_write(request, found.project),
        "section": SECTION,
    }
    return render(
        request, "tickets/schedules/template.html", context, status=refused.status if refused else 200
    )


@form
def new_template(request: HttpRequest) -> HttpResponse:
    project = shown_project(request)
    asked = TemplateForm(project, typed_in(request))

    def create() -> Made:
        spec = TemplateSpec(**asked.values())
        made = TicketTemplate.objects.create_template(project, spec, by=request.user)
        return Made(f"The template {made.name} is there.", reverse("template", args=[made.pk]))

    return _form(request, asked, lambda: once(request, create))


@form
def edit_template(request: HttpRequest, pk: int) -> HttpResponse:
    found = the_template(request, pk)
    asked = TemplateForm(found.project, typed_in(request), template=found)

    def edit() -> Made:
        version = whole_number(request.POST.get("version", ""), VERSION_DIGITS)
        TicketTemplate.objects.act(pk, "edit", by=request.user, version=version, **asked.values())
        return Made("The template is changed.", reverse("template", args=[pk]))

    return _form(request, asked, edit)


@never_cache
@login_required
@require_POST
def act(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """Remove one, or put it back."""
    found = the_template(request, pk)
    if name not in DONE:
        raise Http404("There is no such action.")
    try:
        TicketTemplate.objects.act(pk, name, by=request.user)
    except OmoiError as refused:
        messages.error(request, f"{refused.message}. {refused.next_action}".strip())
        return redirect("template", pk)
    messages.success(request, DONE[name].format(found.name))
    if name == "restore":
        return redirect("template", pk)
    return redirect(of_project(found.project))


def _form(request: HttpRequest, asked: TemplateForm, save: Any) -> HttpResponse:
    refused = None
    if asked.typed is not None:
        try:
            return arrive(request, *save())
        except OmoiError as error:
            error.leave_trace()
            refused = error
            asked.refuse(error)
    context = {
        "form": asked,
        "project": asked.project,
        "refused": refused,
        "example": EXAMPLE,
        "back": reverse("template", args=[asked.template.pk])
        if asked.template
        else of_project(asked.project),
        "token": new_token(),
        "may": may_write(request, asked.project),
        "section": SECTION,
    }
    status = refused.status if refused else 200
    return render(request, "tickets/schedules/template_form.html", context, status=status)


def the_template(request: HttpRequest, pk: int) -> TicketTemplate:
    seen = TicketTemplate.objects.seen_by(request.user).select_related("project")
    found: TicketTemplate = get_object_or_404(seen, pk=pk)
    return found
