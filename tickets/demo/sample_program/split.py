"""Splitting an amount so that no cent is lost."""


def split(amount, shares):
    """`amount` in parts as the shares ask; the cents that are left go to the largest remainders."""
    total = sum(shares)
    if total <= 0:
        raise ValueError("nobody takes a share")
    parts = [amount * share // total for share in shares]
    remainders = [amount * share % total for share in shares]
    order = sorted(range(len(shares)), key=lambda place: -remainders[place])
    for place in order[: amount - sum(parts)]:
        parts[place] += 1
    return parts


def evenly(amount, people):
    """The same for everybody, give or take a cent."""
    if people < 1:
        raise ValueError("there is nobody to split between")
    if people == 1:
        return [amount]
    return split(amount, [1] * people)


def percentages(amount, named):
    """By percentages that add up to a hundred, by name."""
    if sum(named.values()) != 100:
        raise ValueError("the percentages do not add up to 100")
    parts = split(amount, list(named.values()))
    return dict(zip(named, parts, strict=True))
