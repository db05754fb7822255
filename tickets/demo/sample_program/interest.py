"""Interest on a balance, day by day."""

from datetime import date


def days(start, end):
    """Days from one date to another, the first not counted."""
    if end < start:
        raise ValueError("it ends before it begins")
    return (end - start).days


def interest(balance, yearly_percent, start, end):
    """Interest in cents for the days between, a year having 365; fractions of a cent are dropped."""
    return balance * yearly_percent * days(start, end) // 36500


def year(balance, yearly_percent, number):
    return interest(balance, yearly_percent, date(number, 1, 1), date(number, 12, 31))
