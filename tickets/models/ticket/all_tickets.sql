UNION ALL (
  SELECT
    0,
    k.id,
    {matches}
  FROM tickets_ticket k
  WHERE (SELECT sees_all FROM reader)
    AND {archived}
    AND k.id < %(before)s::bigint
  ORDER BY k.id DESC
  LIMIT (SELECT most FROM share)
)
