-- What a person who looks at a ticket may decide, and over what: `text_changes` is that of the text they
-- read. `barred`: an author, where somebody else could approve or the workflow lets no author approve.
SELECT
  omoi_shown(k.id, k.phase, %(text_changes)s::int) AS seen,
  omoi_role(%(user)s, k.project_id) AS role,
  p.approvals,
  approver.able,
  author.is_one AS author,
  author.is_one AND (p.approvals->>'self' = 'never' OR EXISTS (
    SELECT
    FROM omoi_approvers(k.project_id, p.approvals->>'role') other
    WHERE other NOT IN (SELECT omoi_authors(k.id, k.phase))
  )) AS barred
FROM tickets_ticket k
JOIN tickets_workflowphase p ON p.workflow_id = k.workflow_id AND p.name = k.phase
CROSS JOIN LATERAL (
  SELECT %(user)s IN (SELECT omoi_approvers(k.project_id, p.approvals->>'role')) AS able
) approver
CROSS JOIN LATERAL (
  SELECT %(user)s IN (SELECT omoi_authors(k.id, k.phase)) AS is_one
) author
WHERE k.id = %(ticket)s
  AND p.approvals IS NOT NULL
