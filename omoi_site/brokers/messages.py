"""Hints as dramatiq messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dramatiq import Message

Hints = dict[str, set[int]]  # by actor: the ids to look at; an actor without ids finds its work itself
QUEUE = "default"
IDS = 500  # in one message


def messages(hints: Hints) -> Iterator[Message[Any]]:
    for actor, ids in hints.items():
        sorted_ids = sorted(ids)
        for start in range(0, max(1, len(sorted_ids)), IDS):
            args = (sorted_ids[start : start + IDS],) if sorted_ids else ()
            yield Message(queue_name=QUEUE, actor_name=actor, args=args, kwargs={}, options={})
