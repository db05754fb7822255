SELECT
  count(*) AS fitting,
  count(*) FILTER (WHERE g.available) AS able,
  count(*) FILTER (WHERE g.available AND g.room) AS roomy,
  count(*) FILTER (WHERE g.available AND g.room AND g.inside) AS inside,
  count(*) FILTER (WHERE g.available AND g.room AND g.barred IS NULL) AS in_quota,
  count(*) FILTER (WHERE g.available AND g.room AND g.inside AND g.barred IS NULL) AS inside_in_quota,
  (
    array_agg(g.barred ORDER BY g.barred->>'until', g.name)
    FILTER (WHERE g.available AND g.room AND g.barred IS NOT NULL)
  )[1] AS barred,
  (
    array_agg(g.barred ORDER BY g.barred->>'until', g.name)
    FILTER (WHERE g.available AND g.room AND g.barred IS NOT NULL AND g.inside)
  )[1] AS inside_barred,
  count(*) FILTER (WHERE g.available AND g.heard) AS awake,
  count(*) FILTER (WHERE g.available AND g.room AND g.barred IS NULL AND g.heard) AS free,
  (array_agg(g.name || ' is ' || g.state ORDER BY g.name) FILTER (WHERE NOT g.available))[1:3] AS absent,
  (array_agg(g.name ORDER BY g.name) FILTER (WHERE g.available))[1:5] AS able_names,
  (
    array_agg(g.name ORDER BY g.name)
    FILTER (WHERE g.available AND g.room AND g.barred IS NULL AND g.heard)
  )[1:5] AS free_names,
  -- the others: without room, kept by a pool, each with that pool, and silent
  count(*) FILTER (WHERE g.available AND NOT g.room) AS busy,
  (array_agg(g.name ORDER BY g.name) FILTER (WHERE g.available AND NOT g.room))[1:5] AS busy_names,
  to_jsonb(
    (
      array_agg(g.barred || jsonb_build_object('agent', g.name) ORDER BY g.barred->>'until', g.name)
      FILTER (WHERE g.available AND g.room AND g.barred IS NOT NULL)
    )[1:5]
  ) AS kept,
  to_jsonb(
    (
      array_agg(g.barred || jsonb_build_object('agent', g.name) ORDER BY g.barred->>'until', g.name)
      FILTER (WHERE g.available AND g.room AND g.barred IS NOT NULL AND g.inside)
    )[1:5]
  ) AS inside_kept,
  count(*) FILTER (
    WHERE g.available AND g.room AND g.barred IS NULL AND g.heard IS NOT TRUE
  ) AS quiet,
  (
    array_agg(g.name ORDER BY g.name)
    FILTER (WHERE g.available AND g.room AND g.barred IS NULL AND g.heard IS NOT TRUE)
  )[1:5] AS quiet_names,
  max(g.last_seen_at) FILTER (WHERE g.available) AS last_heard
FROM (
  SELECT
    a.name,
    a.state,
    a.barred,
    a.state = 'available' AS available,
    a.last_seen_at,
    a.last_seen_at > clock_timestamp() - {heard} AS heard,
    {has_room} AS room,
    l.project_id = ANY (a.works_in) AS inside
  FROM fleet_agents a
  WHERE {may_work}
) g
