-- What the time is, whether the project is frozen, the first tasks that failed in the ticket's phase, and
-- since when it is there: since its first entry after it was last in a later phase, or cancelled. So blocks
-- count, and ways back into earlier phases, as they do in the stays of past tickets.
WITH moves AS MATERIALIZED (
  SELECT
    h.move,
    h.to_phase,
    h.at
  FROM tickets_phasemove h
  WHERE h.ticket_id = %(ticket)s::bigint
  ORDER BY h.move DESC
  LIMIT %(moves)s::bigint
)

SELECT
  clock_timestamp() AS now,
  {frozen} AS frozen,
  ARRAY(
    SELECT t.id
    FROM tickets_task t
    WHERE t.ticket_id = %(ticket)s::bigint
      AND t.state = 'failed'
      AND t.phase = %(phase)s::varchar
    LIMIT %(most)s::int
  ) AS failed,
  (
    SELECT min(h.at)
    FROM moves h
    WHERE h.to_phase = %(phase)s::varchar
      AND h.move > ALL (ARRAY(SELECT l.move FROM moves l WHERE l.to_phase <> ALL (%(up_to)s::varchar[])))
  ) AS since
