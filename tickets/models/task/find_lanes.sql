SELECT
  l.id,
  l.phase,
  l.capabilities,
  l.has_profile,
  l.alone,
  l.avoids,
  coalesce(l.pools, '{}') AS pools,
  l.workflow_id
FROM {marks}
JOIN tickets_lane l
  ON (l.project_id, l.phase, l.capabilities, l.has_profile, l.alone, l.avoids)
  = (%(project)s, m.phase, m.capabilities, m.has_profile, m.alone, m.avoids)
  AND coalesce(l.pools, '{}') = m.pools
  AND l.workflow_id IS NOT DISTINCT FROM m.workflow
