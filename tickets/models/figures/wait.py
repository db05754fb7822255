"""How long tasks were ready before their first grant, counted in buckets, so that hours can be added up.

Bucket `n` has what waited up to 2^(n/2) seconds: each is 1.4 times as wide as the one before. A quantile is
taken inside its bucket as if what is in it were spread evenly.
"""

from __future__ import annotations

from collections.abc import Sequence

BUCKETS = 46  # up to 68 days; what waited longer is in the last one
# SQL: the bucket of `seconds`
BUCKET = f"least({BUCKETS - 1}, ceil(2 * ln(greatest(1, seconds)) / ln(2.0::float8)))::int"


def bound(bucket: int) -> float:
    """The longest wait in this bucket, in seconds."""
    return float(2 ** (bucket / 2))


def quantile(numbers: Sequence[int], share: float) -> float | None:
    """So many seconds `share` of the waits took at most; None without any."""
    wanted, before = sum(numbers) * share, 0
    if not wanted:
        return None
    for bucket, number in enumerate(numbers):
        if number and before + number >= wanted:
            low = bound(bucket - 1) if bucket else 0.0
            return low + (bound(bucket) - low) * (wanted - before) / number
        before += number
    return bound(BUCKETS - 1)
