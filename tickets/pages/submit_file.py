"""The form on which a person submits a file or a text as evidence."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from agents.models import rights
from omoi_site.errors import OmoiError
from tickets.models import Artifact, NewArtifact, Ticket
from tickets.pages.gate_checklist import READS
from tickets.pages.views import get_ticket
from tickets.pages.workflow_views import form


@form
def submit_file(request: HttpRequest, key: str) -> HttpResponse:
    """GET shows the form, with the types that the gate of the ticket's phase asks for; POST submits."""
    ticket = get_ticket(request, key)
    asked = request.POST if request.method == "POST" else request.GET
    typed = {name: asked.get(name, "") for name in ("type", "content", "commit")}
    types = asked_types(ticket)
    if request.method != "POST" and not typed["type"] and types:
        typed["type"] = types[0]
    refused = None
    if request.method == "POST":
        file = request.FILES.get("file")
        content = (
            cast("BinaryIO", file) if file else io.BytesIO(typed["content"].replace("\r\n", "\n").encode())
        )
        name = str(file.name)[-200:] if file and file.name else ""
        new = NewArtifact(typed["type"].strip(), content, name=name, commit=typed["commit"].strip())
        try:
            artifact = Artifact.objects.submit(ticket, new, by=request.user)
        except OmoiError as error:
            refused = error
        else:
            messages.success(request, f"{artifact.name} is submitted: revision {artifact.revision}")
            return redirect("ticket", ticket.key)
    context = {
        "ticket": ticket,
        "typed": typed,
        "refused": refused,
        "types": types,
        "may": "tickets:write" in rights.scopes(request.user, ticket.project),
        "section": "board",
    }
    return render(request, "tickets/new/file.html", context, status=refused.status if refused else 200)


def asked_types(ticket: Ticket) -> list[str]:
    """The types of artifacts that checks of its gate read."""
    gate: tuple[dict[str, Any], ...] = ticket.plan[ticket.phase].gate if ticket.phase in ticket.plan else ()
    found = [entry.get("type") or READS.get(entry["check"], "") for entry in gate]
    return list(dict.fromkeys(name for name in found if name))
