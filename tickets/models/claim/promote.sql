WITH due AS MATERIALIZED (
  SELECT t.id
  FROM tickets_task t
  WHERE t.promote_at <= (SELECT clock_timestamp())
  ORDER BY t.promote_at
  LIMIT %(limit)s
  FOR UPDATE SKIP LOCKED
),

changed AS (
  UPDATE tickets_task t
  SET
    rank = omoi_rank(t.priority, t.ready_at, t.deadline, 0, t.retries),
    promote_at = NULL,
    events = t.events + 1
  FROM due
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
{changed}
