"""Exchanging currencies by a table of rates, without floating point."""

from fractions import Fraction


class Exchange:
    """Rates are given as text, in units of one home currency."""

    def __init__(self, rates):
        self.rates = {name: Fraction(rate) for name, rate in rates.items()}

    def convert(self, amount, source, target):
        """`amount` cents of `source` in cents of `target`, ties to the even cent."""
        missing = {source, target} - set(self.rates)
        if missing:
            raise KeyError(f"no rate for {', '.join(sorted(missing))}")
        return round(amount * self.rates[source] / self.rates[target])
