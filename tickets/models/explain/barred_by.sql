-- Of these pools, the one that allows nothing for longest, see barring.sql; null if none.
CASE
  WHEN {pools} <> '{}' THEN (
    SELECT b.found
    FROM barring b
    WHERE b.name = ANY ({pools})
    ORDER BY
      b.closed_at IS NULL,
      b.resets_at DESC,
      b.name
    LIMIT 1
  )
END
