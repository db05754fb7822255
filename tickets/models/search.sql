-- What a text may name, in the projects that the reader sees: the tickets of that key, those whose keys begin
-- with it, and of the newest tickets and tasks those with the text in their title. About `examined` titles of
-- each are read, in the order of an index, however many there are. The bounds compare rows for the reason
-- given in ticket/ticket_page.sql.
WITH {seen},
share AS MATERIALIZED (
  SELECT greatest(%(examined)s::bigint / greatest(count(*), 1), 1) AS most
  FROM seen
),
found_tickets AS MATERIALIZED (
  SELECT k.id
  FROM tickets_ticket k
  WHERE k.key = %(key)s::text
  UNION
  (
    SELECT k.id
    FROM tickets_ticket k
    WHERE k.key ~>=~ %(key)s::text
      AND k.key ~<~ (%(key)s::text || '~')
      AND %(key)s::text <> ''
    LIMIT 100
  )
  UNION
  (
    SELECT newest.id
    FROM seen
    CROSS JOIN LATERAL (
      SELECT
        k.id,
        k.title
      FROM tickets_ticket k
      WHERE (k.project_id, k.id) > (seen.id, 0)
        AND (k.project_id, k.id) < (seen.id, %(last)s::bigint)
        AND k.archived_at IS NULL
      ORDER BY k.project_id DESC, k.id DESC
      LIMIT (SELECT most FROM share)
    ) newest
    WHERE upper(newest.title) LIKE upper(%(like)s::text)
    ORDER BY newest.id DESC
    LIMIT %(most)s::bigint
  )
),
found_tasks AS MATERIALIZED (
  SELECT t.id
  FROM tickets_task t
  WHERE t.id = %(task)s::bigint
    AND t.ticket_key = %(of)s::text
  UNION
  (
    SELECT newest.id
    FROM seen
    CROSS JOIN (VALUES ('claimed'), ('failed'), ('pending'), ('completed')) each(state)
    CROSS JOIN LATERAL (
      SELECT
        t.id,
        t.title
      FROM tickets_task t
      WHERE (t.project_id, t.state, t.id) > (seen.id, each.state, 0)
        AND (t.project_id, t.state, t.id) < (seen.id, each.state, %(last)s::bigint)
      ORDER BY t.project_id DESC, t.state DESC, t.id DESC
      LIMIT (SELECT most FROM share)
    ) newest
    WHERE upper(newest.title) LIKE upper(%(like)s::text)
    ORDER BY newest.id DESC
    LIMIT %(most)s::bigint
  )
)
(
  SELECT
    'ticket' AS kind,
    k.key,
    k.title,
    k.phase AS state,
    k.id
  FROM found_tickets f
  JOIN tickets_ticket k ON k.id = f.id
  WHERE k.project_id IN (SELECT id FROM seen)
  ORDER BY
    k.key <> %(key)s::text,
    NOT (%(key)s::text <> '' AND starts_with(k.key, %(key)s::text)),
    k.archived_at IS NOT NULL,
    k.id DESC
  LIMIT %(most)s::bigint
)
UNION ALL
(
  SELECT
    'task' AS kind,
    t.ticket_key AS key,
    t.title,
    t.state,
    t.id
  FROM found_tasks f
  JOIN tickets_task t ON t.id = f.id
  WHERE t.project_id IN (SELECT id FROM seen)
  ORDER BY
    t.id <> %(task)s::bigint,
    t.state NOT IN ('pending', 'claimed', 'failed'),
    t.id DESC
  LIMIT %(most)s::bigint
)
