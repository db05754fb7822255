-- Tasks as REST clients see them, with the CTEs that who they wait on is read from.
{fleets},
waits AS MATERIALIZED (
  SELECT
    t.id,
    {waiting_on} AS who
  {from_task}
  WHERE {tasks}
    AND t.state IN ('pending', 'claimed')
),
documents AS MATERIALIZED (
  SELECT
    t.id,
    (
      SELECT row_to_json(task)::text
      FROM (
        SELECT
          t.id::text AS id,
          t.ticket_key || '.' || t.id AS key,
          t.ticket_key AS ticket,
          t.title,
          t.description,
          t.kind,
          t.phase,
          {priority} AS priority,
          t.capabilities,
          t.operation,
          CASE
            WHEN t.operation <> '' THEN (
              SELECT json_build_object(
                'strategy', d.strategy,
                'timeout_s', d.timeout_s,
                'on_timeout', d.on_timeout,
                'since', {since},
                'left_out', d.left_out
              )
              FROM tickets_operation d
              WHERE d.task_id = t.id
            )
          END AS coordination,
          t.profile,
          t.slots,
          t.state,
          {ready} AS ready,
          t.join_count AS "join",
          t.open_needs,
          t.fence,
          t.attempts,
          t.max_attempts,
          t.timeout_s,
          t.stall_after_s,
          t.work_s,
          {not_before} AS not_before,
          {deadline} AS deadline,
          {claimed_at} AS claimed_at,
          {started_at} AS started_at,
          {runs_alone} AS runs_alone,
          {lease_expires_at} AS lease_expires_at,
          {active_at} AS active_at,
          {stalled_at} AS stalled_at,
          t.result,
          t.error,
          t.failure,
          t.progress,
          t.checkpoint,
          coalesce(t.tried, '[]') AS tried,
          {created_at} AS created_at,
          {ended_at} AS ended_at,
          (
            SELECT a.name
            FROM agents_agent a
            WHERE a.id = t.holder_id
          ) AS holder,
          (
            SELECT
              coalesce(
                json_agg(
                  json_build_object(
                    'id', n.id::text,
                    'task', n.parent_id::text,
                    'when', n.on_end,
                    'on_failure', n.on_failure
                  )
                  ORDER BY n.id
                ),
                '[]'
              )
            FROM tickets_need n
            WHERE n.child_id = t.id
          ) AS needs,
          w.who AS waiting_on,
          CASE WHEN w.who IS NOT NULL THEN {now} END AS waiting_on_at
      ) task
    ) AS document
  FROM tickets_task t
  LEFT JOIN waits w ON w.id = t.id
  WHERE {tasks}
)
