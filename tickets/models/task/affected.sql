-- The tasks that waited for `tasks`, and those about which this transaction has decided since `event`.
WITH decided AS MATERIALIZED (
  SELECT substr(e.subject, 6)::bigint AS id
  FROM agents_event e
  WHERE e.xid = pg_current_xact_id()
    AND e.id > %(event)s
    AND e.kind IN ('task.cancelled', 'task.doomed', 'task.readied')
),

affected AS MATERIALIZED (
  SELECT
    t.id,
    t.ticket_key,
    t.title,
    t.state,
    t.unsatisfiable,
    {needs_met} AS needs_met
  FROM tickets_task t
  WHERE t.id = ANY (
      ARRAY(
        SELECT id
        FROM decided
        UNION
        SELECT unnest(%(children)s::bigint[])
      )
    )
    AND t.id <> ALL (%(tasks)s::bigint[])
)

SELECT
  a.id AS task,
  a.ticket_key || '.' || a.id AS key,
  a.title,
  CASE
    WHEN a.state <> 'pending' THEN a.state
    WHEN a.unsatisfiable THEN 'held'
    WHEN a.needs_met THEN 'ready'
    ELSE 'waits'
  END AS then,
  count(*) OVER () AS total
FROM affected a
ORDER BY a.id
LIMIT %(most)s
