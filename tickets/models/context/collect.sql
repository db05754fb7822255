-- What was recorded in each of these phases of these tickets, and the newest stored version. Of a phase with
-- many tasks the newest are read in full, until what they have stored (`stored`) or its texts (`read`) reach
-- a limit; of those before, there is only the title. Reading a stored result costs more than its size on
-- disk, so that is asked first. `whole`: false reads the notes alone.
SELECT
  w.ticket_id,
  w.phase,
  w.whole,
  CASE WHEN w.whole THEN tasks.rows END AS tasks,
  CASE WHEN w.whole THEN tasks.of END AS tasks_in_all,
  notes.rows AS notes,
  CASE WHEN w.whole THEN artifacts.rows END AS artifacts,
  newest.number,
  newest.hash
FROM unnest(%(tickets)s::bigint[], %(phases)s::text[], %(whole)s::boolean[]) AS w(ticket_id, phase, whole)
LEFT JOIN LATERAL (
  SELECT
    json_agg(
      json_build_object(
        'task', s.id::text,
        'key', s.ticket_key || '.' || s.id,
        'title', s.title,
        'kind', s.kind,
        'description', s.description,
        'by', coalesce(CASE a.kind WHEN 'person' THEN a.name ELSE 'agent:' || a.name END, ''),
        'summary', CASE WHEN s.upto <= %(read)s THEN s.summary END,
        'outputs', CASE WHEN s.upto <= %(read)s AND s.outputs_size <= %(outputs)s THEN s.outputs END,
        'context', CASE WHEN s.upto <= %(read)s AND s.context_size <= %(read)s THEN s.context END,
        'unread',
          NOT s.readable
          OR s.outputs_size > 0 AND (s.upto > %(read)s OR s.outputs_size > %(outputs)s)
          OR s.context_size > 0 AND (s.upto > %(read)s OR s.context_size > %(read)s)
      )
      ORDER BY s.back DESC
    ) AS rows,
    max(s.of) AS of
  FROM (
    SELECT
      r.*,
      sum(
        CASE WHEN r.outputs_size <= %(outputs)s THEN r.outputs_size ELSE 0 END
        + CASE WHEN r.context_size <= %(read)s THEN r.context_size ELSE 0 END
      ) OVER (ORDER BY r.back) AS upto
    FROM (
      SELECT
        d.*,
        coalesce(pg_column_size(d.outputs), 0) AS outputs_size,
        coalesce(pg_column_size(d.context), 0) AS context_size
      FROM (
        SELECT
          t.id,
          t.ticket_key,
          t.title,
          t.kind,
          left(t.description, %(text)s::int) AS description,
          t.settled_by,
          CASE WHEN n.readable AND jsonb_typeof(t.result -> 'summary') = 'string' THEN
            left(t.result ->> 'summary', %(text)s::int)
          END AS summary,
          CASE WHEN n.readable THEN t.result -> 'outputs' END AS outputs,
          CASE WHEN n.readable THEN t.result -> 'context' END AS context,
          n.readable,
          n.back,
          n.of
        FROM (
          SELECT
            o.id,
            row_number() OVER newest AS back,
            count(*) OVER () AS of,
            coalesce(pg_column_size(o.result), 0) <= %(stored)s / 2
            AND sum(
              CASE WHEN pg_column_size(o.result) <= %(stored)s / 2 THEN pg_column_size(o.result) ELSE 0 END
            ) OVER newest <= %(stored)s AS readable
          FROM tickets_task o
          WHERE o.ticket_id = w.ticket_id
            AND o.phase = w.phase
            AND o.state = 'completed'
            AND o.operation = ''  -- a sync or merge says nothing that its tasks have not said
            AND w.whole
          WINDOW newest AS (ORDER BY o.ended_at DESC NULLS FIRST, o.id DESC)
          ORDER BY back
          LIMIT %(tasks)s
        ) n
        JOIN tickets_task t ON t.id = n.id
        OFFSET 0 -- so that each part is taken out of its result once
      ) d
    ) r
  ) s
  LEFT JOIN agents_agent a ON a.id = s.settled_by
) tasks ON true
LEFT JOIN LATERAL (
  SELECT json_agg(
    json_build_object(
      'kind', c.kind,
      'text', c.text,
      'by', c."by",
      'task', CASE WHEN c.task_id IS NOT NULL THEN k.key || '.' || c.task_id END
    )
    ORDER BY c.id
  ) AS rows
  FROM tickets_contextnote c
  JOIN tickets_ticket k ON k.id = c.ticket_id
  WHERE c.ticket_id = w.ticket_id
    AND c.phase = w.phase
    AND c.withdrawn_at IS NULL
) notes ON true
LEFT JOIN LATERAL (
  SELECT json_agg(
    json_build_object(
      'name', f.name,
      'type', f.type,
      'revision', f.revision,
      'hash', f.blob_id
    )
    ORDER BY f.name
  ) AS rows
  FROM (
    SELECT DISTINCT ON (a.name)
      a.name,
      a.type,
      a.revision,
      a.blob_id
    FROM tickets_artifact a
    WHERE a.ticket_id = w.ticket_id
      AND a.phase = w.phase
      AND w.whole
    ORDER BY
      a.name,
      a.revision DESC
    LIMIT %(artifacts)s
  ) f
) artifacts ON true
LEFT JOIN LATERAL (
  SELECT
    p.number,
    p.hash
  FROM tickets_phasecontext p
  WHERE p.ticket_id = w.ticket_id
    AND p.phase = w.phase
  ORDER BY p.number DESC
  LIMIT 1
) newest ON true
