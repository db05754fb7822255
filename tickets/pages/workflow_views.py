"""The pages of workflows: the list, one workflow with its editor, a new one, and the gate checks."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from agents.models import Event
from omoi_site.errors import OmoiError, VersionConflict
from omoi_site.field_limits import VERSION_DIGITS, whole_number
from tickets.gates import catalogue, plugins
from tickets.models import Workflow
from tickets.models.workflow_preview import preview
from tickets.pages.views import form, is_part, page
from tickets.pages.workflow_answer import Answer
from tickets.pages.workflow_list import WorkflowList
from tickets.pages.workflow_page import EXAMPLE, WorkflowPage, copy_of, may_edit


@page
def workflows(request: HttpRequest) -> HttpResponse:
    context = {
        "cursor": Event.objects.current_cursor(),  # before the data, so that no change is missed
        "page": WorkflowList(request.user),
        "may_edit": may_edit(request.user),
        "section": "workflows",
    }
    template = "_workflows.html" if is_part(request) else "workflows.html"
    return render(request, f"tickets/workflows/{template}", context)


@page
def checks(request: HttpRequest) -> HttpResponse:
    context = {"checks": catalogue.documents(), "left_out": plugins.faults, "section": "workflows"}
    return render(request, "tickets/workflows/checks.html", context)


@form
def workflow(request: HttpRequest, name: str) -> HttpResponse:
    """One version of a workflow: the one in force in an editor, an earlier one to read. `base`: the version
    with which the author of the text in an open editor began.
    """
    cursor, asked = Event.objects.current_cursor(), request.GET  # before the data: no change is missed
    shown = version_of(name, asked.get("version", ""))
    if request.method == "POST":
        return save(request, name, shown, cursor)
    begun = asked.get("from", "")
    typed = version_of(name, begun).text if begun else None
    base = number(asked.get("base", "")) or None
    page = WorkflowPage(request.user, name, shown, typed, base, asked.get("version", ""))
    return answer(request, page, cursor=cursor)


@form
def new_workflow(request: HttpRequest) -> HttpResponse:
    """A workflow of one's own: a simple one to begin with, an example of every part, or a copy of another."""
    if request.method == "POST":
        return save(request, "", None)
    typed = started_from(request.GET.get("from", ""))
    return answer(request, WorkflowPage(request.user, "", None, typed))


@form
def check_workflow(request: HttpRequest) -> HttpResponse:
    """What the validator says to a text: parts of the page, for its script."""
    if request.method != "POST":
        raise Http404("This is for the script of the page.")
    name, base = request.POST.get("name", ""), number(request.POST.get("version", ""))
    try:
        said = preview(request.POST.get("text", ""), name=name, by=request.user)
    except OmoiError as refused:
        return HttpResponse(refused.message, status=refused.status, content_type="text/plain; charset=utf-8")
    given = Answer(said, base)
    return render(request, "tickets/workflows/_answer.html", {"answer": given, "newer": given.newer})


def save(request: HttpRequest, name: str, shown: Workflow | None, cursor: str = "") -> HttpResponse:
    """Save the text as the next version. If that is refused, the text stays in the editor."""
    text = request.POST.get("text", "").replace("\r\n", "\n")
    base = number(request.POST.get("version", ""))
    try:
        stored = Workflow.objects.install(text, name=name, version=base, by=request.user)
    except VersionConflict as refused:  # from now on it follows the newer version, which is shown beside it
        return answer(request, WorkflowPage(request.user, name, shown, text), refused, cursor)
    except OmoiError as refused:
        return answer(request, WorkflowPage(request.user, name, shown, text, base), refused, cursor)
    said = (
        f"Version {base} says the same already, so nothing was saved."
        if stored.version == base
        else f"Version {stored.version} is in force: new tickets follow it."
    )
    list(messages.get_messages(request))  # those of a save whose answer was lost
    messages.success(request, said)
    return redirect("workflow", stored.name)


def answer(
    request: HttpRequest, shown: WorkflowPage, refused: OmoiError | None = None, cursor: str = ""
) -> HttpResponse:
    live = is_part(request) and request.method != "POST"  # what somebody writes is not asked for
    context = {
        "cursor": cursor,
        "page": shown,
        "live": live,
        "answer": None if live else shown.answer,
        "newer": shown.newer,
        "refused": refused,
        "outdated": isinstance(refused, VersionConflict),
        "section": "workflows",
    }
    status = refused.status if refused else 200
    template = "_workflow.html" if live else "workflow.html"
    return render(request, f"tickets/workflows/{template}", context, status=status)


def version_of(name: str, version: str = "") -> Workflow:
    """A version of a workflow, without a number the one in force. Raises Http404."""
    wanted = Workflow.objects.named(name).order_by("-version")
    found = (wanted.filter(version=number(version)) if version else wanted).first()
    if found is None:
        raise Http404(f"There is no workflow {name}{f' in version {version}' if version else ''}.")
    return found


def number(text: str) -> int:
    """The number of a version; 0 for a text that is none."""
    return whole_number(text, VERSION_DIGITS) or 0


def started_from(name: str) -> str | None:
    """The text that a new workflow begins with: that of the example, or of another workflow."""
    if name == "example":
        return copy_of(EXAMPLE.read_text(), "my_workflow")
    return copy_of(version_of(name).text, f"{name}_copy") if name else None
