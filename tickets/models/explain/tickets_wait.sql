WITH fleets AS MATERIALIZED (
  SELECT
    l.id AS lane_id,
    f.*
  FROM tickets_lane l
  CROSS JOIN LATERAL ({fleet}) f
  WHERE l.id IN (
    SELECT t.lane_id
    FROM tickets_task t
    WHERE t.ticket_id = ANY (%(ids)s)
      AND t.state = 'pending'
  )
)
SELECT
  k.id,
  {waiting_on} AS who
{from_ticket}
WHERE k.id = ANY (%(ids)s)
