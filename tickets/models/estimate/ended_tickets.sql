-- The newest done tickets of a project, of all versions of this workflow: their moves, in order, and the
-- estimates that were stored for them. Index ticket_workflow has the tickets of a version and phase in the
-- order of their last move. A ticket that was opened where it is done, as an import does, was not worked on.
WITH ended AS MATERIALIZED (
  SELECT e.*
  FROM (
    SELECT
      w.id,
      w.version
    FROM tickets_workflow w
    WHERE w.name = %(workflow)s::text
    ORDER BY w.version DESC
    LIMIT %(versions)s::bigint
  ) w
  CROSS JOIN LATERAL (
    SELECT p.name
    FROM tickets_workflowphase p
    WHERE p.workflow_id = w.id
      AND p.moves_to = '{}'
    OFFSET 0
  ) p
  CROSS JOIN LATERAL (
    SELECT
      k.id,
      k.phase_since
    FROM tickets_ticket k
    WHERE k.workflow_id = w.id
      AND k.phase = p.name
      AND k.project_id = %(project)s::bigint
    ORDER BY k.phase_since DESC
    LIMIT %(most)s::bigint
  ) e
  ORDER BY e.phase_since DESC
  LIMIT %(most)s::bigint
)

SELECT
  h.phases,
  h.since,
  coalesce(s.estimates, '{}') AS estimates
FROM ended e
CROSS JOIN LATERAL (
  SELECT
    array_agg(h.to_phase ORDER BY h.move) AS phases,
    array_agg(extract(epoch FROM h.at)::float8 ORDER BY h.move) AS since,
    bool_or(h.move > 0 AND h.ground IN ('ungated', 'verdict', 'forced')) AS worked_on
  FROM (
    SELECT
      h.move,
      h.to_phase,
      h.at,
      h.ground
    FROM tickets_phasemove h
    WHERE h.ticket_id = e.id
    ORDER BY h.move
    LIMIT %(moves)s::bigint
  ) h
) h
CROSS JOIN LATERAL (
  SELECT
    array_agg(
      ARRAY[
        extract(epoch FROM s.expected_at - s.made_at)::float8,
        extract(epoch FROM e.phase_since - s.made_at)::float8
      ]
    ) AS estimates
  FROM (
    SELECT
      s.made_at,
      s.expected_at
    FROM tickets_storedestimate s
    WHERE s.ticket_id = e.id
    ORDER BY s.id
    LIMIT %(moves)s::bigint
  ) s
) s
WHERE h.worked_on
