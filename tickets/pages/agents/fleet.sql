-- One page of these agents, worst first, and how many there are of each status and kind.
WITH held AS MATERIALIZED (
  SELECT
    t.holder_id,
    count(*) AS n
  FROM tickets_task t
  WHERE t.holder_id = ANY (%(ids)s::bigint[])
  GROUP BY t.holder_id
),

found AS MATERIALIZED (
  SELECT
    a.id,
    a.name,
    a.kind,
    a.capacity,
    a.capabilities,
    a.pools,
    held.n AS held,
    {status} AS status,
    {place} AS place,
    held.n = 0 AND {silent_for} > {gone_after} AS gone
  FROM agents_agent a
  LEFT JOIN agents_agentpresence p ON p.agent_id = a.id
  CROSS JOIN LATERAL (
    SELECT coalesce((SELECT h.n FROM held h WHERE h.holder_id = a.id), 0) AS n
  ) held
  WHERE a.id = ANY (%(ids)s::bigint[])
),

page AS (
  SELECT
    f.id,
    f.place,
    f.name
  FROM found f
  WHERE (%(gone)s OR NOT f.gone)
    AND (%(statuses)s::text[] = '{}' OR f.status = ANY (%(statuses)s::text[]))
    AND (%(kind)s::text = '' OR f.kind = %(kind)s::text)
    AND (%(pool)s::text = '' OR f.pools @> ARRAY[%(pool)s::varchar])
    AND (
      %(word)s::text = ''
      OR strpos(f.name, %(word)s::text) > 0
      OR EXISTS (SELECT FROM unnest(f.capabilities) c WHERE strpos(c, %(word)s::text) > 0)
    )
    AND (f.place, f.name) > (%(place)s::int, %(name)s::text)
  ORDER BY
    f.place,
    f.name
  LIMIT %(limit)s
)

SELECT
  (
    SELECT coalesce(jsonb_agg(jsonb_build_array(id, place, name) ORDER BY place, name), '[]')
    FROM page
  ) AS page,
  (
    SELECT coalesce(jsonb_agg(counts), '[]')
    FROM (
      SELECT
        f.status,
        f.kind,
        f.gone,
        count(*) AS number,
        sum(f.held) AS held,
        sum(f.capacity) AS capacity
      FROM found f
      GROUP BY
        f.status,
        f.kind,
        f.gone
    ) counts
  ) AS counts
