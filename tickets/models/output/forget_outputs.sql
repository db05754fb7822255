WITH old AS (
  DELETE FROM tickets_taskoutput
  WHERE id = ANY (ARRAY(
    SELECT id
    FROM tickets_taskoutput
    WHERE updated_at < clock_timestamp() - {kept}
    ORDER BY updated_at
    LIMIT %s
  ))
    -- once more, where something was sent while this waited for the row
    AND updated_at < clock_timestamp() - {kept}
  RETURNING id
),

gone AS (
  DELETE FROM tickets_outputpiece p
  USING old
  WHERE p.output_id = old.id
)

SELECT id
FROM old
