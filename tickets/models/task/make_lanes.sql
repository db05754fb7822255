INSERT INTO tickets_lane (
  project_id,
  phase,
  capabilities,
  has_profile,
  alone,
  avoids,
  pools,
  workflow_id,
  paused,
  guarded,
  stall_after_s,
  floor
)
SELECT
  p.id,
  m.phase,
  m.capabilities,
  m.has_profile,
  m.alone,
  m.avoids,
  nullif(m.pools, '{}'),
  m.workflow,
  p.paused OR jsonb_exists(p.paused_phases, m.phase),
  m.avoids OR m.workflow IS NOT NULL OR num_nonnulls(p.max_agents, p.max_tickets) > 0,
  p.stall_after_s,
  %(floor)s
FROM {marks}, (
  -- FOR SHARE: wait for a transaction that pauses or limits the project, so that its new lanes are too
  SELECT *
  FROM agents_project
  WHERE id = %(project)s
  FOR SHARE
) p
ORDER BY m.phase, m.capabilities, m.has_profile, m.alone, m.avoids, m.pools, m.workflow
ON CONFLICT (project_id, phase, capabilities, has_profile, alone, avoids, pools, workflow_id)
  DO UPDATE SET phase = excluded.phase
RETURNING
  id,
  phase,
  capabilities,
  has_profile,
  alone,
  avoids,
  coalesce(pools, '{}') AS pools,
  workflow_id
