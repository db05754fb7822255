-- Projects allow what their tickets use.
UPDATE agents_project p
SET workflows = used.names
FROM (
  SELECT k.project_id, array_agg(DISTINCT w.name ORDER BY w.name) AS names
  FROM tickets_ticket k
  JOIN tickets_workflow w ON w.id = k.workflow_id
  JOIN agents_project p ON p.id = k.project_id
  WHERE w.name <> coalesce(nullif(p.workflow, ''), 'software_delivery')
  GROUP BY k.project_id
) used
WHERE used.project_id = p.id;

-- A new ticket under a workflow of one's own choice would be a way past every gate of the project.
CREATE FUNCTION omoi_workflow_is_allowed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  followed text := (SELECT w.name FROM tickets_workflow w WHERE w.id = NEW.workflow_id);
BEGIN
  IF NOT EXISTS (
    SELECT
    FROM agents_project p
    WHERE p.id = NEW.project_id
      AND followed = ANY (coalesce(nullif(p.workflow, ''), 'software_delivery') || p.workflows)
  ) THEN
    RAISE EXCEPTION 'ticket %: its project does not allow the workflow %', NEW.key, followed
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER workflow_is_allowed
BEFORE INSERT OR UPDATE OF project_id ON tickets_ticket
FOR EACH ROW EXECUTE FUNCTION omoi_workflow_is_allowed();

CREATE FUNCTION omoi_archived_stays() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ticket % is archived and does not move', OLD.key
    USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER archived_stays
BEFORE UPDATE OF phase ON tickets_ticket
FOR EACH ROW
WHEN (OLD.phase IS DISTINCT FROM NEW.phase AND OLD.archived_at IS NOT NULL AND NEW.archived_at IS NOT NULL)
EXECUTE FUNCTION omoi_archived_stays();

-- ALWAYS: the replica role does not switch it off.
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER workflow_is_allowed;
ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER archived_stays;
