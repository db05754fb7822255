-- How many more claims pool `p` allows now: `room`, null for any number. `opened`: the claim that tried it
-- out after its reset has been completed. `due`: it may be tried out, by one claim; `tried`: that one is
-- held.
LATERAL (
  SELECT
    s.*,
    least(
      CASE
        WHEN p.closed_at IS NULL OR s.opened THEN NULL
        WHEN s.due AND NOT s.tried THEN 1
        ELSE 0
      END,
      CASE WHEN p.most_claims IS NOT NULL THEN p.most_claims - {claims} END
    ) AS room
  FROM (
    SELECT
      p.resets_at IS NOT NULL AND p.resets_at <= clock_timestamp() AS due,
      coalesce(
        (
          SELECT t.settled_fence = p.probe_fence AND t.settled_as IN ('completed', 'late')
          FROM tickets_task t
          WHERE t.id = p.probe_task
        ),
        false
      ) AS opened,
      coalesce(
        (
          SELECT t.fence = p.probe_fence AND t.state = 'claimed' AND {lease_holds}
          FROM tickets_task t
          WHERE t.id = p.probe_task
        ),
        false
      ) AS tried
  ) s
)
