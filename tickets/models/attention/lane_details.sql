(
  SELECT
    jsonb_build_object(
      'capabilities', l.capabilities,
      'has_profile', l.has_profile,
      'lane_phase', l.phase,
      'waiting', (
        SELECT count(*)
        FROM (
          SELECT
          FROM tickets_task t
          WHERE t.lane_id = l.id
            AND {ready}
          LIMIT {most}
        ) t
      ),
      'agents', (
        -- who can simply be made available again comes first
        SELECT
          coalesce(
            jsonb_agg(jsonb_build_object('name', a.name, 'state', a.state) ORDER BY a.place, a.name),
            '[]'
          )
        FROM (
          SELECT
            a.name,
            a.state,
            array_position(ARRAY['available', 'maintenance', 'draining'], a.state::text) AS place
          FROM fleet_agents a
          WHERE {may_work}
          ORDER BY
            place,
            a.name
          LIMIT 4
        ) a
      ),
      'silent_s', (
        SELECT extract(epoch FROM clock_timestamp() - max(a.last_seen_at))::float8
        FROM fleet_agents a
        WHERE a.state = 'available'
          AND {may_work}
      )
    )
  FROM tickets_lane l
  WHERE l.id = f.id
)
