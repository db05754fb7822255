-- A ticket knows how often its gate has refused it: the attention list would otherwise read every verdict
-- that there ever was. Both functions are as before, with the two columns beside.
CREATE OR REPLACE FUNCTION omoi_count_moves() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.moves := 0;
    NEW.previous_phase := '';
    NEW.refusals := 0;
    NEW.refused_at := NULL;
  ELSIF NEW.phase IS DISTINCT FROM OLD.phase THEN
    NEW.moves := OLD.moves + 1;
    NEW.previous_phase := OLD.phase;
    NEW.phase_since := clock_timestamp();
    NEW.refusals := 0;
    NEW.refused_at := NULL;
  ELSE
    NEW.moves := OLD.moves;
    NEW.previous_phase := OLD.previous_phase;
    NEW.phase_since := OLD.phase_since;
  END IF;
  RETURN NEW;
END $$;

-- Every verdict has its event, which names who asked for it. A gate that only waits for tasks or approvals
-- refuses nobody.
CREATE OR REPLACE FUNCTION omoi_record_verdict() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  refused boolean := jsonb_path_exists(
    NEW.checks,
    '$[*] ? (@.passed == false && @.check != "tasks_completed" && @.check != "approvals")'
  );
BEGIN
  WITH judged AS (
    UPDATE tickets_ticket t
    SET
      events = t.events + 1,
      refusals = CASE
        WHEN NEW.passed THEN 0
        ELSE least(t.refusals + refused::int, 32767)
      END,
      refused_at = CASE
        WHEN NEW.passed THEN NULL
        WHEN refused AND t.refusals = 1 THEN NEW.at
        ELSE t.refused_at
      END
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

-- What stands now: the refusals of each ticket's present stay, since it last passed.
UPDATE tickets_ticket k
SET
  refusals = least(r.refusals, 32767),
  refused_at = r.second
FROM (
  SELECT
    v.ticket_id,
    v.move,
    count(*) AS refusals,
    (array_agg(v.at ORDER BY v.id))[2] AS second
  FROM tickets_verdict v
  WHERE jsonb_path_exists(
      v.checks,
      '$[*] ? (@.passed == false && @.check != "tasks_completed" && @.check != "approvals")'
    )
    AND NOT EXISTS (
      SELECT
      FROM tickets_verdict later
      WHERE later.ticket_id = v.ticket_id
        AND later.move = v.move
        AND later.id > v.id
        AND later.passed
    )
  GROUP BY
    v.ticket_id,
    v.move
) r
WHERE r.ticket_id = k.id
  AND r.move = k.moves;
