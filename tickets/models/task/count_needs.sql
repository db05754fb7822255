  -- What task t still waits for, from its edges and the states of their parents. OFFSET 0 makes the planner
  -- look up each row by its id instead of joining: after a rolled back import it takes the tables for empty
  -- and would compare all rows with all.
  SELECT
    greatest(
      0,
      least(t.join_count, count(*)) - count(*) FILTER (WHERE p.ended AND p.met)
    )::int AS open_needs,
    count(*) FILTER (WHERE NOT p.ended)::int AS edges_left
  FROM tickets_need n
  CROSS JOIN LATERAL (
    SELECT
      p.state IN ('completed', 'failed', 'cancelled') AS ended,
      {met} AS met
    FROM tickets_task p
    WHERE p.id = n.parent_id
    OFFSET 0
  ) p
  WHERE n.child_id = t.id
