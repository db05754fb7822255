-- `may_be_late`: whether the agent, if the fence is its own, may still complete the task.
-- `own`: whether the agent holds the task now, under whichever fence; its lease may have ended.
-- `seen`: whether the agent may see the task. The holder of a task in another project is not revealed.
SELECT
  t.id,
  t.state,
  t.fence,
  t.settled_by,
  t.settled_fence,
  t.settled_as,
  coalesce({may_be_late}, false) AS may_be_late,
  coalesce(t.holder_id = a.id, false) AS own,
  h.name AS holder,
  a.kind = 'person' AS by_person,
  -- what a person may see was asked before
  a.sees_all OR a.kind = 'person' OR EXISTS (
    SELECT
    FROM agents_agent_projects m
    WHERE m.agent_id = a.id
      AND m.project_id = t.project_id
  ) AS seen
FROM tickets_task t
JOIN agents_agent a ON a.id = %(agent)s
LEFT JOIN agents_agent h ON h.id = t.holder_id
WHERE t.id = ANY (%(ids)s)
