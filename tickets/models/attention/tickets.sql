-- The tickets of the items, and of these the ones where nobody works and nobody could begin.
WITH {places}
SELECT
  coalesce(array_agg(id), '{}') AS tickets,
  coalesce(array_agg(id) FILTER (WHERE NOT moving), '{}') AS stuck
FROM (
  SELECT
    f.id,
    EXISTS (
      SELECT
      FROM tickets_task t
      JOIN tickets_lane l ON l.id = t.lane_id
      WHERE t.ticket_id = f.id
        AND (t.state = 'claimed' OR {ready} AND NOT l.paused AND {awake})
    ) AS moving
  FROM (
    SELECT DISTINCT ticket_id AS id
    FROM (
      {rows}
    ) f
    WHERE ticket_id IS NOT NULL
  ) f
) f
