"""Working days, for payment terms."""

from datetime import timedelta


def working(day, holidays=()):
    return day.weekday() < 5 and day not in holidays


def after(day, count, holidays=()):
    """The day that is `count` working days later."""
    if count < 0:
        raise ValueError("only days to come are counted")
    while count:
        day += timedelta(days=1)
        count -= working(day, holidays)
    return day
