-- The phases `p` of a workflow version that hold others in a project: they are full, or one of their tickets
-- has waited for people too long.
SELECT
  p.name AS phase,
  p.wip,
  f.is_full,
  first.key,
  first.since,
  first.who,
  f.is_full AND first.who IS NULL AND {full_circle} AS circle
FROM tickets_workflowphase p
CROSS JOIN LATERAL (
  SELECT omoi_full({project}, p.workflow_id, p.name, p.wip) AS is_full
  OFFSET 0  -- counted once
) f
LEFT JOIN LATERAL (
  {longest_waiting}
) first ON true
WHERE p.workflow_id = {workflow}
  AND jsonb_exists(p.wip, 'holds')
  AND (
    f.is_full
    OR first.since < clock_timestamp() - (p.wip->>'oldest_s')::int * interval '1 s'
  )
