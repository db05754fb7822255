"""Invoice numbers: one after the other, without a gap, anew each year."""


class Numbers:
    """Hands out `2026-0001`, `2026-0002` and so on."""

    def __init__(self, last=""):
        self.year, self.count = 0, 0
        if last:
            year, _, count = last.partition("-")
            self.year, self.count = int(year), int(count)

    def next(self, year):
        """The next number of this year; a year that is over gets no more."""
        if year < self.year:
            raise ValueError(f"{year} is closed")
        if year > self.year:
            self.year, self.count = year, 0
        self.count += 1
        return f"{self.year}-{self.count:04}"
