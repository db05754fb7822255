-- Adds the next events of the journal to the figures of their hours: of their project, and of all together
-- (project 0). It goes on from `place` up to the oldest transaction that is still open, so that none is
-- skipped or counted twice.
WITH place AS MATERIALIZED (
  SELECT
    p.xid,
    p.event
  FROM tickets_figuresplace p
  WHERE p.id = 1
  FOR UPDATE
),

news AS MATERIALIZED (
  SELECT e.*
  FROM place
  CROSS JOIN LATERAL (
    SELECT
      e.xid,
      e.id,
      e.at,
      date_trunc('hour', e.at, 'UTC') AS hour,
      e.project_id,
      e.kind,
      e.subject,
      e.data
    FROM agents_event e
    WHERE (e.xid, e.id) > (place.xid, place.event)
      AND (e.xid, e.id) < (pg_snapshot_xmin(pg_current_snapshot()), 0)
    ORDER BY
      e.xid,
      e.id
    LIMIT %(most)s::bigint
  ) e
),

kept AS MATERIALIZED (
  SELECT
    each.project,
    n.*
  FROM news n
  CROSS JOIN LATERAL (VALUES (0::bigint), (n.project_id)) each(project)
  WHERE n.project_id IS NOT NULL
    AND n.kind IN (
      'task.completed', 'task.failed', 'task.lapsed', 'gate.judged', 'task.claimed', 'ticket.moved'
    )
    AND n.hour > clock_timestamp() - {kept}
),

-- How long each task was ready when it was granted for the first time, in the buckets of `wait.py`. It waits
-- for nobody before its ticket is in its phase: its wait begins with the last move before the grant, whatever
-- the ticket did since. A task that was made ready again since does not count.
waited AS MATERIALIZED (
  SELECT
    n.project,
    n.hour,
    {bucket} AS bucket,
    count(*)::int AS number
  FROM kept n
  CROSS JOIN LATERAL (
    SELECT extract(epoch FROM n.at - greatest(t.ready_at, h.at))::float8 AS seconds
    FROM tickets_task t
    LEFT JOIN LATERAL (
      SELECT h.at
      FROM tickets_phasemove h
      WHERE h.ticket_id = t.ticket_id
        AND h.at <= n.at
      ORDER BY h.move DESC
      LIMIT 1
    ) h ON true
    WHERE t.id = CASE WHEN n.kind = 'task.claimed' THEN substr(n.subject, 6)::bigint END
      AND t.ready_at <= n.at
    OFFSET 0
  ) w
  WHERE n.kind = 'task.claimed'
    AND n.data ->> 'fence' = '1'
  GROUP BY
    n.project,
    n.hour,
    bucket
),

-- How long the tickets had been in the phases that they left, in the same buckets. The row of the history is
-- written by the transaction of the event.
stayed AS MATERIALIZED (
  SELECT
    n.project,
    n.hour,
    s.phase,
    {bucket} AS bucket,
    count(*)::int AS number
  FROM kept n
  CROSS JOIN LATERAL (
    SELECT
      h.ticket_id,
      h.move,
      h.from_phase AS phase,
      h.at
    FROM tickets_phasemove h
    WHERE h.ticket_id = (
        SELECT k.id
        FROM tickets_ticket k
        WHERE k.key = CASE WHEN n.kind = 'ticket.moved' THEN substr(n.subject, 8) END
      )
      AND h.xid = n.xid
      AND h.from_phase = n.data ->> 'from'
      AND h.to_phase = n.data ->> 'to'
    ORDER BY h.move DESC
    LIMIT 1
  ) h
  CROSS JOIN LATERAL (
    SELECT
      h.phase,
      extract(epoch FROM h.at - e.at)::float8 AS seconds
    FROM tickets_phasemove e
    WHERE e.ticket_id = h.ticket_id
      AND e.move = h.move - 1
    OFFSET 0
  ) s
  WHERE n.kind = 'ticket.moved'
    AND s.phase <> 'CANCELLED'
  GROUP BY
    n.project,
    n.hour,
    s.phase,
    bucket
),

stays AS MATERIALIZED (
  SELECT
    p.project,
    p.hour,
    jsonb_object_agg(p.phase, p.lengths) AS phases
  FROM (
    SELECT
      s.project,
      s.hour,
      s.phase,
      jsonb_object_agg(s.bucket, s.number) AS lengths
    FROM stayed s
    GROUP BY
      s.project,
      s.hour,
      s.phase
  ) p
  GROUP BY
    p.project,
    p.hour
),

