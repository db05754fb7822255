-- What happened to a ticket, the latest first, from a certain event on: so many events of these kinds among
-- the next ones. Each has the title of its task, the id of its artifact, the answers of its verdict and the
-- title of its discovery, if it has one. If too few were found among those looked at, the last row has no
-- kind and says where to go on.
WITH found AS (
  SELECT *
  FROM (
    SELECT e.id, e.xid, e.at, e.subject, e.kind, e.actor, e.reason, e.data
    FROM agents_event e
    WHERE e.topic = %(topic)s
      {before}
    ORDER BY e.xid DESC, e.id DESC
    LIMIT {examined}
  ) looked_at
  WHERE kind = ANY (%(kinds)s)
  ORDER BY xid DESC, id DESC
  LIMIT {limit}
),
edge AS (
  SELECT e.id, e.xid
  FROM agents_event e
  WHERE e.topic = %(topic)s
    {before}
  ORDER BY e.xid DESC, e.id DESC
  OFFSET {examined} - 1
  LIMIT 1
)
SELECT
  f.xid AS place,
  f.id,
  f.xid::text AS xid,
  f.at,
  f.subject,
  f.kind,
  f.actor,
  f.reason,
  f.data,
  t.title,
  a.id AS artifact,
  v.checks,
  d.title AS discovery
FROM found f
LEFT JOIN tickets_task t ON t.id = CASE WHEN f.subject LIKE 'task:%%' THEN substr(f.subject, 6)::bigint END
LEFT JOIN tickets_artifact a ON f.kind = 'artifact.handed_in'
  AND a.ticket_id = %(ticket)s
  AND a.phase = f.data->>'phase'
  AND a.name = f.data->>'name'
  AND a.revision = (f.data->>'revision')::int
LEFT JOIN tickets_verdict v ON v.id = CASE WHEN f.kind = 'gate.judged' THEN (f.data->>'verdict')::bigint END
LEFT JOIN tickets_discovery d
  ON d.id = CASE WHEN f.kind LIKE 'discovery.%%' THEN (f.data->>'discovery')::bigint END
UNION ALL
SELECT edge.xid, edge.id, edge.xid::text, NULL, '', '', '', '', NULL, NULL, NULL, NULL, NULL
FROM edge
WHERE (SELECT count(*) FROM found) < {limit}
ORDER BY place DESC, id DESC
