-- If nothing is granted, also return whether a sweep has something to end (`lapsed`) or to make ready
-- (`due`). It is part of this statement because between two statements another agent might do it. An agent
-- without free capacity learns only of its own claims, and one that is sent to guarded lanes nothing yet. The
-- first row is found by its index; with EXISTS, PostgreSQL would scan the table.
  CASE
    WHEN t.id IS NOT NULL OR {sent_on} THEN NULL
    WHEN agent.free = 0 THEN EXISTS (
      SELECT
      FROM tickets_task h
      WHERE h.holder_id = agent.id
        AND h.claimed_at >= agent.oldest
        AND h.lease_expires_at < clock_timestamp()
    )
    ELSE coalesce(
      (
        SELECT true
        FROM tickets_task t
        WHERE {lease_ended}
        ORDER BY t.lease_look_at
        LIMIT 1
      ),
      false
    )
  END AS lapsed,
  CASE
    WHEN t.id IS NULL AND NOT {sent_on} THEN agent.free > 0 AND coalesce(
      (
        SELECT t.not_before
        FROM tickets_task t
        WHERE {not_due}
        ORDER BY t.not_before
        LIMIT 1
      ) <= clock_timestamp(),
      false
    )
  END AS due,
