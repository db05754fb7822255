"""The account of whoever is signed in: their saved views, and whether single letters are shortcuts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from agents.models import Project, SavedView
from agents.models.account import set_single_letters
from agents.models.saved_view import PATHS, address_of
from omoi_site.errors import NotFound, OmoiError
from omoi_site.field_limits import whole_number
from tickets.pages.once import Made, new_token, once
from tickets.pages.views import arrive, form

LONGEST = 60  # characters of a name


@form
def account(request: HttpRequest) -> HttpResponse:
    refused, pk = None, 0
    if request.method == "POST":
        pk = whole_number(request.POST.get("view", "")) or 0
        try:
            messages.success(request, _change(request, pk))
        except OmoiError as error:
            refused = error
        else:
            return redirect("account")
    # what was refused stays in its field
    shown = {pk: request.POST.get("name", "")} if refused else {}
    views = [(view, shown.get(view.pk, view.name)) for view in SavedView.objects.of(request.user)]
    context = {
        "views": views,
        "projects": Project.objects.seen_by(request.user).order_by("key"),
        "refused": refused,
        "longest": LONGEST,
        "section": "account",
    }
    return render(request, "tickets/account/account.html", context, status=refused.status if refused else 200)


def _change(request: HttpRequest, pk: int) -> str:
    """What was changed, in a sentence."""
    match request.POST.get("act"):
        case "letters":
            allowed = "letters" in request.POST
            set_single_letters(request.user, allowed)
            return f"Single letters are {'shortcuts' if allowed else 'no shortcuts any more'}."
        case "rename":
            view = SavedView.objects.rename(pk, request.POST.get("name", ""), by=request.user)
            return f"The view is called {view.name}."
        case "remove":
            return f"{SavedView.objects.remove(pk, by=request.user)} was deleted."
    raise NotFound("there is no such act")


@form
def save_view(request: HttpRequest) -> HttpResponse:
    """A name for the list at the address `from`."""
    asked = request.POST if request.method == "POST" else request.GET
    path, query = _own_address(asked.get("from", "")[:10_000])
    refused = None
    name = asked.get("name", "")
    if request.method == "POST":
        try:
            return arrive(request, *once(request, lambda: _saved(name, path, query, request.user)))
        except OmoiError as error:
            refused = error
    context = {
        "from": address_of(path, query),
        "known": path in PATHS,
        "name": name,
        "longest": LONGEST,
        "refused": refused,
        "token": new_token(),
        "section": path.strip("/"),
    }
    return render(
        request, "tickets/account/save_view.html", context, status=refused.status if refused else 200
    )


def _own_address(text: str) -> tuple[str, str]:
    """Path and query; empty for what leads elsewhere, runs as a script, or is no address."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "", ""
    return ("", "") if parts.scheme or parts.netloc else (parts.path, parts.query)


def _saved(name: str, path: str, query: str, by: Any) -> Made:
    view = SavedView.objects.keep(name, path, query, by=by)
    return Made(f"{view.name} is saved.", view.address)
