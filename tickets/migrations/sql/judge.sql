-- A verdict is worked out by the database: from an answer to every check of the gate in the ticket's workflow
-- version, over what the ticket holds at this moment. The trigger does it for every row, whoever inserts it;
-- the application has no right to insert one and calls omoi_judge.
DROP TRIGGER verdict_is_whole ON tickets_verdict;
DROP FUNCTION omoi_verdict_is_whole();

CREATE FUNCTION omoi_work_out_verdict() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  judged tickets_ticket;
  gate jsonb;
BEGIN
  -- moves and artifacts wait for the lock
  SELECT * INTO judged
  FROM tickets_ticket t
  WHERE t.id = NEW.ticket_id
  FOR NO KEY UPDATE;
  IF (judged.phase, judged.moves) IS DISTINCT FROM (NEW.phase, NEW.move) THEN
    RAISE EXCEPTION 'ticket %: it has moved since move % in %', judged.key, NEW.move, NEW.phase
      USING ERRCODE = 'serialization_failure';
  END IF;
  IF NEW.evidence IS DISTINCT FROM omoi_evidence(NEW.ticket_id, NEW.phase) THEN
    RAISE EXCEPTION 'ticket %: its evidence has changed since the checks were answered', judged.key
      USING ERRCODE = 'serialization_failure';
  END IF;
  IF NEW."by" !~ '^(agent|user|system):.' THEN
    RAISE EXCEPTION 'ticket %: a verdict names the agent, the user or the system that asks for it', judged.key
      USING ERRCODE = 'check_violation';
  END IF;
  gate := coalesce(
    (
      SELECT p->'gate'
      FROM tickets_workflow w
      CROSS JOIN jsonb_array_elements(w.document->'phases') p
      WHERE w.id = judged.workflow_id
        AND p->>'name' = NEW.phase
    ),
    '[]'
  );
  -- one answer for each check with its parameters, in the order of the gate
  IF jsonb_typeof(NEW.checks) IS DISTINCT FROM 'array'
    OR EXISTS (
      SELECT
      FROM jsonb_array_elements(gate) WITH ORDINALITY g(entry, place)
      FULL JOIN jsonb_array_elements(NEW.checks) WITH ORDINALITY a(answer, place) USING (place)
      WHERE CASE
        WHEN jsonb_typeof(answer) = 'object' THEN
          answer - 'passed' - 'reasons' IS DISTINCT FROM entry
          OR jsonb_typeof(answer->'reasons') IS DISTINCT FROM 'array'
        ELSE true
      END
    )
  THEN
    RAISE EXCEPTION 'ticket %: the gate of % needs one answer for each of its checks', judged.key, NEW.phase
      USING ERRCODE = 'check_violation';
  END IF;
  SELECT
    coalesce(
      jsonb_agg(answer || jsonb_build_object('passed', answer->'reasons' = '[]') ORDER BY place),
      '[]'
    ),
    coalesce(bool_and(answer->'reasons' = '[]'), true)
  INTO NEW.checks, NEW.passed
  FROM jsonb_array_elements(NEW.checks) WITH ORDINALITY a(answer, place);
  NEW.artifacts := coalesce(
    (
      SELECT jsonb_object_agg(a.phase || '/' || a.name, a.blob_id)
      FROM (
        SELECT DISTINCT ON (phase, name) phase, name, blob_id
        FROM tickets_artifact
        WHERE ticket_id = NEW.ticket_id
        ORDER BY phase, name, revision DESC
      ) a
    ),
    '{}'
  );
  NEW.at := clock_timestamp();
  RETURN NEW;
END $$;

CREATE TRIGGER verdict_is_worked_out
BEFORE INSERT ON tickets_verdict
FOR EACH ROW EXECUTE FUNCTION omoi_work_out_verdict();

-- Every verdict has its event, which names who asked for it.
CREATE FUNCTION omoi_record_verdict() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  WITH judged AS (
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
    'gate.judged',
    NEW."by",
    NEW.key,
    '',
    jsonb_build_object(
      'phase', NEW.phase,
      'passed', NEW.passed,
      'verdict', NEW.id,
      'unmet', jsonb_path_query_array(NEW.checks, '$[*] ? (@.passed == false).check')
    )
  FROM judged;
  RETURN NULL;
END $$;

CREATE TRIGGER verdict_is_recorded
AFTER INSERT ON tickets_verdict
FOR EACH ROW EXECUTE FUNCTION omoi_record_verdict();

-- The application's only way to a verdict. Whoever calls it is believed the answers, and nothing else.
CREATE FUNCTION omoi_judge(
  of_ticket bigint,
  in_phase text,
  at_move int,
  over_evidence text,
  answers jsonb,
  caller text,
  caller_key text
) RETURNS tickets_verdict
LANGUAGE sql SECURITY DEFINER AS $$
  INSERT INTO tickets_verdict (ticket_id, phase, move, passed, checks, artifacts, evidence, "by", key)
  VALUES (of_ticket, in_phase, at_move, false, answers, '{}', over_evidence, caller, caller_key)
  RETURNING *
$$;

REVOKE EXECUTE ON FUNCTION omoi_judge(bigint, text, int, text, jsonb, text, text) FROM PUBLIC;

-- ALWAYS: the replica role does not switch them off.
ALTER TABLE tickets_verdict ENABLE ALWAYS TRIGGER verdict_is_worked_out;
ALTER TABLE tickets_verdict ENABLE ALWAYS TRIGGER verdict_is_recorded;
