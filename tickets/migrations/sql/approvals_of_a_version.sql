-- A decision counts under the version of the workflow that it was made under. A ticket may come back to that
-- version: then it has changed twice since, and the decision counts no more.
CREATE FUNCTION omoi_note_the_version() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  SELECT t.workflow_changes INTO NEW.workflow_changes
  FROM tickets_ticket t
  WHERE t.id = NEW.ticket_id;
  RETURN NEW;
END $$;

-- after decision_is_worked_out, which locks the ticket: triggers fire in the order of their names
CREATE TRIGGER decision_notes_the_version
BEFORE INSERT ON tickets_approval
FOR EACH ROW EXECUTE FUNCTION omoi_note_the_version();

-- What each decision about a ticket is worth for its last stay in a phase: an approval `counts`, a refusal
-- `stands`, or why it does not.
CREATE OR REPLACE FUNCTION omoi_decisions(of_ticket bigint, of_phase text)
RETURNS TABLE (id bigint, user_id bigint, state text)
LANGUAGE sql STABLE AS $$
  WITH stay AS MATERIALIZED (
    SELECT
      k.workflow_changes,
      p.name AS phase,
      p.approvals,
      (
        SELECT max(h.move)
        FROM tickets_phasemove h
        WHERE h.ticket_id = k.id
          AND h.to_phase = p.name
      ) AS move,
      omoi_submitted(k.id, p.name) AS submitted,
      ARRAY(SELECT omoi_authors(k.id, p.name)) AS authors,
      ARRAY(SELECT omoi_approvers(k.project_id, p.approvals->>'role')) AS approvers
    FROM tickets_ticket k
    JOIN tickets_workflowphase p ON p.workflow_id = k.workflow_id AND p.name = of_phase
    WHERE k.id = of_ticket
      AND p.approvals IS NOT NULL
  )
  SELECT
    a.id,
    a.user_id,
    CASE
      WHEN (a.phase, a.move) IS DISTINCT FROM (s.phase, s.move) THEN 'moved'
      WHEN a.workflow_changes <> s.workflow_changes THEN 'workflow_changed'
      WHEN a.seen <> s.submitted THEN 'evidence_changed'
      WHEN a.decision <> 'approve' THEN 'stands'
      WHEN EXISTS (
        SELECT
        FROM tickets_approval later
        WHERE later.ticket_id = a.ticket_id
          AND later.id > a.id
          AND later.move = a.move
          AND later.seen = a.seen
          AND later.decision <> 'approve'
      ) THEN 'overruled'
      WHEN a.expires_at <= clock_timestamp() THEN 'expired'
      WHEN a.user_id <> ALL (s.approvers) THEN 'role_lost'
      WHEN a.user_id = ANY (s.authors)
        AND (s.approvals->>'self' = 'never' OR NOT s.approvers <@ s.authors) THEN 'author'
      ELSE 'counts'
    END
  FROM tickets_approval a
  LEFT JOIN stay s ON true
  WHERE a.ticket_id = of_ticket
$$;

-- ALWAYS: the replica role does not switch it off.
ALTER TABLE tickets_approval ENABLE ALWAYS TRIGGER decision_notes_the_version;
