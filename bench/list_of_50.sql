-- What the peer answers to a list of tickets: the newest $4 of project $3, as JSON made by PostgreSQL, for
-- the agent whose key has the prefix $1 and the hash $2. The same fields as ours, in one statement, the key
-- included.
WITH me AS MATERIALIZED (
  SELECT a.id
  FROM agents_key key
  JOIN agents_agent a ON a.id = key.agent_id
  WHERE key.prefix = $1
    AND key.hash = $2
    AND key.revoked_at IS NULL
    AND (key.expires_at IS NULL OR key.expires_at > now())
),
p AS MATERIALIZED (
  SELECT j.id, j.key
  FROM agents_project j
  WHERE j.key = $3
    AND j.id = ANY (
      ARRAY(SELECT m.project_id FROM agents_agent_projects m WHERE m.agent_id = (SELECT id FROM me))
    )
),
newest AS MATERIALIZED (
  SELECT found.id
  FROM p
  CROSS JOIN LATERAL (
    SELECT k.id
    FROM tickets_ticket k
    WHERE (k.project_id, k.id) > (p.id, 0)
      AND (k.project_id, k.id) < (p.id, 9223372036854775807)
      AND k.archived_at IS NULL
    ORDER BY
      k.project_id DESC,
      k.id DESC
    LIMIT $4
  ) found
)
SELECT
  '[' || coalesce(
    string_agg(
      (
        SELECT row_to_json(ticket)::text
        FROM (
          SELECT
            k.key,
            p.key AS project,
            k.title,
            k.description,
            (ARRAY['critical', 'high', 'medium', 'low'])[k.priority + 1] AS priority,
            k.labels,
            k.acceptance,
            json_build_object('name', w.name, 'version', w.version) AS workflow,
            k.phase,
            k.previous_phase,
            k.phase_since,
            k.paused,
            k.pause_reason,
            CASE
              WHEN k.blocked_reason <> ''
                THEN json_build_object('class', k.blocked_class, 'reason', k.blocked_reason)
            END AS blocked,
            parent.key AS parent,
            (
              SELECT o.key
              FROM tickets_link l
              JOIN tickets_ticket o ON o.id = l.other_id
              WHERE l.ticket_id = k.id
                AND l.kind = 'follow_up'
              LIMIT 1
            ) AS follow_up,
            c.tasks,
            k.source,
            k.source_id,
            k.external_ref,
            k.version,
            k.archived_at,
            k.created_at,
            k.updated_at
        ) ticket
      ),
      ','
      ORDER BY k.id DESC
    ),
    ''
  ) || ']' AS results
FROM p
JOIN tickets_ticket k ON k.id = ANY (ARRAY(SELECT id FROM newest))
JOIN tickets_workflow w ON w.id = k.workflow_id
LEFT JOIN tickets_ticket parent ON parent.id = k.parent_id
CROSS JOIN LATERAL (
  SELECT
    json_build_object(
      'pending', count(*) FILTER (WHERE t.state = 'pending'),
      'claimed', count(*) FILTER (WHERE t.state = 'claimed'),
      'completed', count(*) FILTER (WHERE t.state = 'completed'),
      'failed', count(*) FILTER (WHERE t.state = 'failed'),
      'cancelled', count(*) FILTER (WHERE t.state = 'cancelled')
    ) AS tasks
  FROM tickets_task t
  WHERE t.ticket_id = k.id
) c
