(
  WITH {fleets}
  SELECT DISTINCT ON (who = 'operator') id
  FROM (
    SELECT
      t.id,
      t.state,
      {waiting_on} AS who
    FROM (
      SELECT t.*
      {open_tasks}
      OFFSET %(most)s
    ) t
    {task_joins}
  ) task
  ORDER BY
    who = 'operator',
    state,
    id
)
