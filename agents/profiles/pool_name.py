"""The names of pools, as agents, profiles and people write them."""

from __future__ import annotations

PATTERN = r"\A[a-z0-9][a-z0-9._:-]{0,62}\Z"
MOST = 20  # pools that one agent or profile names
