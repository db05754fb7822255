-- The tickets of a project that count in a phase of this workflow, in whichever version. Only here it is said
-- which these are. The function has no settings of its own, so that PostgreSQL puts it into the statements
-- that read it, and they use their indexes.
CREATE FUNCTION omoi_standing_tickets(in_project bigint, of_workflow bigint, in_phase text)
RETURNS SETOF tickets_ticket
LANGUAGE sql STABLE AS $$
  SELECT *
  FROM tickets_ticket k
  WHERE k.project_id = in_project
    AND k.phase = in_phase
    AND k.archived_at IS NULL
    AND k.workflow_id = ANY (ARRAY(
      SELECT v.id
      FROM tickets_workflow w
      JOIN tickets_workflow v ON v.name = w.name
      WHERE w.id = of_workflow
    ))
$$;

-- How many these are; counted up to `most`.
CREATE OR REPLACE FUNCTION omoi_standing(in_project bigint, of_workflow bigint, in_phase text, most int)
RETURNS int
LANGUAGE sql STABLE
RETURN (
  SELECT count(*)::int
  FROM (
    SELECT
    FROM omoi_standing_tickets(in_project, of_workflow, in_phase)
    LIMIT most
  ) k
);
