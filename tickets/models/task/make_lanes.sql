INSERT INTO tickets_lane (project_id, phase, capabilities, has_profile, alone, paused, floor)
SELECT
  p.id,
  m.phase,
  m.capabilities,
  m.has_profile,
  m.alone,
  p.paused,
  %(floor)s
FROM {marks}, (
  -- FOR SHARE: wait for a transaction that pauses the project, so that its new lanes are paused too
  SELECT *
  FROM agents_project
  WHERE id = %(project)s
  FOR SHARE
) p
ORDER BY m.phase, m.capabilities, m.has_profile, m.alone
ON CONFLICT (project_id, phase, capabilities, has_profile, alone)
  DO UPDATE SET phase = excluded.phase
RETURNING id, phase, capabilities, has_profile, alone
