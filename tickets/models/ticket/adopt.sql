WITH pairs AS (
  SELECT *
  FROM unnest(%(children)s::bigint[], %(parents)s::bigint[]) AS pairs(child, parent)
),
orphans AS MATERIALIZED (
  SELECT
    k.id,
    pairs.parent,
    NOT k.id = ANY (%(new)s::bigint[]) AS existing
  FROM tickets_ticket k
  JOIN pairs ON pairs.child = k.id
  WHERE k.parent_id IS NULL
  ORDER BY k.id
  FOR NO KEY UPDATE OF k
),
adopted AS (
  UPDATE tickets_ticket k
  SET
    parent_id = orphans.parent,
    version = k.version + orphans.existing::int,
    events = k.events + orphans.existing::int
  FROM orphans
  WHERE k.id = orphans.id
  RETURNING k.id, k.key, k.project_id, k.events, k.parent_id, orphans.existing
),
edited AS (
  SELECT adopted.project_id, adopted.key, adopted.events, p.key AS parent_key
  FROM adopted
  JOIN tickets_ticket p ON p.id = adopted.parent_id
  WHERE adopted.existing
),
journal AS ({journal})
SELECT id, existing
FROM adopted
