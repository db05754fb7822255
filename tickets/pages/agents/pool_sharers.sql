-- Who shares these pools: the first agents by name of those (or of a project), and how many.
SELECT
  p.name,
  count(*) AS number,
  (array_agg(a.name ORDER BY a.name))[1:%(most)s::int] AS names
FROM agents_pool p
JOIN agents_agent a ON a.pools @> ARRAY[p.name]
WHERE p.name = ANY (%(pools)s::varchar[])
  AND (
    a.id = ANY (%(ids)s::bigint[])
    OR a.id IN (SELECT m.agent_id FROM agents_agent_projects m WHERE m.project_id = %(project)s::bigint)
  )
GROUP BY p.name
