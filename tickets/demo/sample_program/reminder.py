"""Reminders of invoices that are overdue."""

STEPS = ((30, "final notice"), (14, "second reminder"), (1, "reminder"))


def due(days_late):
    """What to send by now; nothing before the first day."""
    for days, name in STEPS:
        if days_late >= days:
            return name
    return None


def fee(amount, days_late):
    """What may be charged for it: nothing first, then a hundredth of the amount, at most 40.00."""
    return min(4000, amount // 100) if days_late >= 14 else 0
