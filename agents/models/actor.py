"""Actors: an agent, a person or a part of the system, and their names in the journal."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias


class AgentActor(Protocol):
    """What the verbs need to know of an agent."""

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


# A plain string stands for a part of the system, such as `system:clock`. An actor that used a key has it in
# `via_key` and `key_scopes`.
Actor: TypeAlias = AgentActor | PersonActor | str


def label(by: Actor) -> str:
    """The actor's name in the journal and in history: `agent:ada`, `user:admin`, `system:clock`."""
    if isinstance(by, str):
        return by
    # an agent has a label
    return getattr(by, "label", None) or f"user:{by.get_username()}"  # type: ignore[union-attr]


def via(by: Actor) -> str:
    """The prefix of the key that the actor used; empty for a browser session and for the system."""
    return getattr(by, "via_key", "")


def sees_all(who: Actor) -> bool:
    """Whether the actor may see every project: a superuser, a worker, the system."""
    if isinstance(who, str):
        return True
    return bool(who.sees_all if hasattr(who, "sees_all") else getattr(who, "is_superuser", False))


def is_agent(who: Actor) -> bool:
    """Whether the actor is an agent, not a person or the system."""
    return not isinstance(who, str) and hasattr(who, "sees_all")


def pk_of(who: Actor) -> Any:
    """The id of an agent or a person; None for a part of the system."""
    return None if isinstance(who, str) else who.pk
