"""What the workers' machines leave open to jobs, for whoever watches `/readyz`."""

from __future__ import annotations

from omoi_site.database import sql

HEARD_S = 60
OPEN = f"""
SELECT
  a.name,
  p.metrics -> 'open' AS open
FROM agents_agent a
JOIN agents_agentpresence p ON p.agent_id = a.id
WHERE a.runs_profiles
  AND p.last_seen_at > clock_timestamp() - interval '{HEARD_S} s'
  AND jsonb_array_length(p.metrics -> 'open') > 0
ORDER BY a.name"""


def warning() -> str:
    """Which workers run jobs without a sandbox, and what jobs can do there; empty when none does."""
    return " ".join(
        f"Jobs of the worker {row['name']} run without a sandbox. They can {'; '.join(row['open'])}."
        for row in sql.rows(OPEN)
    )
