"""Forms that make something new: sent twice, because an answer was lost or somebody was impatient, they make
one. Each is drawn with a token; what it made is stored under that, in the same transaction.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from typing import NamedTuple

from django.http import HttpRequest

from agents.models import Reply, label
from omoi_site.database import sql
from omoi_site.errors import OmoiError

TOKEN = "once"  # the hidden field
OF_THE_FORM = {TOKEN, "csrfmiddlewaretoken"}  # fields that nobody typed
FOUND = 302


class Made(NamedTuple):
    """A sentence that says what was made, and its address."""

    sentence: str
    address: str


class SentBefore(OmoiError):
    """The form was sent with other values before, and has made something of them."""

    code = "sent_before"
    title = "This form was sent before"
    next_action = "Look at that, or send the form again to make another."

    def __init__(self, made: Made) -> None:
        self.made = made
        super().__init__(f"You sent this form before, and have changed it since. {made.sentence}")


def new_token() -> str:
    return secrets.token_urlsafe(16)


@sql.atomic
def once(request: HttpRequest, make: Callable[[], Made]) -> Made:
    """What `make` made, or what this form made when it was sent before. That tells its sender no more than
    the first answer did: the address asks for rights again.

    Raises SentBefore if it was sent with other values then.
    """
    token = request.POST.get(TOKEN, "")
    if not token:
        return make()
    mark = hashlib.sha256(f"{label(request.user)}\0form\0{token}".encode()).digest()
    typed = sorted((name, texts) for name, texts in request.POST.lists() if name not in OF_THE_FORM)
    sent = hashlib.sha256(json.dumps([request.path, typed]).encode()).digest()
    if first := Reply.objects.first_answer(mark, wait=True):
        made = Made(bytes(first.body).decode(), first.headers["Location"])
        if bytes(first.request) != sent:
            raise SentBefore(made)
        return made
    made = make()
    headers = {"Location": made.address}
    Reply.objects.store(
        Reply(hash=mark, request=sent, status=FOUND, headers=headers, body=made.sentence.encode())
    )
    return made
