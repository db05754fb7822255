"""The pages of artifacts: the list and its form, one with its preview and revisions, two compared."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from agents.models import Event
from tickets.api.content import inert
from tickets.api.fields import number
from tickets.models import Artifact, Ticket
from tickets.models.gate.blob import Damaged
from tickets.pages.artifact_form import ArtifactForm, first_values
from tickets.pages.artifact_list import ArtifactList
from tickets.pages.artifact_page import ArtifactPage, Comparison
from tickets.pages.previews import picture
from tickets.pages.views import for_a_person, get_ticket, is_part, page


def get_artifact(ticket: Ticket, pk: int) -> Artifact:
    artifacts = ticket.artifacts.select_related("blob", "task")
    return get_object_or_404(artifacts, pk=pk)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@for_a_person
def artifacts(request: HttpRequest, key: str) -> HttpResponse:
    """The list, with the form for a new one. To the page's script, a POST answers 201 with the address of the
    ticket, or the form again.
    """
    cursor = Event.objects.current_cursor()
    ticket = get_ticket(request, key)
    if request.method == "POST":
        form = ArtifactForm(ticket, request.POST, request.FILES)
        if made := form.submit(by=request.user):
            messages.success(request, f"{made.name} is submitted: revision {made.revision}")
            address = reverse("ticket", args=[ticket.key])
            return (
                HttpResponse(status=201, headers={"Location": address})
                if is_part(request)
                else redirect(address)
            )
    else:
        form = ArtifactForm(ticket, initial=first_values(ticket, request.GET))
    context = {
        "ticket": ticket,
        "page": ArtifactList(ticket, request.user, request.GET),
        "form": form,
        "cursor": cursor,
        "section": "board",
    }
    name = ("_form" if request.method == "POST" else "_list") if is_part(request) else "list"
    return render(
        request, f"tickets/artifacts/{name}.html", context, status=form.status if form.errors else 200
    )


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
    try:
        content = artifact.blob.head(picture.LARGEST)
        kind = picture.picture(content).content_type
    except (picture.Unshowable, Damaged) as why:
        raise Http404(str(why)) from why
    return HttpResponse(content, content_type=kind, headers=inert("inline", artifact))
