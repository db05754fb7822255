"""Rows of the checks that a worker or a reviewer answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.factories import shell_profile
from tests.support.http_service import Service, service
from tests.tickets.gates.rows import Row, Scene, Spoiled

URL = {"url": ""}
SUBMITTED = "it sees the evidence that was submitted; evidence_of_commit compares commits"


@contextmanager
def a_service() -> Iterator[None]:
    with service() as URL["url"]:
        yield


def answers(status: int, body: bytes = b"all is well") -> Any:
    def act(scene: Scene) -> None:
        Service.status, Service.body = status, body
        scene.submit("notes", str(status).encode() + body)

    return act


def redirected(scene: Scene) -> None:
    Service.headers_ = {"Location": "http://169.254.169.254/"}
    answers(302)(scene)


def plan(content: bytes) -> Any:
    return lambda scene: scene.submit("plan", content)


def uses_the_profile(scene: Scene) -> None:
    shell_profile("checks_plan")
    plan(b"why and how")(scene)


def approved(scene: Scene) -> None:
    plan(b"why and how")(scene)
    scene.review({"verdict": "approved"})


def reviewed(result: Any) -> Any:
    def act(scene: Scene) -> None:
        plan(b"why and how")(scene)
        scene.review(result)

    return act


ROWS = {
    "http": Row(
        lambda: {**URL, "contains": "well", "timeout_s": 1},
        lambda scene: None,
        absent=Spoiled("http_too_slow", lambda scene: Service.slow.set()),
        old=Spoiled("http_status", answers(503)),
        of_another_commit="a service says nothing of commits",
        malformed=Spoiled("http_text_missing", answers(200, b"\xff\xfe")),
        contradictory=Spoiled("http_status", redirected),
        around=a_service,
    ),
    "command": Row(
        {"profile": "checks_plan", "slots": {"text": "grep -q how"}, "reads": ["plan"], "timeout_s": 20},
        uses_the_profile,
        absent=Spoiled("profile_unusable", plan(b"why and how")),
        old=Spoiled("command_failed", plan(b"only why")),
        of_another_commit=SUBMITTED,
        malformed=Spoiled(
            "evidence_unreadable", lambda scene: (shell_profile("checks_plan"), plan(b"\xff")(scene))
        ),
        contradictory="its exit status says one thing only",
    ),
    "agent_review": Row(
        {"asks": "Is the plan sound?"},
        approved,
        absent=Spoiled("not_answered", plan(b"why and how")),
        old=Spoiled("not_answered", plan(b"only why")),
        of_another_commit=SUBMITTED,
        malformed=Spoiled("review_unreadable", reviewed("looks good")),
        contradictory=Spoiled(
            "review_unreadable", reviewed({"verdict": "approved", "reasons": ["it is wrong"]})
        ),
    ),
}
