-- Tickets as REST clients see them.
SELECT
  k.id,
  k.version,
  (
    SELECT row_to_json(ticket)::text
    FROM (
      SELECT
        k.key,
        j.key AS project,
        k.title,
        k.description,
        {priority} AS priority,
        k.labels,
        k.acceptance,
        json_build_object('name', w.name, 'version', w.version) AS workflow,
        k.phase,
        k.previous_phase,
        {phase_since} AS phase_since,
        k.paused,
        k.pause_reason,
        CASE
          WHEN k.blocked_reason <> ''
            THEN json_build_object('class', k.blocked_class, 'reason', k.blocked_reason)
        END AS blocked,
        p.key AS parent,
        (
          SELECT o.key
          FROM tickets_link l
          JOIN tickets_ticket o ON o.id = l.other_id
          WHERE l.ticket_id = k.id
            AND l.kind = '{follow_up}'
          LIMIT 1
        ) AS follow_up,
        (
          SELECT r.schedule_id::text
          FROM tickets_schedulerun r
          WHERE r.ticket_id = k.id
          ORDER BY r.id
          LIMIT 1
        ) AS schedule,
        c.tasks,
        s.who AS waiting_on,
        {waiting_on_at} AS waiting_on_at,
        k.source,
        k.source_id,
        k.external_ref,
        k.version,
        {archived_at} AS archived_at,
        {created_at} AS created_at,
        {updated_at} AS updated_at
    ) ticket
  ) AS document
FROM tickets_ticket k
JOIN agents_project j ON j.id = k.project_id
JOIN tickets_workflow w ON w.id = k.workflow_id
LEFT JOIN tickets_ticket p ON p.id = k.parent_id
CROSS JOIN LATERAL (
  SELECT
    json_build_object(
      {counts}
    ) AS tasks
  FROM tickets_task t
  WHERE t.ticket_id = k.id
) c
LEFT JOIN LATERAL (
  {stored_wait}
  WHERE w.id = k.id
  OFFSET 0
) s ON true
WHERE k.id = ANY ({ids})
