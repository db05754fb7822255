-- The people behind what is approved, as before, and those with one of whose keys the key was made that
-- completed a task of the phase: the journal names it. An agent that another one registers has no owner.
CREATE OR REPLACE FUNCTION omoi_authors(of_ticket bigint, of_phase text) RETURNS SETOF bigint
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE submitted AS (
    SELECT DISTINCT ON (a.phase, a.name) a."by", a.key
    FROM tickets_artifact a
    WHERE a.ticket_id = of_ticket
    ORDER BY a.phase, a.name, a.revision DESC
  ),
  done AS (
    SELECT e.key
    FROM tickets_task t
    JOIN tickets_ticket k ON k.id = t.ticket_id
    JOIN agents_event e ON e.topic = 'ticket:' || k.key
      AND e.subject = 'task:' || t.id
      AND e.kind = 'task.completed'
    WHERE t.ticket_id = of_ticket
      AND t.phase = of_phase
      AND t.state = 'completed'
      AND e.key <> ''
  ),
  used AS (
    SELECT k.user_id, k.agent_id, k.parent_id
    FROM agents_key k
    WHERE k.prefix IN (SELECT s.key FROM submitted s UNION SELECT d.key FROM done d)
    UNION
    SELECT k.user_id, k.agent_id, k.parent_id
    FROM agents_key k
    JOIN used ON used.parent_id = k.id
  )
  SELECT u.id
  FROM auth_user u
  WHERE u.username IN (SELECT substr(s."by", 6) FROM submitted s WHERE s."by" LIKE 'user:%')
  UNION
  SELECT used.user_id
  FROM used
  WHERE used.user_id IS NOT NULL
  UNION
  SELECT a.owner_id
  FROM agents_agent a
  WHERE a.owner_id IS NOT NULL
    AND (
      a.name IN (SELECT substr(s."by", 7) FROM submitted s WHERE s."by" LIKE 'agent:%')
      OR a.id IN (SELECT used.agent_id FROM used)
      OR a.id IN (
        SELECT t.settled_by
        FROM tickets_task t
        WHERE t.ticket_id = of_ticket
          AND t.phase = of_phase
          AND t.state = 'completed'
      )
    )
$$;
