-- Whether anything needs these tasks. `deep`: whether some of that may end with them.
SELECT
  count(*) > 0 AS needed,
  coalesce(bool_or(n.on_failure = 'cancel' OR n.operation <> ''), false) AS deep
FROM (
  SELECT
    on_failure,
    (
      SELECT c.operation
      FROM tickets_task c
      WHERE c.id = n.child_id
    ) AS operation
  FROM tickets_need n
  WHERE n.parent_id = ANY (%(ids)s::bigint[])
) n
