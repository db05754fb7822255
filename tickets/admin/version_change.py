"""The action on tickets that leads to the page on which they change their version, with its preview."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from omoi_site.admin_base import OmoiModelAdmin
from tickets.models import Ticket, Workflow
from tickets.models.ticket.version_batch import TOGETHER


@admin.action(description="Change the version of their workflow", permissions=["act"])
def change_version(
    model_admin: OmoiModelAdmin, request: HttpRequest, tickets: QuerySet[Ticket]
) -> HttpResponse | None:
    """Preview them on the newest version of their workflow. Nothing is changed before that page is sent."""
    chosen = list(tickets.order_by("id").values_list("workflow__name", "key")[: TOGETHER + 1])
    names = sorted({name for name, _ in chosen})
    if wrong := _wrong(names, len(chosen)):
        model_admin.message_user(request, wrong, messages.WARNING)
        return None
    [name] = names
    newest = Workflow.objects.latest_of(name).version
    asked = urlencode([("to", newest), *(("ticket", key) for _, key in chosen)])
    return redirect(f"{reverse('workflow_tickets', args=[name])}?{asked}")


def _wrong(workflows: Sequence[str], tickets: int) -> str:
    """Why these tickets cannot be previewed together; empty if they can."""
    if not tickets:  # they have changed, so that a filter of the list leaves them out now
        return "The chosen tickets are not in this list any more. Choose again."
    if len(workflows) > 1:
        return f"These tickets follow {' and '.join(workflows)}. Choose those of one workflow."
    if tickets > TOGETHER:
        return f"At most {TOGETHER} tickets change their version together. Choose fewer."
    return ""
