"""The kinds of events in the journal, and what each tells.

Each app declares its own in `AppConfig.ready`: a dictionary beside its models, from the kind,
`noun.past_tense`, to a sentence. An event of an undeclared kind cannot be stored.
"""

from __future__ import annotations

from collections.abc import Mapping

KINDS = {
    "agent.assigned": "A task was given to an agent by hand; its next claim delivers it.",
    "agent.drained": "An agent takes no new work; what it holds goes on.",
    "agent.edited": "Fields of an agent changed: the values before and after.",
    "agent.joined": "An agent was added to a project.",
    "agent.left": "An agent was taken out of a project.",
    "agent.made_available": "An agent takes work again.",
    "agent.made_unavailable": "An agent takes no work for now.",
    "agent.quarantined": "An agent may change nothing, and its claims were taken back.",
    "agent.refused": "A request with an agent's key was refused.",
    "agent.registered": "An agent was registered.",
    "agent.retired": "An agent ended for good, with its claims and keys.",
    "agent.shared": "Several processes work under the name of one agent: which.",
    "key.issued": "A key was made; its prefix and scopes, never its secret.",
    "key.revoked": "A key was ended.",
    "member.removed": "A person is no longer a member of a project.",
    "member.set": "A person got a role in a project.",
    "phase.paused": "No task of a phase of a project can be claimed.",
    "phase.resumed": "The tasks of a phase can be claimed again.",
    "pool.came_due": "The reset of a pool has come: the next claim is the probe.",
    "pool.closed": "A pool grants nothing: until when, and why.",
    "pool.created": "A pool was created.",
    "pool.edited": "The limit of a pool changed: the values before and after.",
    "pool.opened": "A pool grants again.",
    "pool.removed": "A pool was removed.",
    "project.created": "A project was created.",
    "project.edited": "Settings of a project changed: the values before and after.",
    "project.paused": "No task of a project can be claimed.",
    "project.resumed": "The tasks of a project can be claimed again.",
    "user.refused": "A request of a person was refused.",
    "user.sign_in_failed": "Somebody tried to sign in as a person.",
    "user.sign_in_refused": "Signing in as a person was refused, because too many tries had failed.",
    "user.signed_in": "A person signed in.",
    "user.signed_out": "A person signed out.",
}
_declared: dict[str, str] = {}


class UndeclaredKind(LookupError):
    """An event of this kind was written without being declared."""


def declare(kinds: Mapping[str, str]) -> None:
    """Add these kinds, each with the sentence that says what it tells."""
    _declared.update(kinds)


def declared() -> dict[str, str]:
    """Every kind with its sentence, in alphabetical order."""
    return dict(sorted(_declared.items()))


def expect(kind: str) -> None:
    """Raise UndeclaredKind, unless the kind is declared."""
    if kind not in _declared:
        raise UndeclaredKind(f"{kind} is not declared: add it to KINDS in the `event_kinds` of its app")
