"""Settling up: who pays whom after a shared evening."""

from ledger.split import evenly


def owed(paid):
    """What each has paid beyond an even part, by name; below zero: what they owe."""
    parts = evenly(sum(paid.values()), len(paid))
    return {name: paid[name] - part for name, part in zip(paid, parts, strict=True)}


def payments(paid):
    """Payments (from, to, cents) after which everybody is even."""
    left = owed(paid)
    made = []
    while any(left.values()):
        poorest, richest = min(left, key=left.get), max(left, key=left.get)
        amount = min(-left[poorest], left[richest])
        left[poorest] += amount
        left[richest] -= amount
        made.append((poorest, richest, amount))
    return made
