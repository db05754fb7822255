-- What is claimed in these projects, those first that need a look: the lease has ended, no progress, then the
-- longest without progress. Of each project the first `most` are looked at.
WITH held AS MATERIALIZED (
  SELECT t.*
  FROM unnest(%(projects)s::bigint[]) p(id)
  CROSS JOIN LATERAL (
    SELECT
      t.id,
      t.project_id,
      t.ticket_key,
      t.title,
      t.holder_id,
      t.claimed_at,
      t.lease_s,
      t.lease_expires_at,
      t.active_at,
      t.stalled_at,
      t.progress,
      {lease_over} AS lease_over
    FROM tickets_task t
    WHERE t.project_id = p.id
      AND t.state = 'claimed'
    ORDER BY t.id
    LIMIT %(most)s::bigint
  ) t
),

first AS MATERIALIZED (
  SELECT
    count(*) OVER () AS number,
    held.*
  FROM held
  ORDER BY
    lease_over DESC,
    stalled_at IS NULL,
    active_at,
    id
  LIMIT %(shown)s::bigint
)

-- `cut`: a project may have more than were looked at.
SELECT
  t.number,
  EXISTS (
    SELECT
    FROM held
    GROUP BY held.project_id
    HAVING count(*) >= %(most)s::bigint
  ) AS cut,
  t.id,
  t.ticket_key AS ticket,
  t.title,
  a.name AS holder,
  a.kind = 'person' AS by_hand,
  t.claimed_at,
  -- a person's claim has no lease
  t.lease_expires_at - t.lease_s * interval '1 s' AS renewed_at,
  t.lease_expires_at,
  t.lease_over,
  t.active_at,
  t.stalled_at,
  t.progress
FROM first t
-- by its key; as a plain join, all agents were read
CROSS JOIN LATERAL (
  SELECT
    a.name,
    a.kind
  FROM agents_agent a
  WHERE a.id = t.holder_id
  OFFSET 0
) a
ORDER BY
  t.lease_over DESC,
  t.stalled_at IS NULL,
  t.active_at,
  t.id
