-- What the list and the page of an agent show of these agents. Of what they hold only tasks of these projects
-- have names. `minutes`: the last ones until now, in which it was heard from; `known`: from which of all on.
SELECT
  a.*,
  p.last_seen_at,
  coalesce(p.word, '') AS word,
  p.shared_at > clock_timestamp() - {shared_for} AS shared,
  {status} AS status,
  {place} AS place,
  {silent_for} AS silent,
  held.n AS held,
  held.shown AS held_shown,
  held.projects AS held_projects,
  tasks.rows AS tasks,
  (SELECT u.username FROM auth_user u WHERE u.id = a.owner_id) AS owner_name,
  EXISTS (SELECT FROM agents_agent_projects m WHERE m.agent_id = a.id) AS placed,
  ARRAY(SELECT m.project_id FROM agents_agent_projects m WHERE m.agent_id = a.id) AS project_ids,
  ARRAY(
    SELECT j.key
    FROM agents_agent_projects m
    JOIN agents_project j ON j.id = m.project_id
    WHERE m.agent_id = a.id
      AND (%(projects)s::bigint[] IS NULL OR j.id = ANY (%(projects)s::bigint[]))
    ORDER BY j.key
  ) AS project_keys,
  substring(heard.minutes FROM {all_minutes} + 1 - %(minutes)s::int)::text AS minutes,
  position(B'1' IN heard.minutes) AS known
FROM agents_agent a
LEFT JOIN agents_agentpresence p ON p.agent_id = a.id
CROSS JOIN LATERAL (
  SELECT
    count(*) AS n,
    count(*) FILTER (
      WHERE %(projects)s::bigint[] IS NULL OR t.project_id = ANY (%(projects)s::bigint[])
    ) AS shown,
    coalesce(array_agg(t.project_id), '{}') AS projects
  FROM tickets_task t
  WHERE t.holder_id = a.id
) held
CROSS JOIN LATERAL (
  SELECT coalesce(jsonb_agg(task ORDER BY claimed_at, id), '[]') AS rows
  FROM (
    SELECT
      t.id,
      t.fence,
      t.ticket_key AS ticket,
      t.ticket_key || '.' || t.id AS key,
      t.title,
      t.phase,
      t.attempts,
      t.max_attempts,
      t.claimed_at,
      t.lease_expires_at,
      t.active_at,
      t.stalled_at,
      t.progress ->> 'message' AS message,
      t.progress ->> 'percent' AS percent
    FROM tickets_task t
    WHERE t.holder_id = a.id
      AND (%(projects)s::bigint[] IS NULL OR t.project_id = ANY (%(projects)s::bigint[]))
    ORDER BY
      t.claimed_at,
      t.id
    LIMIT %(tasks)s
  ) task
) tasks
CROSS JOIN LATERAL (
  SELECT coalesce(p.minutes << least({all_minutes}, {since_then}), 0::bit({all_minutes})) AS minutes
) heard
WHERE a.id = ANY (%(ids)s::bigint[])
