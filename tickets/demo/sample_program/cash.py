"""Paying in cash: amounts that coins can make, and the coins that make them."""

COINS = (200, 100, 50, 20, 10, 5)


def payable(amount, step=5):
    """The nearest amount that can be paid in coins; a tie goes up."""
    return (amount + step // 2) // step * step


def change(amount):
    """The fewest coins for this amount, largest first."""
    if amount % COINS[-1]:
        raise ValueError("there are no smaller coins than 5 cents")
    coins = []
    for coin in COINS:
        coins += [coin] * (amount // coin)
        amount %= coin
    return coins
