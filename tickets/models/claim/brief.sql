-- What the holder gets with its task: the ticket, and the results of the tasks it needed. The list is
-- wrapped in a subselect so that a plan for any list looks as cheap as one for this list: see decide.sql.
SELECT
  t.id,
  k.title AS ticket_title,
  k.description AS ticket_description,
  k.context,
  k.phase <> t.phase AS first_of_phase,
  coalesce(
    (
      SELECT jsonb_agg(
        jsonb_build_object(
          'task', p.id::text,
          'key', p.ticket_key || '.' || p.id,
          'title', p.title,
          'state', p.state,
          'result', p.result
        )
        ORDER BY p.id
      )
      FROM tickets_need n
      JOIN tickets_task p ON p.id = n.parent_id
      WHERE n.child_id = t.id
    ),
    '[]'
  ) AS inputs,
  t.profile = '' OR (
    SELECT t.profile = ANY (j.profiles)
    FROM agents_project j
    WHERE j.id = t.project_id
  ) AS granted
FROM tickets_task t
JOIN tickets_ticket k ON k.id = t.ticket_id
WHERE t.id = ANY ((SELECT %s::bigint[])::bigint[])