counted AS (
  SELECT
    n.project,
    n.hour,
    count(*) FILTER (WHERE n.kind = 'task.completed')::int AS completed,
    count(*) FILTER (WHERE n.kind = 'task.failed')::int AS failed,
    count(*) FILTER (WHERE n.kind = 'task.lapsed')::int AS lapsed,
    count(*) FILTER (WHERE n.kind = 'gate.judged')::int AS judged,
    count(*) FILTER (WHERE n.kind = 'gate.judged' AND n.data ->> 'passed' = 'false')::int AS refused
  FROM kept n
  GROUP BY
    n.project,
    n.hour
),

checked AS MATERIALIZED (
  SELECT
    n.project,
    n.hour,
    c.answer ->> 'check' AS name,
    count(*) FILTER (WHERE c.answer ->> 'passed' = 'true')::int AS passed,
    count(*) FILTER (WHERE c.answer ->> 'passed' = 'false')::int AS refused
  FROM kept n
  JOIN tickets_verdict v
    ON v.id = CASE WHEN n.kind = 'gate.judged' THEN (n.data ->> 'verdict')::bigint END
  CROSS JOIN LATERAL jsonb_array_elements(v.checks) c(answer)
  WHERE n.kind = 'gate.judged'
    AND c.answer ->> 'check' IS NOT NULL
  GROUP BY
    n.project,
    n.hour,
    name
),

added AS (
  INSERT INTO tickets_hourlyfigures AS h (
    project_id, hour, completed, failed, lapsed, judged, refused, waits, checks, stays
  )
  SELECT
    c.*,
    ARRAY(
      SELECT coalesce(w.number, 0)
      FROM generate_series(0, {buckets} - 1) b(bucket)
      LEFT JOIN waited w ON (w.project, w.hour, w.bucket) = (c.project, c.hour, b.bucket)
      ORDER BY b.bucket
    ),
    coalesce(
      (
        SELECT jsonb_object_agg(k.name, jsonb_build_array(k.passed, k.refused))
        FROM checked k
        WHERE (k.project, k.hour) = (c.project, c.hour)
      ),
      '{}'
    ),
    coalesce((SELECT s.phases FROM stays s WHERE (s.project, s.hour) = (c.project, c.hour)), '{}')
  FROM counted c
  ORDER BY
    c.project,
    c.hour
  ON CONFLICT (project_id, hour) DO UPDATE SET
    completed = h.completed + excluded.completed,
    failed = h.failed + excluded.failed,
    lapsed = h.lapsed + excluded.lapsed,
    judged = h.judged + excluded.judged,
    refused = h.refused + excluded.refused,
    waits = ARRAY(
      SELECT coalesce(before, 0) + added
      FROM unnest(h.waits, excluded.waits) WITH ORDINALITY each(before, added, place)
      ORDER BY place
    ),
    checks = CASE
      WHEN excluded.checks = '{}' THEN h.checks
      ELSE (
        SELECT jsonb_object_agg(k.name, jsonb_build_array(k.passed, k.refused))
        FROM (
          SELECT
            each.key AS name,
            sum((each.value ->> 0)::int) AS passed,
            sum((each.value ->> 1)::int) AS refused
          FROM (
            SELECT * FROM jsonb_each(h.checks)
            UNION ALL
            SELECT * FROM jsonb_each(excluded.checks)
          ) each
          GROUP BY each.key
        ) k
      )
    END,
    stays = CASE
      WHEN excluded.stays = '{}' THEN h.stays
      ELSE (
        SELECT jsonb_object_agg(p.phase, p.lengths)
        FROM (
          SELECT
            b.phase,
            jsonb_object_agg(b.bucket, b.number) AS lengths
          FROM (
            SELECT
              each.key AS phase,
              length.key AS bucket,
              sum(length.value::int) AS number
            FROM (
              SELECT * FROM jsonb_each(h.stays)
              UNION ALL
              SELECT * FROM jsonb_each(excluded.stays)
            ) each
            CROSS JOIN LATERAL jsonb_each_text(each.value) length
            GROUP BY
              each.key,
              length.key
          ) b
          GROUP BY b.phase
        ) p
      )
    END
),

moved AS (
  UPDATE tickets_figuresplace p
  SET
    xid = last.xid,
    event = last.id,
    at = clock_timestamp()
  FROM (
    SELECT
      n.xid,
      n.id
    FROM news n
    ORDER BY
      n.xid DESC,
      n.id DESC
    LIMIT 1
  ) last
  WHERE p.id = 1
)

SELECT count(*)::int AS number
FROM news
