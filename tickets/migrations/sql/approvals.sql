-- Approvals: who may give one, which of them count, and what a verdict makes of them. All of it is worked out
-- here, whoever asks: the application cannot insert a decision and calls omoi_decide.

-- A person's role in a project as it is now; empty for somebody deactivated, and for somebody without one.
CREATE FUNCTION omoi_role(of_user bigint, in_project bigint) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN u.is_superuser THEN 'admin' ELSE coalesce(m.role, '') END
  FROM auth_user u
  LEFT JOIN agents_member m ON m.user_id = u.id AND m.project_id = in_project
  WHERE u.id = of_user
    AND u.is_active
$$;

-- Who could approve in a project where the workflow asks for this role.
CREATE FUNCTION omoi_approvers(in_project bigint, asked_role text) RETURNS SETOF bigint
LANGUAGE sql STABLE AS $$
  SELECT m.user_id
  FROM agents_member m
  JOIN auth_user u ON u.id = m.user_id
  WHERE m.project_id = in_project
    AND u.is_active
    AND m.role IN ('admin', asked_role)
  UNION
  SELECT u.id
  FROM auth_user u
  WHERE u.is_superuser
    AND u.is_active
$$;

-- The people behind what is approved: who submitted an artifact that is seen, or completed a task of the
-- phase, themselves, by an agent of theirs, or with a key that was made with one of theirs.
CREATE FUNCTION omoi_authors(of_ticket bigint, of_phase text) RETURNS SETOF bigint
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE submitted AS (
    SELECT DISTINCT ON (a.phase, a.name) a."by", a.key
    FROM tickets_artifact a
    WHERE a.ticket_id = of_ticket
    ORDER BY a.phase, a.name, a.revision DESC
  ),
  used AS (
    SELECT k.user_id, k.agent_id, k.parent_id
    FROM agents_key k
    WHERE k.prefix IN (SELECT s.key FROM submitted s)
    UNION
    SELECT k.user_id, k.agent_id, k.parent_id
    FROM agents_key k
    JOIN used ON used.parent_id = k.id
  )
  SELECT u.id
  FROM auth_user u
  WHERE u.username IN (SELECT substr(s."by", 6) FROM submitted s WHERE s."by" LIKE 'user:%')
  UNION
  SELECT used.user_id
  FROM used
  WHERE used.user_id IS NOT NULL
  UNION
  SELECT a.owner_id
  FROM agents_agent a
  WHERE a.owner_id IS NOT NULL
    AND (
      a.name IN (SELECT substr(s."by", 7) FROM submitted s WHERE s."by" LIKE 'agent:%')
      OR a.id IN (SELECT used.agent_id FROM used)
      OR a.id IN (
        SELECT t.settled_by
        FROM tickets_task t
        WHERE t.ticket_id = of_ticket
          AND t.phase = of_phase
          AND t.state = 'completed'
      )
    )
$$;

-- What a person who decides sees: the newest artifacts of the ticket and the tasks of the phase.
ALTER FUNCTION omoi_evidence(bigint, text) RENAME TO omoi_submitted;

