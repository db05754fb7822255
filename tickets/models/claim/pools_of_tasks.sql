-- Of each task: the pools that its profile names; of the agent: those that it names itself.
SELECT
  t.id,
  t.fence,
  t.profile,
  coalesce(l.pools, '{}') AS of_profile,
  a.pools AS of_agent
FROM tickets_task t
JOIN tickets_lane l ON l.id = t.lane_id
JOIN agents_agent a ON a.id = %(agent)s
WHERE t.id = ANY (%(ids)s)
ORDER BY t.id
