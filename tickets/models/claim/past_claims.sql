-- The claims of an agent that have ended, newest first, before a place in the journal. Those of other
-- projects than the reader's are left out, so a page of `examined` events may be short. `lately`: how many of
-- those examined ended in the span until now, by outcome.
WITH examined AS MATERIALIZED (
  SELECT e.*
  FROM unnest(%(holders)s::text[]) h(holder)
  CROSS JOIN LATERAL (
    SELECT
      e.xid,
      e.id,
      e.at,
      e.project_id,
      e.topic,
      e.subject,
      e.kind,
      e.data,
      e.actor,
      e.reason
    FROM agents_event e
    WHERE {of_holder}
      AND (e.xid, e.id) < (%(xid)s::text::xid8, %(id)s::bigint)
    ORDER BY
      e.xid DESC,
      e.id DESC
    LIMIT %(examined)s::bigint
  ) e
  ORDER BY
    e.xid DESC,
    e.id DESC
  LIMIT %(examined)s::bigint
),

shown AS MATERIALIZED (
  SELECT *
  FROM examined
  WHERE %(projects)s::bigint[] IS NULL
    OR project_id = ANY (%(projects)s::bigint[])
  ORDER BY
    xid DESC,
    id DESC
  LIMIT %(limit)s::bigint
)

SELECT
  e.xid::text || '_' || e.id AS place,
  e.at,
  e.topic,
  e.subject,
  e.kind,
  e.data,
  e.actor,
  left(e.reason, {quoted}) AS reason,
  t.title,
  t.phase,
  (SELECT count(*) FROM examined) AS examined,
  (SELECT x.xid::text || '_' || x.id FROM examined x ORDER BY x.xid, x.id LIMIT 1) AS last,
  (
    SELECT jsonb_object_agg(l.kind, l.number)
    FROM (
      SELECT
        x.kind,
        count(*) AS number
      FROM examined x
      WHERE x.at > clock_timestamp() - %(span)s::interval
        AND (%(projects)s::bigint[] IS NULL OR x.project_id = ANY (%(projects)s::bigint[]))
      GROUP BY
        x.kind
    ) l
  ) AS lately
FROM (SELECT) one
LEFT JOIN shown e ON true
LEFT JOIN tickets_task t ON t.id = substr(e.subject, 6)::bigint
ORDER BY
  e.xid DESC,
  e.id DESC
