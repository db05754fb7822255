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
      -- who could do it but is not available; who can simply be made available again comes first
      'absent', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', a.name, 'state', a.state)), '[]')
        FROM (
          SELECT
            a.name,
            a.state
          FROM agents_agent a
          WHERE a.state NOT IN ('available', 'retired')
            AND {may_work}
          ORDER BY
            a.state = 'quarantined',
            a.name
          LIMIT 3
        ) a
      )
    )
  FROM tickets_lane l
  WHERE l.id = f.id
)
