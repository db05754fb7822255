-- New pieces of outputs that are locked. Of each output its beginning and its end are kept; the oldest pieces
-- between them go.
WITH added AS (
  INSERT INTO tickets_outputpiece (output_id, place, size, text)
  SELECT
    unnest(%(outputs)s::bigint[]),
    unnest(%(places)s::bigint[]),
    unnest(%(sizes)s::int[]),
    unnest(%(texts)s::text[])
),

grown AS (
  UPDATE tickets_taskoutput o
  SET size = n.size
  FROM (
    SELECT
      unnest(%(grown)s::bigint[]) AS id,
      unnest(%(totals)s::bigint[]) AS size
  ) n
  WHERE o.id = n.id
  RETURNING
    o.id,
    o.size
)

DELETE FROM tickets_outputpiece p
USING grown
WHERE p.output_id = grown.id
  AND p.place >= {head}
  AND p.place <= grown.size - {tail}  -- so that the index finds them, whatever is kept behind
  AND p.place + p.size <= grown.size - {tail}
