-- The figures of these projects by steps, 0 for the newest one; steps from `steps` on are the time before.
-- Hours of one project at most `hours` back are one range of the index.
WITH hours AS MATERIALIZED (
  SELECT
    floor(extract(epoch FROM %(upto)s::timestamptz - interval '1 h' - h.hour) / %(step_s)s::int)::int AS step,
    h.*
  FROM unnest(%(counted)s::bigint[]) p(id)
  JOIN tickets_hourlyfigures h ON h.project_id = p.id
    AND h.hour >= %(upto)s::timestamptz - 2 * %(steps)s::int * %(step_s)s::int * interval '1 s'
    AND h.hour < %(upto)s::timestamptz
),

-- Most buckets of an hour are empty, and are filled in after the sums.
waited AS MATERIALIZED (
  SELECT
    h.step,
    w.bucket,
    sum(w.number)::int AS number
  FROM hours h
  CROSS JOIN LATERAL unnest(h.waits) WITH ORDINALITY w(number, bucket)
  WHERE w.number > 0
  GROUP BY
    h.step,
    w.bucket
),

waits AS (
  SELECT
    s.step,
    array_agg(coalesce(w.number, 0) ORDER BY b.bucket) AS waits
  FROM (
    SELECT DISTINCT step
    FROM waited
  ) s
  CROSS JOIN generate_series(1, {buckets}) b(bucket)
  LEFT JOIN waited w ON (w.step, w.bucket) = (s.step, b.bucket)
  GROUP BY s.step
),

hours_of_all AS MATERIALIZED (
  SELECT
    h.hour,
    floor(extract(epoch FROM %(upto)s::timestamptz - interval '1 h' - h.hour) / %(step_s)s::int)::int AS step,
    h.ready,
    h.stuck
  FROM tickets_hourlyfigures h
  WHERE h.project_id = 0
    AND h.hour >= %(upto)s::timestamptz - 2 * %(steps)s::int * %(step_s)s::int * interval '1 s'
    AND h.hour < %(upto)s::timestamptz
),

-- The hours in which somebody looked at the queue: those of project 0. A project without a row of such an
-- hour had nothing ready then and nothing claimed.
looked AS MATERIALIZED (
  SELECT
    h.hour,
    h.step
  FROM hours_of_all h
  WHERE h.ready IS NOT NULL
),

hours_looked AS (
  SELECT
    l.step,
    count(*) AS number
  FROM looked l
  GROUP BY l.step
),

-- The same for stuck tickets, which another sweep counts.
hours_counted AS (
  SELECT
    h.step,
    count(*) AS number
  FROM hours_of_all h
  WHERE h.stuck IS NOT NULL
  GROUP BY h.step
),

-- The newest version of each workflow with which these projects open tickets.
workflows AS MATERIALIZED (
  SELECT w.id
  FROM (
    SELECT DISTINCT j.workflow
    FROM agents_project j
    WHERE j.id = ANY (%(projects)s::bigint[])
  ) j
  CROSS JOIN LATERAL (
    SELECT w.id
    FROM tickets_workflow w
    WHERE w.name = j.workflow
    ORDER BY w.version DESC
    LIMIT 1
  ) w
)

-- What was ready and claimed is the mean of those hours that were looked at. `ready_now`: the tasks that are
-- ready at this moment, counted up to `most`; `noted`: how many were when it was looked at last. `checks`:
-- how often each check passed in the newer steps, and how often not. `stays`, in the first row alone: how
-- many stays in each phase ended in the newer steps or in those before, by the bucket of their length, in the
-- order of the projects' workflows.
SELECT
  s.step,
  coalesce(sum(h.completed), 0)::int AS completed,
  coalesce(sum(h.failed), 0)::int AS failed,
  coalesce(sum(h.lapsed), 0)::int AS lapsed,
  coalesce(sum(h.judged), 0)::int AS judged,
  coalesce(sum(h.refused), 0)::int AS refused,
  coalesce(sum(h.ready), 0)::float8 / l.number AS ready,
  coalesce(sum(h.claimed), 0)::float8 / l.number AS claimed,
  coalesce(sum(h.stuck), 0)::float8 / c.number AS stuck,
  coalesce(w.waits, '{}') AS waits,
  (
    SELECT count(*)::int
    FROM (
      SELECT
      FROM tickets_lane l
      CROSS JOIN LATERAL (
        SELECT
        FROM tickets_task t
        WHERE t.lane_id = l.id
          AND {ready}
        ORDER BY
          t.rank,
          t.id
        LIMIT %(most)s::bigint
      ) t
      WHERE l.project_id = ANY (%(projects)s::bigint[])
      LIMIT %(most)s::bigint
    ) r
  ) AS ready_now,
  (
    SELECT coalesce(sum(h.ready), 0)::int
    FROM hours h
    WHERE h.hour = (SELECT max(l.hour) FROM looked l)
  ) AS noted,
  (
    SELECT coalesce(jsonb_object_agg(c.name, jsonb_build_array(c.passed, c.refused)), '{}')
    FROM (
      SELECT
        each.key AS name,
        sum((each.value ->> 0)::int) AS passed,
        sum((each.value ->> 1)::int) AS refused
      FROM hours h
      CROSS JOIN LATERAL jsonb_each(h.checks) each
      WHERE h.step < %(steps)s::int
      GROUP BY each.key
    ) c
  ) AS checks,
  CASE WHEN s.step = 0 THEN (
    SELECT coalesce(jsonb_agg(to_jsonb(b) ORDER BY b.position, b.phase), '[]')
    FROM (
      SELECT
        each.key AS phase,
        h.step >= %(steps)s::int AS before,
        length.key::int AS bucket,
        sum(length.value::int)::int AS number,
        (
          SELECT min(p.position)
          FROM tickets_workflowphase p
          WHERE p.workflow_id = ANY (ARRAY(SELECT w.id FROM workflows w))
            AND p.name = each.key
        ) AS position
      FROM hours h
      CROSS JOIN LATERAL jsonb_each(h.stays) each
      CROSS JOIN LATERAL jsonb_each_text(each.value) length
      GROUP BY
        each.key,
        before,
        length.key
    ) b
  ) END AS stays
FROM generate_series(0, 2 * %(steps)s::int - 1) s(step)
LEFT JOIN hours h ON h.step = s.step
LEFT JOIN waits w ON w.step = s.step
LEFT JOIN hours_looked l ON l.step = s.step
LEFT JOIN hours_counted c ON c.step = s.step
GROUP BY
  s.step,
  w.waits,
  l.number,
  c.number
ORDER BY s.step
