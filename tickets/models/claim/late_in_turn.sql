-- So many other tasks of its project come before task `t` of lane `l` that it is not granted now: tasks that
-- nothing but a lock of another act keeps from this agent.
(
  SELECT count(*) >= min(agent.free) + {spare}
  FROM agent
  JOIN first_unavoided u ON u.project_id = l.project_id
  WHERE (u.rank, u.id) < (t.rank, t.id)
    AND NOT u.alone
    AND u.pools IS NULL
    AND (l.begun IS NULL OR u.ticket_id = ANY (l.begun))
)
