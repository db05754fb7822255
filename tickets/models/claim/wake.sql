WITH due AS MATERIALIZED (
  SELECT t.id
  FROM tickets_task t
  WHERE {not_due}
    AND t.not_before <= (SELECT clock_timestamp())
  ORDER BY t.not_before
  LIMIT %(limit)s
  FOR UPDATE SKIP LOCKED
),

now AS MATERIALIZED (
  SELECT clock_timestamp() AS at
),

woken AS (
  UPDATE tickets_task t
  SET
    not_due = false,
    events = t.events + 1,
    ready_at = CASE WHEN {otherwise_ready} THEN now.at END,
    rank = CASE
      WHEN {otherwise_ready} THEN omoi_rank(
        t.priority,
        now.at,
        t.deadline,
        {unblocks},
        t.retries
      )
      ELSE t.rank
    END,
    promote_at = CASE WHEN {otherwise_ready} THEN omoi_promote_at(t.priority, now.at, t.deadline) END
  FROM due, now
  WHERE t.id = due.id
    -- the planner expects a tenth of the table from a LIMIT that it does not know, and would scan it
    AND t.id = ANY (ARRAY(SELECT id FROM due))
  RETURNING
    t.id,
    t.ticket_id,
    t.ticket_key,
    t.project_id,
    t.lane_id,
    t.rank,
    t.fence,
    t.state,
    t.events,
    t.profile,
    NULL::text AS holder,
    NULL::bool AS started,
    NULL::int AS attempt,
    NULL::numeric AS held_s,
    false AS died
),

changed AS (
  SELECT *
  FROM woken
),
{changed}
