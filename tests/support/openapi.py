"""What the OpenAPI document promises, against what is answered to each call of `api_client.Api`."""

from __future__ import annotations

import fcntl
import functools
import json
import re
from typing import Any

from jsonschema import Draft202012Validator

from tests.support.cluster import RUN

METHODS = {"get", "post", "put", "patch", "delete"}


@functools.cache
def document() -> dict[str, Any]:
    """The document, with every shape closed: an answer holds nothing that it does not name. Problems may say
    more.
    """
    made = json.loads(_served())
    for name, shape in made["components"]["schemas"].items():
        if "properties" in shape and name != "ProblemOut":
            shape["additionalProperties"] = False
    return made


def _served() -> bytes:
    """Made by the worker that wants it first, as it takes longer than most tests; the others read it."""
    from agents.api.openapi_document import document as served

    kept = RUN / "openapi.json"
    with (RUN / "openapi.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            made = json.dumps(served(), default=str)
            (RUN / "openapi.new").write_text(made)
            (RUN / "openapi.new").rename(kept)
    return kept.read_bytes()


def operations() -> list[tuple[str, str]]:
    """Each method and its address."""
    return [(method, path) for path, methods in document()["paths"].items() for method in methods]


@functools.cache
def routes() -> list[tuple[re.Pattern[str], str]]:
    """Addresses without names in them first, as the router has it: `agents/me` is no agent's."""
    paths = sorted(document()["paths"], key=lambda path: path.count("{"))
    return [
        (
            re.compile(re.sub(r"\{\w+\}", "[^/]+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}"))),
            path,
        )
        for path in paths
    ]


def operation(method: str, path: str) -> tuple[str, str] | None:
    """The address and method as the document names them; None where it knows none."""
    for pattern, found in routes():
        if pattern.fullmatch(path):
            return (found, method) if method in document()["paths"][found] else None
    return None


@functools.cache
def validator(path: str, method: str, status: str, kind: str) -> Draft202012Validator:
    promised = document()["paths"][path][method]["responses"][status]["content"][kind]
    return Draft202012Validator({**promised.get("schema", {}), "components": document()["components"]})


def mismatches(method: str, path: str, answer: Any) -> list[str]:
    """Where the answer differs from the document; nothing for an address or method it does not know."""
    if (found := operation(method, path)) is None:
        return []
    status, kind = str(answer.status_code), answer.get("Content-Type", "").partition(";")[0]
    promised = document()["paths"][found[0]][method]["responses"].get(status)
    if promised is None:
        return [f"the document knows no {status}"]
    if "content" not in promised:
        return (
            [f"the document knows no body of a {status}"] if not answer.streaming and answer.content else []
        )
    if kind not in promised["content"]:
        return [f"the document knows no {kind} of a {status}"]
    if not kind.endswith("json"):
        return []
    return [
        f"{fault.json_path}: {fault.message[:300]}"
        for fault in validator(*found, status, kind).iter_errors(answer.json())
    ]


def checked(method: str, path: str, answer: Any) -> Any:
    """The answer, once it is what the document promises."""
    faults = mismatches(method, path, answer)
    assert not faults, (
        f"{method.upper()} {path} -> {answer.status_code} {getattr(answer, 'content', b'')[:500]!r}: {faults}"
    )
    return answer
