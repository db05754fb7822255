"""The base of all API views: permissions, idempotency and errors."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn, cast

from django.http import HttpResponse
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.api.idempotency import once
from agents.models import Agent, Project, rights
from omoi_site import field_limits
from omoi_site.errors import Forbidden, Malformed, NotFound, OmoiError
from omoi_site.serving.wsgi_bridge import ADMISSION
from omoi_site.serving.wsgi_call import LOOKS

log = logging.getLogger(__name__)
READS = {"GET", "HEAD", "OPTIONS"}


class View(APIView):
    """A route. A change needs the scope `scope`; reading needs only membership of the project."""

    scope: ClassVar[str] = ""
    stores: ClassVar[bool] = (
        True  # store answers for Idempotency-Key; not needed where a fence makes the act idempotent
    )
    secret: ClassVar[bool] = False  # the answer contains a secret, so it is stored encrypted

    def needed(self, method: str | None) -> str:
        return "" if method in READS else self.scope

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self.args, self.kwargs = args, kwargs
        if ADMISSION in request.META:
            request._dont_enforce_csrf_checks = True  # the CSRF token may be in the body, and is checked then
        drf_request = self.initialize_request(request, *args, **kwargs)
        self.request = drf_request
        self.headers: dict[str, str] = {}
        response: HttpResponse | Response
        try:
            self.initial(drf_request, *args, **kwargs)
            if any("\0" in str(part) for part in kwargs.values()):  # the database takes no such text
                raise NotFound("nothing has a name with a NUL character")
            method = (drf_request.method or "").lower()
            act = (
                getattr(self, method, self.http_method_not_allowed)
                if method in self.http_method_names
                else self.http_method_not_allowed
            )
            if ADMISSION in request.META and act != self.http_method_not_allowed:
                response = HttpResponse(status=204, headers={"X-Principal": principal(drf_request.user)})
            elif drf_request.method in READS or not self.stores:
                response = act(drf_request, *args, **kwargs)
            else:
                response = once(drf_request, lambda: act(drf_request, *args, **kwargs), secret=self.secret)
        except Exception as error:
            if isinstance(error, OmoiError):
                _leave_trace(error)
            response = self.handle_exception(error)
        self.response = self.finalize_response(drf_request, cast("Response", response), *args, **kwargs)
        if self.secret:
            self.response["Cache-Control"] = "no-store"
        return self.response

    # -- helpers for routes

    def project(self, key: str) -> Project:
        """The project, if the caller sees it. What they may do there is for the verb to check."""
        row = (
            Project.objects.seen_by(self.request.user).filter(key=key.upper()).first()
            if key.isalnum()
            else None
        )
        if row is None:
            raise NotFound(f"there is no project {key}, or you are not a member of it")
        self.note_seen(row)
        return row

    def project_ids(self, key: str = "") -> list[int]:
        """The ids of that project, or of all that the caller sees."""
        if key:
            return [self.project(key).pk]
        return list(Project.objects.seen_by(self.request.user).values_list("pk", flat=True))

    def missing(self, key: str) -> NoReturn:
        """Refuse a project that a statement did not find among those the caller sees."""
        self.project(key)
        raise NotFound(f"there is no project {key}, or you are not a member of it any more")

    def note_seen(self, project: Project) -> None:
        """Remember that the answer is for somebody who sees this project."""
        rights.note_used(self.request.user, "", project.key)

    def agent(self) -> Agent:
        """The agent that sent the request. Raises Forbidden for people: they hold no claims."""
        if not isinstance(self.request.user, Agent):
            raise Forbidden(
                "only an agent can do this: send the key of an agent",
                next_action="Create one with `python3 manage.py keys create --agent NAME`.",
            )
        return self.request.user

    def nothing_yet(self, seconds: float, wait_keys: Callable[[], Sequence[str]]) -> Response:
        """Answer 204 after a wait: the view runs again whenever one of these queues is woken. If the server
        cannot wait, the answer comes at once.
        """
        if not seconds or LOOKS not in self.request.META:
            return Response(status=204)
        return Response(status=204, headers=wait(self.request.user, wait_keys(), seconds))

    def matched(self) -> int | None:
        """The version in If-Match, for the verb to check; None if the caller accepts any version."""
        wanted = self.request.META.get("HTTP_IF_MATCH", "").strip()
        if not wanted or wanted == "*":
            return None
        text = wanted.removeprefix("W/").strip('"')
        found = field_limits.whole_number(text, field_limits.VERSION_DIGITS)
        return -1 if found is None else found


def wait(who: Any, keys: Sequence[str], seconds: float) -> dict[str, str]:
    """The headers of an empty answer with which the server lets the client wait in these queues. They are not
    sent.
    """
    return {"X-Wait": " ".join([*keys, str(seconds)]), "X-Principal": principal(who)}


def principal(who: Any) -> str:
    """The principal that requests are counted for, whichever key was used."""
    return f"{'agent' if isinstance(who, Agent) else 'user'}:{who.pk}"


def _leave_trace(refusal: OmoiError) -> None:
    try:
        refusal.leave_trace()
    except Exception:
        log.exception("a refusal could not be recorded in the journal")


def tagged(data: Any, version: int, status: int = 200) -> Response:
    """An answer with its version as the ETag."""
    return Response(data, status=status, headers={"ETag": f'"{version}"'})


def written(position: Any) -> str:
    """An opaque cursor for clients."""
    return base64.urlsafe_b64encode(str(position).encode()).decode().rstrip("=")


def reading(cursor: str) -> str:
    try:
        position = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
    except ValueError as error:
        raise Malformed("this cursor is not valid") from error
    if "\0" in position:
        raise Malformed("this cursor is not valid")
    return position
