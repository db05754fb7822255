-- Time may have changed who ticket {ticket} or one of its tasks waits on, and the next run looks: one of its
-- tasks is to be looked at again by now, such as a claim whose lease has ended; or a person holds it, of whom
-- it is not told that their account was closed.
EXISTS (
  SELECT
  FROM tickets_task t
  LEFT JOIN LATERAL (
    SELECT w.until
    FROM tickets_taskwait w
    WHERE w.id = t.id
    OFFSET 0
  ) w ON true
  WHERE t.ticket_id = {ticket}
    AND t.state IN ('pending', 'claimed', 'failed')
    AND (w.until <= {next} OR {by_hand})
)
