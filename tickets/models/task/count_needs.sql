  -- What is left to wait for, from the edges and the parents' states alone. The time is read once: rank and
  -- moment agree, and tasks that are ready together go in the order of their ids.
  SELECT
    c.id,
    greatest(
      0,
      least(c.join_count, count(n.id)) - count(*) FILTER (WHERE e.ended AND e.met)
    )::int AS open_needs,
    count(n.id) FILTER (WHERE NOT e.ended)::int AS edges_left,
    (SELECT clock_timestamp()) AS now
  FROM tickets_task c
  LEFT JOIN tickets_need n ON n.child_id = c.id
  LEFT JOIN tickets_task p ON p.id = n.parent_id
  CROSS JOIN LATERAL (
    SELECT
      p.state IN ('completed', 'failed', 'cancelled') AS ended,
      {met} AS met
  ) e
