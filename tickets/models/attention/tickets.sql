-- The tickets of the items, and of these the ones where nobody works and nobody could begin.
WITH {places},
{fleet},
served AS MATERIALIZED (
  SELECT l.id
  FROM places j
  JOIN tickets_lane l ON l.project_id = j.id
  WHERE NOT l.paused
    AND {awake}
)
SELECT
  coalesce(array_agg(id), '{}') AS tickets,
  coalesce(array_agg(id) FILTER (WHERE NOT moving), '{}') AS stuck
FROM (
  SELECT
    f.id,
    EXISTS (
      SELECT
      FROM tickets_task t
      WHERE t.ticket_id = f.id
        AND t.state IN ('pending', 'claimed')
        AND (t.state = 'claimed' OR {ready} AND t.lane_id = ANY (ARRAY(SELECT id FROM served)))
    ) AS moving
  FROM (
    SELECT DISTINCT ticket_id AS id
    FROM (
      {rows}
    ) f
    WHERE ticket_id IS NOT NULL
  ) f
) f
