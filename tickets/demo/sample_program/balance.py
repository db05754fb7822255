"""The ledger itself: bookings, and what they add up to."""

from collections import Counter


def balances(bookings):
    """What each account holds after all bookings (debit, credit, cents)."""
    held = Counter()
    for debit, credit, amount in bookings:
        if amount <= 0:
            raise ValueError("a booking moves a positive amount")
        held[debit] += amount
        held[credit] -= amount
    return dict(held)


def even(bookings):
    """Whether what came in went out: the first law of a ledger."""
    return sum(balances(bookings).values()) == 0
