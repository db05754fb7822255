SELECT {granted}, {brief}
FROM tickets_task t
JOIN tickets_ticket k ON k.id = t.ticket_id
WHERE t.holder_id = %(agent)s
  AND (
    %(granted_with)s::varchar IS NULL
    OR t.granted_with = %(granted_with)s::varchar
  )
  AND {lease_holds}
ORDER BY t.rank, t.id
LIMIT {most}
