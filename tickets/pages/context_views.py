"""The pages of a ticket's context: what it hands over, with forms that need no script; versions compared."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST
from django.views.decorators.vary import vary_on_headers

from agents.models import Event
from omoi_site import humanize
from omoi_site.errors import OmoiError
from tickets.api.fields import number
from tickets.models import ContextNote, PhaseContext, Ticket
from tickets.pages.context_page import ContextComparison, ContextPage
from tickets.pages.views import form, get_ticket, is_part, page

LONGEST = 20_000  # characters of a form that are kept to be corrected
LISTED = 200  # versions that can be chosen


@form
@vary_on_headers("HX-Request")
def context(request: HttpRequest, key: str) -> HttpResponse:
    """What phases hand over; POST adds a decision, a risk or a note."""
    if request.method != "POST":
        return _shown(request, key)
    ticket = get_ticket(request, key)
    typed = {name: request.POST.get(name, "")[:LONGEST] for name in ("kind", "text", "phase")}
    kind = typed["kind"] if typed["kind"] in ContextNote.Kind.values else "note"
    try:
        [note] = ContextNote.objects.add(ticket, typed["phase"], {kind: [typed["text"]]}, by=request.user)
    except OmoiError as refused:
        return _shown(request, key, refused, typed)
    phase = humanize.phase(note.phase)
    messages.success(request, f"The {note.kind} stands. Claims of {phase} and of all later phases get it.")
    return redirect(f"{_address(ticket)}#note-{note.pk}")


@require_POST
@form
def withdraw(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    ticket = get_ticket(request, key)
    reason = request.POST.get("reason", "")[:LONGEST]
    try:
        note = ContextNote.objects.withdraw(ticket, pk, by=request.user, reason=reason)
    except OmoiError as refused:
        return _shown(request, key, refused, {"withdraw": str(pk), "reason": reason})
    messages.success(request, f"The {note.kind} is withdrawn. Claims get it no more.")
    return redirect(_address(ticket))


@page
def compare(request: HttpRequest, key: str) -> HttpResponse:
    """`?phase=&old=&new=`: two versions of a phase, by default the newest and the one before it."""
    ticket, phase = get_ticket(request, key), request.GET.get("phase", "")
    of_phase = PhaseContext.objects.filter(ticket=ticket, phase=phase.replace("\x00", "?"))
    listed = list(of_phase.defer("content").order_by("-number")[:LISTED])
    if not listed:
        raise Http404("There is no version of this phase.")
    newest = listed[0].number
    wanted = [
        number(request.GET.get("old", "")) if "old" in request.GET else max(newest - 1, 1),
        number(request.GET.get("new", "")) if "new" in request.GET else newest,
    ]
    found = {version.number: version for version in of_phase.filter(number__in=wanted)}
    if not found.keys() >= set(wanted):
        raise Http404("There is no such version of this phase.")
    comparison = ContextComparison(found[wanted[0]], found[wanted[1]], listed)
    what = {"ticket": ticket, "phase": phase, "comparison": comparison, "section": "board"}
    return render(request, "tickets/context/compare.html", what)


def _shown(
    request: HttpRequest, key: str, refused: OmoiError | None = None, typed: dict[str, str] | None = None
) -> HttpResponse:
    cursor = Event.objects.current_cursor()  # before the data, so that no change is missed
    ticket = get_ticket(request, key)
    what = {
        "ticket": ticket,
        "page": ContextPage(ticket, request.user, request.GET, refused, typed),
        "cursor": cursor,
        "section": "board",
    }
    part = is_part(request) and request.method != "POST"
    template = "_context.html" if part else "context.html"
    return render(request, f"tickets/context/{template}", what, status=refused.status if refused else 200)


def _address(ticket: Ticket) -> str:
    return reverse("context", args=[ticket.key])
