"""Who acts: an agent, a person, or a part of the system, and how the journal names them."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias


class AgentActor(Protocol):
    """An agent, as the verbs ask it."""

    pk: Any
    sees_all: bool

    @property
    def label(self) -> str: ...


class PersonActor(Protocol):
    """A person: Django's user."""

    pk: Any

    @property
    def is_superuser(self) -> bool: ...

    def get_username(self) -> str: ...


# A plain string stands for a part of the system, such as `system:clock`. Who came with a key carries it:
# `via_key`, `key_scopes`.
Actor: TypeAlias = AgentActor | PersonActor | str


def label(by: Actor) -> str:
    """The actor's name in the journal and in history: `agent:ada`, `user:admin`, `system:clock`."""
    if isinstance(by, str):
        return by
    # an agent has a label
    return getattr(by, "label", None) or f"user:{by.get_username()}"  # type: ignore[union-attr]


def via(by: Actor) -> str:
    """Prefix of the key the actor came with; empty for a browser session and for the system."""
    return getattr(by, "via_key", "")


def sees_all(who: Actor) -> bool:
    """Whether every project is theirs to see: the operator's, a worker's, the system's."""
    if isinstance(who, str):
        return True
    return bool(who.sees_all if hasattr(who, "sees_all") else getattr(who, "is_superuser", False))


def is_agent(who: Actor) -> bool:
    """Whether it is an agent, and neither a person nor the system."""
    return not isinstance(who, str) and hasattr(who, "sees_all")


def pk_of(who: Actor) -> Any:
    """The id of an agent or a person; None for a part of the system."""
    return None if isinstance(who, str) else who.pk
