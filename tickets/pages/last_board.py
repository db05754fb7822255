"""The board that a person opened last, in a cookie: which filters it had, for the tickets opened from it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, QueryDict

from agents.models import Project
from tickets.pages.board_query import BoardQuery

COOKIE = "board_view"
LONGEST = 1_500  # bytes
KEPT = ("project", "q", "priority", "label", "state", "view", "open", "fold")


def remember(request: HttpRequest, answer: HttpResponse, project: Project) -> None:
    query = request.GET.copy()
    query["project"] = project.key
    for name in [name for name in query if name not in KEPT or not any(query.getlist(name))]:
        query.pop(name)
    text = query.urlencode()
    if len(text) <= LONGEST and text != request.COOKIES.get(COOKIE):
        answer.set_cookie(COOKIE, text, httponly=True, secure=request.is_secure(), samesite="Lax")


def last_query(request: HttpRequest, project: Project) -> BoardQuery:
    """What the board that was opened last asked for; if it was that of another project, everything."""
    query = QueryDict(request.COOKIES.get(COOKIE, "")[:LONGEST])
    return BoardQuery.from_address(query if query.get("project") == project.key else QueryDict())
