WITH {fleets}
SELECT
  {columns},
  {obstacles}
{from_task}
WHERE t.id = ANY (%(ids)s)
