-- Open tasks of the profiles that are in lanes of other pools than their profile names now.
SELECT t.id
FROM jsonb_to_recordset(%(profiles)s) AS w(profile varchar, pools varchar[])
JOIN tickets_task t ON t.profile = w.profile
JOIN tickets_lane l ON l.id = t.lane_id
WHERE t.state IN ('pending', 'claimed')
  AND coalesce(l.pools, '{}') <> w.pools
ORDER BY t.id
LIMIT %(limit)s
FOR NO KEY UPDATE OF t
