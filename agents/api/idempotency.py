"""Idempotency-Key: a repeated request gets the same answer and has only one effect.

The act and its stored answer commit in one transaction, so neither exists without the other, even after a
crash.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.http import HttpResponse
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from agents.models import Key, Reply, label
from omoi_site.database import sql
from omoi_site.errors import IdempotencyMismatch, Invalid
from omoi_site.serving.wsgi_call import LOOKS

KEPT_HEADERS = ("ETag", "Location", "Link")
LONGEST = 255


def once(request: Request, act: Callable[[], Response], *, secret: bool) -> HttpResponse | Response:
    """The answer of `act`, or its first answer if this request came with this key before."""
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return sql.patiently(act)()
    if not 1 <= len(key) <= LONGEST:
        raise Invalid(f"an Idempotency-Key must have 1 to {LONGEST} characters", field="Idempotency-Key")
    principal = label(request.user)
    mark = hashlib.sha256(f"{principal}\0{key}".encode()).digest()
    request_hash = hashlib.sha256(
        b"\0".join([str(request.method).encode(), request.get_full_path().encode(), _body(request)])
    ).digest()
    waited = bool(request.META.get(LOOKS))
    request.user.rights_used = []  # type: ignore[union-attr]  # for any kind of actor
    return _carried_out(
        mark, request_hash, _seal(request, key) if secret else None, act, waited, request.user
    )


def _body(request: Request) -> bytes:
    """The body, or its hash for an upload, which may be too large for memory."""
    upload = request.META.get("wsgi.input")
    if "multipart" not in (request.content_type or "") or upload is None or not upload.seekable():
        return request._request.body
    position, hash = upload.tell(), hashlib.sha256()
    upload.seek(0)
    while chunk := upload.read(1 << 20):
        hash.update(chunk)
    upload.seek(position)
    return hash.digest()


@sql.atomic
def _carried_out(
    mark: bytes, request_hash: bytes, seal: Fernet | None, act: Callable[[], Response], waited: bool, who: Any
) -> HttpResponse | Response:
    # a second request with this key that was woken by the same ring waits for the answer of the first
    if kept := Reply.objects.first_answer(mark, wait=waited):
        if bytes(kept.request) != request_hash:
            raise IdempotencyMismatch()
        kept.require_again(who)
        return _replayed(kept, seal)
    response = act()
    if response.status_code < 300 and response.status_code != 204:
        text = JSONRenderer().render(response.data)
        Reply.objects.store(
            Reply(
                hash=mark,
                request=request_hash,
                status=response.status_code,
                headers={name: response[name] for name in KEPT_HEADERS if name in response},
                body=seal.encrypt(text) if seal else text,
                rights=who.rights_used,
                sealed=seal is not None,
            )
        )
    return response


def _replayed(kept: Reply, seal: Fernet | None) -> HttpResponse:
    body = bytes(kept.body)
    try:
        text = seal.decrypt(body) if kept.sealed and seal else body
    except InvalidToken as error:
        raise IdempotencyMismatch(
            "the answer contains a secret, so only the credential that first asked can get it again"
        ) from error
    response = HttpResponse(text, status=kept.status, content_type="application/json")
    for name, value in kept.headers.items():
        response[name] = value
    response["Idempotency-Replayed"] = "true"
    return response


def _seal(request: Request, key: str) -> Fernet:
    """Encrypts an answer so that only the holder of both the key and the credential can read it."""
    bearer = (
        request.META.get("HTTP_AUTHORIZATION", "")
        if isinstance(request.auth, Key)
        else request.session.session_key or ""
    )
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(json.dumps([key, bearer]).encode()).digest()))
