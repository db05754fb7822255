SELECT
  w.id,
  CASE WHEN {stopped} THEN {operator} ELSE nullif(coalesce(w.who, g.who), '') END AS who,
  CASE WHEN {stopped} THEN clock_timestamp() ELSE greatest(w.at, g.at) END AS at
FROM {table} w
LEFT JOIN LATERAL (
  SELECT *
  FROM tickets_lanewait g
  WHERE g.lane_id = w.lane_id
    AND g.variant = w.variant
  OFFSET 0
) g ON true
CROSS JOIN LATERAL (
  SELECT *
  FROM agents_project j
  WHERE j.id = w.project_id
  OFFSET 0
) j
LEFT JOIN LATERAL (
  SELECT f.*
  {freezes}
  LIMIT 1
) z ON true
