"""REST calls of the tests: `Api(key).post("/claims", {...})`, answered by the fast route and by the real view
alike, and as the OpenAPI document promises.
"""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from agents.models import Key
from omoi_site.serving.wsgi_call import LOOKS
from tests.support.both_ways import by_both
from tests.support.openapi import checked

ROOT = "/api/v1"
CAN_WAIT = {LOOKS: 0}  # as every client of the server


class Api:
    """A client with a bearer key; answers keep `.status_code`, `.json()` and headers."""

    def __init__(self, key: str = "", client: Client | None = None) -> None:
        self.client = client or Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def get(self, path: str, **query: Any) -> Any:
        answer = by_both(
            "get",
            ROOT + path,
            query=query,
            headers=self.headers,
            body=None,
            full=lambda: self.client.get(ROOT + path, query, headers=self.headers),
        )
        return checked("get", ROOT + path, answer)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("post", path, body, headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("patch", path, body, headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("put", path, body, headers)

    def upload(self, path: str, **fields: Any) -> Any:
        """A form with files, as multipart/form-data."""
        return checked("post", ROOT + path, self.client.post(ROOT + path, fields, headers=self.headers))

    def delete(self, path: str, **headers: str) -> Any:
        return self._send("delete", path, None, headers)

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, (bytes, str)) else b"" if body is None else json.dumps(body)
        headers = {**self.headers, **named}
        answer = by_both(
            method,
            ROOT + path,
            query={},
            headers=headers,
            body=data,
            full=lambda: getattr(self.client, method)(
                ROOT + path, data, content_type="application/json", headers=headers, **CAN_WAIT
            ),
        )
        return checked(method, ROOT + path, answer)


def api_of(who: Any, *scopes: str) -> Api:
    """A client with a fresh key of this agent or person."""
    own = {"agent": who} if hasattr(who, "capacity") else {"user": who}
    return Api(Key.objects.issue(by="system:tests", scopes=scopes, **own)[1])
