WITH {rooms}
SELECT
  k.key AS ticket,
  k.phase,
  k.pause_reason,
  k.blocked_class,
  k.blocked_reason,
  k.move_fault,
  (
    SELECT jsonb_agg(verdict_check - 'reasons')
    FROM tickets_verdict v
    CROSS JOIN jsonb_array_elements(v.checks) verdict_check
    WHERE v.id = (SELECT max(w.id) FROM tickets_verdict w WHERE w.ticket_id = k.id)
      AND NOT (verdict_check->>'passed')::boolean
  ) AS unmet,
  kp.gated,
  kp.approvals,
  CASE WHEN kp.approvals IS NOT NULL THEN omoi_approved_by(k.id, k.phase) END AS approved,
  (
    SELECT jsonb_build_object('decision', a.decision, 'by', a."by", 'reason', a.reason)
    FROM tickets_approval a
    WHERE a.ticket_id = k.id
      AND a.decision <> 'approve'
    ORDER BY a.id DESC
    LIMIT 1
  ) AS last_refusal,
  {left_open} AS left_open,
  (SELECT to_jsonb(late) FROM {moves_late}) AS moves_late,
  j.key AS project,
  j.pause_reason AS project_reason,
  z.reason AS freeze_reason,
  z.project_id IS NULL AS all_frozen,
  to_jsonb(w) AS full_phase,
  {late_tasks} AS late_tasks,
  {silent_holders} AS silent,
  c.*,
  {columns},
  ARRAY(
    SELECT t.id
    {open_tasks}
    LIMIT %(most)s
  ) AS open_task_ids,
  CASE WHEN c.unfinished > %(most)s THEN ARRAY{beyond} END AS beyond
{from_ticket}
WHERE k.id = %(ticket)s
