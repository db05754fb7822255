  k.title AS ticket_title,
  k.description AS ticket_description,
  k.context,
  k.feedback,
  k.phase <> t.phase AS first_of_phase,
  array_to_json(
    ARRAY(
      SELECT json_build_object(
        'task', p.id::text,
        'key', p.ticket_key || '.' || p.id,
        'title', p.title,
        'state', p.state,
        'result', p.result
      )
      FROM tickets_need n
      JOIN tickets_task p ON p.id = n.parent_id
      WHERE n.child_id = t.id
      ORDER BY n.parent_id
    )
  ) AS inputs,
  t.profile = '' OR (
    SELECT t.profile = ANY (j.profiles)
    FROM agents_project j
    WHERE j.id = t.project_id
  ) AS granted
