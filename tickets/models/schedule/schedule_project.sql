-- The project of a schedule, locked until the end: of two turns the second counts what the first has opened.
SELECT
  coalesce(%(now)s, clock_timestamp()) AS now,
  j.paused OR {frozen} AS stopped
FROM agents_project j
WHERE j.id = %(project)s
FOR NO KEY UPDATE OF j
