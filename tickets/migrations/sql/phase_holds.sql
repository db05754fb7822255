-- Which phases hold others because they are full: `is_full` of a row of tickets_phasehold. A claim reads it
-- under the lock of the project (GUARD_LOCK), and whoever changes it counts and writes under the same lock,
-- at the end of the transaction. So it is never behind what was committed, and the lock is held only for a
-- moment.
CREATE FUNCTION omoi_follow_full(in_project bigint, of_workflow bigint, in_phase text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(1002, in_project::int);
  -- a statement of its own: its snapshot is from after the lock
  UPDATE tickets_phasehold h
  SET is_full = NOT h.is_full
  FROM tickets_workflowphase p
  WHERE h.project_id = in_project
    AND h.phase = in_phase
    AND h.workflow_id = ANY (ARRAY(
      SELECT v.id
      FROM tickets_workflow w
      JOIN tickets_workflow v ON v.name = w.name
      WHERE w.id = of_workflow
    ))
    AND p.workflow_id = h.workflow_id
    AND p.name = h.phase
    AND omoi_full(in_project, h.workflow_id, h.phase, p.wip) <> h.is_full;
END $$;

-- A ticket comes into a phase that holds others, in any version of its workflow, or leaves it. Only that is
-- asked of every move: without such a phase, nothing is locked or counted.
CREATE FUNCTION omoi_phase_holds() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  left_workflow bigint := NEW.workflow_id;
  left_phase text := NEW.phase;
  one record;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    left_workflow := OLD.workflow_id;
    left_phase := OLD.phase;
  END IF;
  FOR one IN
    SELECT DISTINCT
      a.workflow,
      a.phase
    FROM (VALUES (left_workflow, left_phase), (NEW.workflow_id, NEW.phase)) a(workflow, phase)
    WHERE EXISTS (
      SELECT
      FROM (
        SELECT p.workflow_id
        FROM tickets_workflowphase p
        WHERE p.name = a.phase
          AND p.wip IS NOT NULL
          AND jsonb_exists(p.wip, 'holds')
        OFFSET 0  -- few phases have limits; a workflow may have many versions
      ) p
      JOIN tickets_workflow v ON v.id = p.workflow_id
      JOIN tickets_workflow w ON w.id = a.workflow AND w.name = v.name
    )
    ORDER BY
      a.workflow,
      a.phase
  LOOP
    PERFORM omoi_follow_full(NEW.project_id, one.workflow, one.phase);
  END LOOP;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER phase_holds
AFTER UPDATE ON tickets_ticket
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW
WHEN (
  OLD.phase IS DISTINCT FROM NEW.phase
  OR OLD.workflow_id IS DISTINCT FROM NEW.workflow_id
  OR (OLD.archived_at IS NULL) <> (NEW.archived_at IS NULL)
)
EXECUTE FUNCTION omoi_phase_holds();

CREATE CONSTRAINT TRIGGER phase_holds_at_birth
AFTER INSERT ON tickets_ticket
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION omoi_phase_holds();

-- A lane that may be held has a row for each phase that may hold it; counted at once for this transaction,
-- and once more under the lock when it ends.
CREATE FUNCTION omoi_hold_lane() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO tickets_phasehold (project_id, workflow_id, phase, holds, is_full, waits)
  SELECT
    NEW.project_id,
    p.workflow_id,
    p.name,
    ARRAY(SELECT jsonb_array_elements_text(p.wip->'holds')),
    omoi_full(NEW.project_id, p.workflow_id, p.name, p.wip),
    false
  FROM tickets_workflowphase p
  WHERE p.workflow_id = NEW.workflow_id
    AND jsonb_exists(p.wip, 'holds')
  ON CONFLICT (project_id, workflow_id, phase) DO NOTHING;
  RETURN NULL;
END $$;

CREATE TRIGGER hold_lane
AFTER INSERT OR UPDATE OF workflow_id ON tickets_lane
FOR EACH ROW
WHEN (NEW.workflow_id IS NOT NULL)
EXECUTE FUNCTION omoi_hold_lane();

CREATE FUNCTION omoi_count_for_lane() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM omoi_follow_full(NEW.project_id, p.workflow_id, p.name)
  FROM tickets_workflowphase p
  WHERE p.workflow_id = NEW.workflow_id
    AND jsonb_exists(p.wip, 'holds');
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER count_for_lane
AFTER INSERT OR UPDATE OF workflow_id ON tickets_lane
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW
WHEN (NEW.workflow_id IS NOT NULL)
EXECUTE FUNCTION omoi_count_for_lane();

-- ALWAYS: the replica role does not switch them off.
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER phase_holds;
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER phase_holds_at_birth;
ALTER TABLE tickets_lane ENABLE ALWAYS TRIGGER hold_lane;
ALTER TABLE tickets_lane ENABLE ALWAYS TRIGGER count_for_lane;

-- The lanes that there are.
INSERT INTO tickets_phasehold (project_id, workflow_id, phase, holds, is_full, waits)
SELECT
  l.project_id,
  p.workflow_id,
  p.name,
  ARRAY(SELECT jsonb_array_elements_text(p.wip->'holds')),
  omoi_full(l.project_id, p.workflow_id, p.name, p.wip),
  false
FROM (
  SELECT DISTINCT
    project_id,
    workflow_id
  FROM tickets_lane
  WHERE workflow_id IS NOT NULL
) l
JOIN tickets_workflowphase p ON p.workflow_id = l.workflow_id AND jsonb_exists(p.wip, 'holds');
