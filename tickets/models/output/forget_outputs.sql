WITH old AS (
  DELETE FROM tickets_taskoutput
  WHERE id = ANY (ARRAY(
    SELECT id
    FROM tickets_taskoutput
    WHERE updated_at < clock_timestamp() - {kept}
    ORDER BY updated_at
    LIMIT %s
  ))
  RETURNING id
),

gone AS (
  DELETE FROM tickets_outputpiece p
  USING old
  WHERE p.output_id = old.id
)

SELECT id
FROM old
