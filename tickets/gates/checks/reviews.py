"""Checks by an agent that reviews."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tickets.gates.registry import Reason, not_answered, not_asked, task_check

CHECK = "agent_review"
ROUNDS = 10
APPROVED, CHANGES = "approved", "changes"
ANSWER = '{"verdict": "approved"} or {"verdict": "changes", "reasons": ["what must change"]}'
CAPABILITIES = {
    "type": "array",
    "items": {
        "type": "string",
        "minLength": 1,
        "maxLength": 100,
        "title": "Capability",
        "description": "A skill that the reviewer must have, such as review.",
    },
    "maxItems": 20,
    "title": "Capabilities",
    "description": "The skills that the reviewer must have, such as review. Give them to agents that do not"
    " do the work.",
}
ASKS = {
    "type": "string",
    "maxLength": 5_000,
    "title": "Asks",
    "description": "What the reviewer should look at.",
}
SAME_OWNER = {
    "type": "boolean",
    "title": "Same owner",
    "description": "Whether an agent may review what other agents of its owner did. It suits an installation"
    " where all agents are of one person. Without it: no.",
}
MOST_ROUNDS = {
    "type": "integer",
    "minimum": 1,
    "maximum": ROUNDS,
    "title": "Rounds",
    "description": f"How many reviews there are at most; then a person decides. Without it: {ROUNDS}.",
}


def rounds_of(entry: dict[str, Any]) -> int:
    return int(entry.get("rounds", ROUNDS))


def review_task(ticket: Any, entry: dict[str, Any], number: int) -> dict[str, Any]:
    """The fields of the task of a round."""
    listed = "\n".join(
        f"- {row.phase}/{row.name} r{row.revision} ({row.type}, {row.blob_id[:12]})"
        for row in ticket.artifacts.current()[:100]
    )
    criteria = "\n".join(f"- {each.text}" for each in ticket.criteria)
    asks = entry.get("asks", "Review what was submitted.")
    return {
        "title": f"Review {ticket.key}, round {number}",
        "description": f"{asks}\n\nSubmitted:\n{listed or '- nothing'}\n\n"
        f"Must be true:\n{criteria or '- no acceptance criteria'}\n\n"
        f"Complete this task with the result {ANSWER}. Do not review your own work. When the"
        " ticket's text or its artifacts change, this review is void.",
        "kind": "review",
        "capabilities": entry.get("capabilities", []),
    }


@task_check(
    CHECK,
    review_task,
    rounds=rounds_of,
    optional={"capabilities": CAPABILITIES, "asks": ASKS, "rounds": MOST_ROUNDS, "same_owner": SAME_OWNER},
)
def agent_review(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """An agent that did not do the work, and whose owner did not, has reviewed what the ticket says and shows
    now, and approved it. Judging the gate adds a task for it.
    """
    run = case.run({"check": CHECK, **needs})
    if run is None:
        rounds, most = case.rounds({"check": CHECK, **needs}), rounds_of(needs)
        if rounds >= most:
            how = "let a person decide: they may force the move, or change the workflow"
            yield Reason(CHECK, "rounds_over", most, rounds, how)
        else:
            yield not_asked(CHECK)
        return
    task = run.task
    if task.state in ("pending", "claimed"):
        yield not_answered(CHECK, f"{task.key} is {task.state}")
    elif task.state != "completed":
        how = f"retry {task.key}; if it was cancelled, run the checks again"
        yield Reason(CHECK, "review_ended", "a review", task.state, how)
    elif shared := _barred(case, task.pk, needs):
        how = (
            "let an agent of somebody else claim reviews, one that did none of the work, registered none of"
            " those that did, and was registered by none of them; then submit the evidence again"
        )
        yield Reason(CHECK, "reviewed_by_author", "a reviewer who is not an author", shared, how)
    else:
        yield from _of_result(task)


def _barred(case: Any, review: int, needs: dict[str, Any]) -> list[str]:
    """What the reviewer has in common with the authors, unless the workflow allows it."""
    return [
        name
        for name in case.shared_with_authors(review)
        if not (needs.get("same_owner") and name.startswith("user:"))
    ]


def _of_result(task: Any) -> Iterator[Reason]:
    result = task.result if isinstance(task.result, dict) else {}
    verdict, reasons = result.get("verdict"), result.get("reasons")
    if verdict == APPROVED and not reasons:
        return
    if (
        verdict == CHANGES
        and isinstance(reasons, list)
        and reasons
        and all(isinstance(each, str) for each in reasons)
    ):
        how = "do what the review asks for, then submit the evidence again"
        yield Reason(CHECK, "changes_asked", APPROVED, reasons, how)
    else:
        how = f"submit the evidence again for another review; a review ends with {ANSWER}"
        yield Reason(CHECK, "review_unreadable", ANSWER, task.result, how)
