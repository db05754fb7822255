-- People who could approve and have not: no author, where somebody else could or the workflow says never.
SELECT k.id, count(*)
FROM unnest(%(tickets)s::bigint[], %(phases)s::text[]) asked (ticket, phase)
JOIN tickets_ticket k ON k.id = asked.ticket
JOIN tickets_workflowphase p ON p.workflow_id = k.workflow_id AND p.name = asked.phase
CROSS JOIN LATERAL (
  SELECT
    ARRAY(SELECT omoi_approvers(k.project_id, p.approvals->>'role')) AS able,
    ARRAY(SELECT omoi_authors(k.id, p.name)) AS authors,
    ARRAY(SELECT d.user_id FROM omoi_decisions(k.id, p.name) d WHERE d.state = 'counts') AS approved
) now
CROSS JOIN LATERAL unnest(now.able) person
WHERE person <> ALL (now.approved)
  AND NOT (
    person = ANY (now.authors)
    AND (p.approvals->>'self' = 'never' OR NOT now.able <@ now.authors)
  )
GROUP BY k.id
