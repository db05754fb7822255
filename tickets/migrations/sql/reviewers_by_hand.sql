-- As before; the row through which a person holds tasks is called by the person's name.
CREATE OR REPLACE FUNCTION omoi_reviewer_is(of_review bigint) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  WITH review AS (
    SELECT
      t.ticket_id,
      t.phase,
      ARRAY[t.settled_by] AS agents,
      ARRAY(
        SELECT e.key
        FROM agents_event e
        WHERE e.topic = 'ticket:' || k.key
          AND e.subject = 'task:' || t.id
          AND e.kind = 'task.completed'
      ) AS keys
    FROM tickets_task t
    JOIN tickets_ticket k ON k.id = t.ticket_id
    WHERE t.id = of_review
      AND t.settled_by IS NOT NULL
  )
  SELECT DISTINCT coalesce(
    CASE a.kind WHEN 'person' THEN a.name ELSE 'agent:' || a.name END,
    'user:' || u.username
  )
  FROM review
  CROSS JOIN omoi_authorship(review.ticket_id, review.phase, false) author
  CROSS JOIN omoi_behind(review.agents, review.keys) reviewer
  LEFT JOIN agents_agent a ON a.id = author.agent_id
  LEFT JOIN auth_user u ON u.id = author.user_id
  WHERE author.agent_id = reviewer.agent_id
    OR author.user_id = reviewer.user_id
$$;
