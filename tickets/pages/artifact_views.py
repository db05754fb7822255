"""The pages of artifacts: one with its preview and revisions, and the comparison of two."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from agents.models import Event
from tickets.api.content import inert
from tickets.api.fields import number
from tickets.models import Artifact, Ticket
from tickets.models.gate.blob import Damaged
from tickets.pages.artifact_page import ArtifactPage, Comparison
from tickets.pages.previews import picture
from tickets.pages.views import get_ticket, is_part, page


def get_artifact(ticket: Ticket, pk: int) -> Artifact:
    artifacts = ticket.artifacts.select_related("blob", "task")
    return get_object_or_404(artifacts, pk=pk)


@page
def artifact(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """`?view=source`: a text as it is. The live part is what is known about it: its content never changes."""
    cursor = Event.objects.current_cursor()
    ticket = get_ticket(request, key)
    context = {
        "ticket": ticket,
        "page": ArtifactPage(ticket, get_artifact(ticket, pk), plain=request.GET.get("view") == "source"),
        "cursor": cursor,
        "section": "board",
    }
    template = "_about" if is_part(request) else "artifact"
    return render(request, f"tickets/artifacts/{template}.html", context)


@page
def compare(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """`?with=`: the id of the artifact it is compared with, by default the revision before it."""
    ticket = get_ticket(request, key)
    one = ArtifactPage(ticket, get_artifact(ticket, pk))
    chosen = request.GET.get("with", "")
    other = get_artifact(ticket, number(chosen)) if chosen else one.before
    if other is None:
        raise Http404("There is no earlier revision to compare it with.")
    context = {
        "ticket": ticket,
        "page": one,
        "section": "board",
    }
    try:
        context["comparison"] = Comparison(other, one.artifact)
    except Damaged as error:
        context["damaged"] = error
    return render(request, "tickets/artifacts/compare.html", context)


@cache_control(private=True, no_cache=True)
@require_safe
@login_required
def show_picture(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """A picture, under the type that its content has, for the page that shows it."""
    artifact = get_artifact(get_ticket(request, key), pk)
    if artifact.blob.size > picture.LARGEST:
        raise Http404("It is too large to be shown.")
    content = artifact.blob.head(picture.LARGEST)
    try:
        kind = picture.picture(content).content_type
    except picture.Unshowable as why:
        raise Http404(str(why)) from why
    return HttpResponse(content, content_type=kind, headers=inert("inline", artifact))
