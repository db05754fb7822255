-- What was granted in each of these projects since it was frozen. Of each, the latest `most` events are
-- looked at: whatever is still granted is among them.
SELECT
  count(*) AS grants,
  max(e.at) AS last_at
FROM unnest(%(projects)s::bigint[], %(since)s::timestamptz[]) frozen(id, since)
CROSS JOIN LATERAL (
  SELECT
    e.kind,
    e.at
  FROM agents_event e
  WHERE e.project_id = frozen.id
  ORDER BY
    e.xid DESC,
    e.id DESC
  LIMIT %(most)s::bigint
) e
WHERE e.kind IN ('task.claimed', 'task.taken')
  AND e.at > frozen.since
