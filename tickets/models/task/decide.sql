-- What ended tasks mean for their open children, which are locked in id order. What they wait for is counted
-- also while they are claimed, as they may be pending again; but only pending ones are freed or cancelled. It
-- is repeated with the ids that it cancels, until there are none. The list is wrapped in a subselect so that
-- a plan for any list looks as cheap as one for this list. Otherwise PostgreSQL takes the generic plan for
-- more expensive and plans the statement anew every time, which costs more than running it.
WITH verdict AS MATERIALIZED (
  SELECT
    n.child_id,
    count(*) FILTER (WHERE v.met) AS met,
    count(*) AS decided,
    coalesce(bool_or(n.on_failure = 'cancel') FILTER (WHERE NOT v.met), false) AS cancel
  FROM tickets_need n
  JOIN tickets_task p ON p.id = n.parent_id
  CROSS JOIN LATERAL (
    SELECT {met} AS met
  ) v
  WHERE n.parent_id = ANY ((SELECT %(ended)s::bigint[])::bigint[])
  GROUP BY n.child_id
),

children AS MATERIALIZED (
  SELECT
    c.id,
    v.cancel,
    greatest(0, c.open_needs - v.met) AS open_needs,
    greatest(0, c.edges_left - v.decided) AS edges_left,
    c.state = 'pending'
      AND greatest(0, c.open_needs - v.met) > greatest(0, c.edges_left - v.decided) AS unsatisfiable,
    c.state = 'pending' AND c.open_needs > 0 AND c.open_needs <= v.met AS freed,
    c.state = 'pending'
      AND NOT c.unsatisfiable
      AND greatest(0, c.open_needs - v.met) > greatest(0, c.edges_left - v.decided) AS newly_unsatisfiable
  FROM tickets_task c
  JOIN verdict v ON v.child_id = c.id
  WHERE c.state IN ('pending', 'claimed')
  ORDER BY c.id
  FOR NO KEY UPDATE OF c
),

now AS MATERIALIZED (
  SELECT clock_timestamp() AS at
),

decided AS (
  UPDATE tickets_task c
  SET
    open_needs = k.open_needs,
    edges_left = k.edges_left,
    unsatisfiable = k.unsatisfiable,
    state = CASE WHEN k.unsatisfiable AND k.cancel THEN 'cancelled' ELSE c.state END,
    error = CASE
      WHEN k.unsatisfiable AND k.cancel THEN 'a task it needed did not end as needed'
      ELSE c.error
    END,
    ended_at = CASE WHEN k.unsatisfiable AND k.cancel THEN clock_timestamp() END,
    events = c.events + (k.newly_unsatisfiable OR k.freed AND c.operation = '')::int,
    ready_at = CASE WHEN k.freed THEN now.at ELSE c.ready_at END,
    rank = CASE
      WHEN k.freed THEN omoi_rank(
        c.priority,
        now.at,
        c.deadline,
        {unblocks},
        c.retries
      )
      ELSE c.rank
    END,
    promote_at = CASE
      WHEN k.freed THEN omoi_promote_at(c.priority, now.at, c.deadline)
      ELSE c.promote_at
    END
  FROM children k, now
  WHERE c.id = k.id
  RETURNING
    c.id,
    c.ticket_id,
    c.ticket_key,
    c.project_id,
    c.state,
    c.lane_id,
    c.rank,
    c.events,
    c.profile,
    c.operation,
    k.freed,
    k.newly_unsatisfiable
),

floors AS ({lower_floors}
),

log AS ({events}
)

SELECT
  id,
  ticket_id,
  state,
  profile,
  operation,
  freed
FROM decided
