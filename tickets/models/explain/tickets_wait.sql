WITH {fleets},
{rooms}
SELECT
  k.id,
  {waiting_on} AS who
{from_ticket}
WHERE k.id = ANY (%(ids)s)
