"""The pages of patterns: the library, one pattern, and the form that applies one to a ticket."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse

from agents.models import rights
from omoi_site.errors import NotFound, OmoiError
from omoi_site.humanize import counted
from tickets.models import PatternRun, Ticket
from tickets.models.coordination.pattern_run import KeyUsed
from tickets.models.ticket.transitions import WRITE
from tickets.pages.patterns import library
from tickets.pages.patterns.drawing import PatternDrawing, of_applied
from tickets.pages.patterns.form import PatternForm
from tickets.pages.patterns.library_form import DocumentForm, LibraryForm
from tickets.pages.patterns.part_form import PartForm
from tickets.pages.views import arrive, form, get_ticket, page

OWN = "document"  # the name of the form for a document of one's own


@page
def patterns(request: HttpRequest) -> HttpResponse:
    return render(request, "tickets/patterns/library.html", shelves())


@page
def pattern(request: HttpRequest, name: str) -> HttpResponse:
    context = {"listed": listed(name), "section": "patterns"}
    return render(request, "tickets/patterns/pattern.html", context)


@form
def choose(request: HttpRequest, key: str) -> HttpResponse:
    """The library, to choose what to apply to this ticket."""
    ticket = get_ticket(request, key)
    context = {**shelves(), "ticket": ticket, "may": may(request, ticket), "section": "board"}
    return render(request, "tickets/patterns/choose.html", context)


@form
def apply(request: HttpRequest, key: str, name: str) -> HttpResponse:
    """The form of one pattern. A post previews what it would add; one with `step=apply` adds it."""
    ticket = get_ticket(request, key)
    chosen = None if name == OWN else listed(name)
    typed = request.POST if request.method == "POST" else None
    shown = form_of(ticket, chosen, typed)
    run = request.POST.get("key", "") or new_key()
    drawing, refused = None, None
    if typed is not None:
        try:
            if typed.get("step") == "apply":
                return applied(request, ticket, shown, run)
            drawing = of_applied(PatternRun.objects.preview(ticket, shown.request(run), by=request.user))
        except OmoiError as error:
            refused = error
            shown.refuse(error)
            if isinstance(error, KeyUsed):  # this form was applied with other values: it begins anew
                run = new_key()
    return answer(request, Answer(ticket, chosen, shown, run, drawing, refused))


class Answer:
    """What the page of the form shows. `run`: the key of what it applies."""

    def __init__(
        self,
        ticket: Ticket,
        chosen: library.Listed | None,
        form: PatternForm,
        run: str,
        drawing: PatternDrawing | None,
        refused: OmoiError | None,
    ) -> None:
        self.ticket, self.chosen, self.form = ticket, chosen, form
        self.run, self.drawing, self.refused = run, drawing, refused

    @property
    def title(self) -> str:
        return self.chosen.title if self.chosen else "A document of your own"

    @property
    def again(self) -> bool:
        """Whether the form was applied before with other values."""
        return isinstance(self.refused, KeyUsed)


def applied(request: HttpRequest, ticket: Ticket, shown: PatternForm, run: str) -> HttpResponse:
    made, new = PatternRun.objects.apply(ticket, shown.request(run), by=request.user)
    count = counted(len(made.tasks), "task")
    sentence = (
        f"{made.pattern} added {count} to {ticket.key}."
        if new
        else f"{made.pattern} was applied already, so nothing was added twice."
    )
    return arrive(request, sentence, f"{reverse('ticket', args=[ticket.key])}?view=graph#tasks-title")


def answer(request: HttpRequest, shown: Answer) -> HttpResponse:
    context = {
        "ticket": shown.ticket,
        "page": shown,
        "may": may(request, shown.ticket),
        "refused": shown.refused,
        "section": "board",
    }
    status = shown.refused.status if shown.refused else 200
    return render(request, "tickets/patterns/apply.html", context, status=status)


def form_of(ticket: Ticket, listed: library.Listed | None, typed: QueryDict | None) -> PatternForm:
    """The form of a pattern of the library; without one, that of a document of one's own."""
    if listed is None:
        return DocumentForm(ticket, typed)
    if listed.part:
        return PartForm(ticket, typed, listed.name)
    return LibraryForm(ticket, typed, listed.pattern, listed.name)


def shelves() -> dict[str, Any]:
    return {"shipped": library.shipped(), "parts": library.parts(), "section": "patterns"}


def listed(name: str) -> library.Listed:
    try:
        return library.listed(name)
    except NotFound as error:
        raise Http404(error.message) from None


def may(request: HttpRequest, ticket: Ticket) -> bool:
    return WRITE in rights.scopes(request.user, ticket.project)


def new_key() -> str:
    return f"page-{uuid4().hex[:16]}"
