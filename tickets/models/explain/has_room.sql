(
  SELECT
    CASE
      WHEN l.alone THEN count(*) = 0
      ELSE count(*) < a.capacity AND NOT coalesce(bool_or({runs_alone}), false)
    END
  FROM tickets_task t
  WHERE t.holder_id = a.id
    AND {lease_holds}
)