-- What each decision about a ticket is worth for its last stay in a phase: an approval `counts`, a refusal
-- `stands`, or why it does not.
CREATE FUNCTION omoi_decisions(of_ticket bigint, of_phase text)
RETURNS TABLE (id bigint, user_id bigint, state text)
LANGUAGE sql STABLE AS $$
  WITH stay AS MATERIALIZED (
    SELECT
      k.workflow_id,
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
      WHEN a.workflow_id <> s.workflow_id THEN 'workflow_changed'
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

-- How many people approve what the ticket holds.
CREATE FUNCTION omoi_approved_by(of_ticket bigint, of_phase text) RETURNS int
LANGUAGE sql STABLE AS $$
  SELECT count(DISTINCT d.user_id)::int
  FROM omoi_decisions(of_ticket, of_phase) d
  WHERE d.state = 'counts'
$$;

-- What a verdict is about: what was submitted and, in a phase with approvals, the decisions that stand. So a
-- verdict falls when an approval is added, overruled, expires, or when its person loses the role.
CREATE FUNCTION omoi_evidence(of_ticket bigint, of_phase text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN EXISTS (
      SELECT
      FROM tickets_ticket k
      JOIN tickets_workflowphase p ON p.workflow_id = k.workflow_id AND p.name = of_phase
      WHERE k.id = of_ticket
        AND p.approvals IS NOT NULL
    )
    THEN encode(sha256(convert_to(
      omoi_submitted(of_ticket, of_phase) || coalesce((
        SELECT jsonb_agg(d.id ORDER BY d.id)::text
        FROM omoi_decisions(of_ticket, of_phase) d
        WHERE d.state IN ('counts', 'stands')
      ), '[]'),
      'UTF8')), 'hex')
    ELSE omoi_submitted(of_ticket, of_phase)
  END
$$;

CREATE FUNCTION omoi_work_out_decision() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  about tickets_ticket;
  rule jsonb;
  authors bigint[];
BEGIN
  -- moves and artifacts wait for the lock
  SELECT * INTO about
  FROM tickets_ticket t
  WHERE t.id = NEW.ticket_id
  FOR NO KEY UPDATE;
  IF (about.phase, about.moves) IS DISTINCT FROM (NEW.phase, NEW.move) THEN
    RAISE EXCEPTION 'ticket %: it has moved since move % in %', about.key, NEW.move, NEW.phase
      USING ERRCODE = 'serialization_failure';
  END IF;
  IF NEW.seen IS DISTINCT FROM omoi_submitted(NEW.ticket_id, NEW.phase) THEN
    RAISE EXCEPTION 'ticket %: its evidence has changed since it was seen', about.key
      USING ERRCODE = 'serialization_failure';
  END IF;
  SELECT p.approvals INTO rule
  FROM tickets_workflowphase p
  WHERE p.workflow_id = about.workflow_id
    AND p.name = about.phase;
  IF rule IS NULL THEN
    RAISE EXCEPTION 'ticket %: % asks for no approval', about.key, about.phase
      USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.user_id NOT IN (SELECT omoi_approvers(about.project_id, rule->>'role')) THEN
    RAISE EXCEPTION 'ticket %: user % has not the role %', about.key, NEW.user_id, rule->>'role'
      USING ERRCODE = 'check_violation';
  END IF;
  authors := ARRAY(SELECT omoi_authors(about.id, about.phase));
  NEW.self_approved := NEW.decision = 'approve' AND NEW.user_id = ANY (authors);
  IF NEW.self_approved AND (
    rule->>'self' = 'never'
    OR EXISTS (
      SELECT
      FROM omoi_approvers(about.project_id, rule->>'role') other
      WHERE other <> ALL (authors)
    )
  ) THEN
    RAISE EXCEPTION 'ticket %: user % is an author of what would be approved', about.key, NEW.user_id
      USING ERRCODE = 'check_violation';
  END IF;
  SELECT 'user:' || u.username, omoi_role(u.id, about.project_id) INTO NEW."by", NEW.role
  FROM auth_user u
  WHERE u.id = NEW.user_id;
  NEW.workflow_id := about.workflow_id;
  NEW.at := clock_timestamp();
  NEW.expires_at := NEW.at + make_interval(secs => (rule->>'expires_s')::float8);
  RETURN NEW;
END $$;

CREATE TRIGGER decision_is_worked_out
BEFORE INSERT ON tickets_approval
FOR EACH ROW EXECUTE FUNCTION omoi_work_out_decision();

-- Every decision has its event.
CREATE FUNCTION omoi_record_decision() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  WITH about AS (
    UPDATE tickets_ticket t
    SET events = t.events + 1
    WHERE t.id = NEW.ticket_id
    RETURNING
      t.project_id,
      'ticket:' || t.key AS topic,
      t.events
  )
  INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, reason, data)
  SELECT
    project_id,
    topic,
    topic,
    events,
    CASE NEW.decision
      WHEN 'approve' THEN 'approval.given'
      WHEN 'reject' THEN 'approval.rejected'
      ELSE 'approval.changes_requested'
    END,
    NEW."by",
    NEW.key,
    NEW.reason,
    jsonb_build_object(
      'approval', NEW.id,
      'phase', NEW.phase,
      'seen', NEW.seen,
      'role', NEW.role,
      'self_approved', NEW.self_approved
    )
  FROM about;
  RETURN NULL;
END $$;

CREATE TRIGGER decision_is_recorded
AFTER INSERT ON tickets_approval
FOR EACH ROW EXECUTE FUNCTION omoi_record_decision();

CREATE TRIGGER decision_never_changes
BEFORE UPDATE OR DELETE ON tickets_approval
FOR EACH ROW EXECUTE FUNCTION omoi_never();

-- The application's only way to a decision. Whoever calls it is believed who decides, and nothing else.
CREATE FUNCTION omoi_decide(
  of_ticket bigint,
  in_phase text,
  at_move int,
  seen text,
  decision text,
  why text,
  decider bigint,
  decider_key text
) RETURNS tickets_approval
LANGUAGE sql SECURITY DEFINER AS $$
  INSERT INTO tickets_approval (
    ticket_id, workflow_id, phase, move, decision, reason, seen, user_id, role, self_approved, "by", key
  )
  VALUES (of_ticket, 0, in_phase, at_move, decision, why, seen, decider, '', false, '', decider_key)
  RETURNING *
$$;

REVOKE EXECUTE ON FUNCTION omoi_decide(bigint, text, int, text, text, text, bigint, text) FROM PUBLIC;

-- Only the trigger of a decision writes its event.
CREATE TRIGGER decision_writes_its_event
BEFORE INSERT ON agents_event
FOR EACH ROW
WHEN (
  NEW.kind IN ('approval.given', 'approval.rejected', 'approval.changes_requested')
  AND pg_trigger_depth() = 0
)
EXECUTE FUNCTION omoi_verdict_writes_its_event();

CREATE OR REPLACE FUNCTION omoi_verdict_writes_its_event() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'an event % is written only with the row that it tells of', NEW.kind
    USING ERRCODE = 'restrict_violation';
END $$;

-- ALWAYS: the replica role does not switch them off.
ALTER TABLE tickets_approval ENABLE ALWAYS TRIGGER decision_is_worked_out;
ALTER TABLE tickets_approval ENABLE ALWAYS TRIGGER decision_is_recorded;
ALTER TABLE tickets_approval ENABLE ALWAYS TRIGGER decision_never_changes;
ALTER TABLE agents_event ENABLE ALWAYS TRIGGER decision_writes_its_event;
