SELECT
  count(*) AS fitting,
  count(*) FILTER (WHERE g.available) AS able,
  count(*) FILTER (WHERE g.available AND g.room) AS roomy,
  count(*) FILTER (WHERE g.available AND g.heard) AS awake,
  count(*) FILTER (WHERE g.available AND g.room AND g.heard) AS free,
  (array_agg(g.name || ' is ' || g.state ORDER BY g.name) FILTER (WHERE NOT g.available))[1:3] AS absent,
  (array_agg(g.name ORDER BY g.name) FILTER (WHERE g.available))[1:5] AS able_names,
  (array_agg(g.name ORDER BY g.name) FILTER (WHERE g.available AND g.room AND g.heard))[1:5] AS free_names,
  max(g.last_seen_at) FILTER (WHERE g.available) AS last_heard
FROM (
  SELECT
    a.name,
    a.state,
    a.state = 'available' AS available,
    a.last_seen_at,
    a.last_seen_at > clock_timestamp() - {heard} AS heard,
    {has_room} AS room
  FROM fleet_agents a
  WHERE {fits}
    AND (a.sees_all OR l.project_id = ANY (a.projects))
) g
