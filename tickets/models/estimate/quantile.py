"""Quantiles of measured times, and of what is left of a time that has begun."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

HALF, LIKELY = 0.5, 0.8  # what is expected, and by when 80 of 100 end


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that this share of the ordered values does not exceed, as percentile_cont of PostgreSQL."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def left_of(ordered: Sequence[float], elapsed: float, share: float) -> float:
    """What is left after `elapsed` seconds, of those times that lasted longer; 0 if none did."""
    longer = ordered[bisect_right(ordered, elapsed) :] if elapsed > 0 else ordered
    return quantile(longer, share) - max(elapsed, 0.0) if longer else 0.0
