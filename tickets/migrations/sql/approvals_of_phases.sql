-- A phase may ask for approvals. Its gate then has a check for them, after those of the document.
CREATE FUNCTION omoi_gate_of(phase jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN CASE
  WHEN phase ? 'approvals' THEN
    coalesce(phase->'gate', '[]') || jsonb_build_array('{"check": "approvals"}' || (phase->'approvals'))
  ELSE coalesce(phase->'gate', '[]')
END;

DROP FUNCTION omoi_phases_of(jsonb);

CREATE FUNCTION omoi_phases_of(document jsonb)
RETURNS TABLE (
  name text,
  place int,
  moves_to text[],
  start boolean,
  gated boolean,
  automatic text,
  approvals jsonb
)
LANGUAGE sql IMMUTABLE AS $$
  SELECT
    phase->>'name',
    (number - 1)::int,
    CASE WHEN phase ? 'to' THEN ARRAY(SELECT jsonb_array_elements_text(phase->'to')) END,
    phase->>'name' = coalesce(document->>'start', document->'phases'->0->>'name'),
    jsonb_array_length(coalesce(phase->'gate', '[]')) > 0 OR phase ? 'approvals',
    coalesce(phase->>'automatic', ''),
    phase->'approvals'
  FROM jsonb_array_elements(document->'phases') WITH ORDINALITY phases(phase, number)
$$;

CREATE OR REPLACE FUNCTION omoi_phase_follows_its_document() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT
    FROM tickets_workflow w
    CROSS JOIN omoi_phases_of(w.document) p
    WHERE w.id = NEW.workflow_id
      AND (p.name, p.place, p.moves_to, p.start, p.gated, p.automatic)
        = (NEW.name, NEW.position, NEW.moves_to::text[], NEW.start, NEW.gated, NEW.automatic)
      AND p.approvals IS NOT DISTINCT FROM NEW.approvals
  ) THEN
    RAISE EXCEPTION 'phase % of workflow % is not as its document says', NEW.name, NEW.workflow_id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION omoi_read_phases() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF NEW.name IS DISTINCT FROM NEW.document->>'name'
    OR NOT EXISTS (SELECT FROM omoi_phases_of(NEW.document) p WHERE p.start)
  THEN
    RAISE EXCEPTION 'the document of workflow % has another name, or no phase to start in', NEW.name
      USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO tickets_workflowphase (
    workflow_id, name, position, moves_to, start, gated, automatic, approvals
  )
  SELECT
    NEW.id,
    p.name,
    p.place,
    p.moves_to,
    p.start,
    p.gated,
    p.automatic,
    p.approvals
  FROM omoi_phases_of(NEW.document) p;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION omoi_work_out_verdict() RETURNS trigger
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
      SELECT omoi_gate_of(p)
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
  -- who approved is known here: an answer that says otherwise is old, or forged
  IF EXISTS (
    SELECT
    FROM jsonb_array_elements(NEW.checks) answer
    WHERE answer->>'check' = 'approvals'
      AND (answer->'reasons' = '[]')
        IS DISTINCT FROM (omoi_approved_by(NEW.ticket_id, NEW.phase) >= (answer->>'count')::int)
  )
  THEN
    RAISE EXCEPTION 'ticket %: its approvals are not as they were answered', judged.key
      USING ERRCODE = 'serialization_failure';
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
