-- The tickets of the items, and whether somebody works on them or could begin.
WITH {places},
{fleet},
served AS MATERIALIZED (
  SELECT l.id
  FROM places j
  JOIN tickets_lane l ON l.project_id = j.id
  WHERE NOT l.paused
    AND {awake}
),

found AS (
  SELECT
    f.id,
    f.project_id,
    EXISTS (
      SELECT
      FROM tickets_task t
      WHERE t.ticket_id = f.id
        AND t.state IN ('pending', 'claimed')
        AND (t.state = 'claimed' OR {ready} AND t.lane_id = ANY (ARRAY(SELECT id FROM served)))
      OFFSET 0  -- asked of each of these tickets, not of all tasks at once
    ) AS moving
  FROM (
    SELECT DISTINCT
      ticket_id AS id,
      project_id
    FROM (
      {rows}
    ) f
    WHERE ticket_id IS NOT NULL
  ) f
)
