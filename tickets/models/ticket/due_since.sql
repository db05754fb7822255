-- Since when ticket `k` is due: the last thing that happened to it.
(
  SELECT greatest({since}, max(t.at))
  FROM (
    SELECT greatest(t.claimed_at, t.ended_at) AS at
    FROM tickets_task t
    WHERE t.ticket_id = k.id
    UNION ALL
    SELECT a.at
    FROM tickets_artifact a
    WHERE a.ticket_id = k.id
  ) t
)
