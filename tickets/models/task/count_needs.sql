  -- What task t has left to wait for, from its edges and their parents' states alone. Every row is found by
  -- its number, whatever the planner takes the tables for (OFFSET 0 keeps it from joining them): after an
  -- import that was undone it takes them for empty, and would compare all with all.
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
