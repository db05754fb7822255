WITH {fleets},
{all_open_phases},
work AS MATERIALIZED (
  SELECT
    ticket_id,
    coalesce(bool_or(who = 'operator'), false) AS operator,
    coalesce(bool_or(who <> 'operator'), false) AS others
  FROM (
    SELECT
      t.ticket_id,
      {task_waits_on} AS who
    FROM tickets_task t
    {task_joins}
    WHERE t.project_id = %(project)s
      AND t.state IN ('pending', 'claimed')
      AND NOT t.unsatisfiable
      AND k.archived_at IS NULL
      AND {in_open_phase}
  ) task
  GROUP BY 1
)
SELECT
  coalesce(array_agg(id), '{}') AS needs_operator,
  coalesce(array_agg(id) FILTER (WHERE NOT others), '{}') AS stuck
FROM (
  SELECT
    k.id,
    {waits_on_operator} AS operator,
    {waits_on_others} AS others
  {from_ticket}
  LEFT JOIN work w ON w.ticket_id = k.id
  WHERE k.project_id = %(project)s
    AND k.archived_at IS NULL
    AND ({unfinished} OR {left_open} > 0)
) ticket
WHERE operator
