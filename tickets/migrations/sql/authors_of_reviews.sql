-- Who is behind these agents and keys: the agents themselves, who owns them, with whose keys theirs were
-- made, and which agents registered them, all the way up. An agent that another one registers has no owner.
CREATE FUNCTION omoi_behind(agents bigint[], keys text[]) RETURNS TABLE (user_id bigint, agent_id bigint)
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE behind(user_id, agent_id, key_id) AS (
    SELECT NULL::bigint, agent, NULL::bigint
    FROM unnest(agents) agent
    UNION
    SELECT k.user_id::bigint, k.agent_id, k.parent_id
    FROM agents_key k
    WHERE k.prefix = ANY (keys)
    UNION
    SELECT up.user_id, up.agent_id, up.key_id
    FROM behind
    CROSS JOIN LATERAL (
      SELECT k.user_id::bigint, k.agent_id, k.parent_id AS key_id
      FROM agents_key k
      WHERE k.id = behind.key_id
      UNION ALL
      SELECT a.owner_id::bigint, NULL, NULL
      FROM agents_agent a
      WHERE a.id = behind.agent_id
      UNION ALL
      SELECT NULL, registrar.id, k.parent_id
      FROM agents_agent a
      CROSS JOIN LATERAL (
        SELECT e.actor, e.key
        FROM agents_event e
        WHERE e.topic = 'agent:' || a.name
          AND e.kind = 'agent.registered'
        ORDER BY e.xid, e.id  -- it is the first of its topic
        LIMIT 1
      ) registered
      JOIN agents_agent registrar ON registered.actor = 'agent:' || registrar.name
      LEFT JOIN agents_key k ON k.prefix = registered.key
      WHERE a.id = behind.agent_id
    ) up
  )
  SELECT b.user_id, b.agent_id
  FROM behind b
  WHERE b.user_id IS NOT NULL
    OR b.agent_id IS NOT NULL
$$;

-- The authors of what a ticket shows: who submitted an artifact that is seen, or completed a task of the
-- phase, and who is behind them. The one place that says who is an author.
--
-- reviews: whether who completed a review is one too. Then their people approve nothing that they reviewed;
-- but who looks again is not barred by their own earlier review.
CREATE FUNCTION omoi_authorship(of_ticket bigint, of_phase text, reviews boolean)
RETURNS TABLE (user_id bigint, agent_id bigint)
LANGUAGE sql STABLE AS $$
  WITH submitted AS (
    SELECT DISTINCT ON (a.phase, a.name) a."by", a.key
    FROM tickets_artifact a
    WHERE a.ticket_id = of_ticket
    ORDER BY a.phase, a.name, a.revision DESC
  ),
  done AS (
    SELECT t.settled_by AS agent, e.key
    FROM tickets_task t
    JOIN tickets_ticket k ON k.id = t.ticket_id
    LEFT JOIN agents_event e ON e.topic = 'ticket:' || k.key
      AND e.subject = 'task:' || t.id
      AND e.kind = 'task.completed'
    WHERE t.ticket_id = of_ticket
      AND t.phase = of_phase
      AND t.state = 'completed'
      AND (reviews OR NOT EXISTS (
        SELECT
        FROM tickets_checkrun r
        WHERE r.ticket_id = of_ticket
          AND r.task_id = t.id
      ))
  )
  SELECT u.id::bigint, NULL::bigint
  FROM auth_user u
  WHERE u.username IN (SELECT substr(s."by", 6) FROM submitted s WHERE s."by" LIKE 'user:%')
  UNION
  SELECT b.user_id, b.agent_id
  FROM omoi_behind(
    ARRAY(
      SELECT a.id FROM agents_agent a JOIN submitted s ON s."by" = 'agent:' || a.name
      UNION
      SELECT d.agent FROM done d WHERE d.agent IS NOT NULL
    ),
    ARRAY(SELECT s.key FROM submitted s UNION SELECT d.key FROM done d)
  ) b
$$;

CREATE OR REPLACE FUNCTION omoi_authors(of_ticket bigint, of_phase text) RETURNS SETOF bigint
LANGUAGE sql STABLE AS $$
  SELECT DISTINCT a.user_id
  FROM omoi_authorship(of_ticket, of_phase, true) a
  WHERE a.user_id IS NOT NULL
$$;

-- What whoever completed a review has in common with the authors: `agent:ada` if she is an author, registered
-- one or was registered by one; `user:ann` if ann is behind both.
CREATE FUNCTION omoi_reviewer_is(of_review bigint) RETURNS SETOF text
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
  SELECT DISTINCT coalesce('agent:' || a.name, 'user:' || u.username)
  FROM review
  CROSS JOIN omoi_authorship(review.ticket_id, review.phase, false) author
  CROSS JOIN omoi_behind(review.agents, review.keys) reviewer
  LEFT JOIN agents_agent a ON a.id = author.agent_id
  LEFT JOIN auth_user u ON u.id = author.user_id
  WHERE author.agent_id = reviewer.agent_id
    OR author.user_id = reviewer.user_id
$$;
