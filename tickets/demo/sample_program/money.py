"""Amounts of money: whole cents inside, text at the border."""


def cents(text):
    """`12.30` as 1230; a comma will do, and so will no cents at all."""
    whole, _, part = text.strip().replace(",", ".").partition(".")
    if len(part) > 2:
        raise ValueError(f"{text} has more than two decimals")
    sign = -1 if whole.startswith("-") else 1
    return sign * (abs(int(whole or "0")) * 100 + int(part.ljust(2, "0")))


def shown(amount):
    """1230 as `12.30`."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02}"
