"""The page that adds a task to a ticket."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from agents.models import rights
from omoi_site.errors import OmoiError
from tickets.models import Task, Ticket
from tickets.models.ticket.past_phases import PhaseLeft, phase_left
from tickets.models.ticket.transitions import WRITE
from tickets.pages.new_task_form import NewTaskForm
from tickets.pages.once import Made, new_token, once
from tickets.pages.views import arrive, form, get_ticket

FIRST = ("title", "description", "phase", "capabilities", "need_0")  # what an address may fill in


@form
def new_task(request: HttpRequest, key: str) -> HttpResponse:
    ticket = get_ticket(request, key)
    sent = request.POST if request.method == "POST" else None
    first = {name: request.GET.get(name, "") for name in FIRST if name in request.GET}
    typed = NewTaskForm(ticket, sent, initial=first)
    refused: OmoiError | None = None
    if sent is not None and typed.is_valid():
        try:
            return arrive(request, *once(request, lambda: _added(ticket, typed, request.user)))
        except OmoiError as error:
            refused = typed.place(error)
    context = {
        "form": typed,
        "refused": refused,
        "token": new_token(),
        "ticket": ticket,
        "over": over(ticket),
        "may": WRITE in rights.scopes(request.user, ticket.project),
        "section": "board",
    }
    status = typed.status if refused or typed.errors else 200
    return render(request, "tickets/new/task.html", context, status=status)


def over(ticket: Ticket) -> PhaseLeft | None:
    """Why the ticket takes no more tasks."""
    return phase_left(ticket, ticket.phase, ticket.effective_phase, ticket.effective_phase)


def _added(ticket: Ticket, typed: NewTaskForm, by: Any) -> Made:
    [task] = Task.objects.add(ticket, [typed.spec], by=by)
    address = f"{reverse('ticket', args=[ticket.key])}?task={task.pk}#task-{task.pk}"
    return Made(f"{task.key} was added.", address)
