-- The sweeps that have failed for long, with when each last succeeded.
SELECT
  r.name,
  r.error,
  r.at,
  extract(epoch FROM clock_timestamp() - r.at)::float8 AS late_s
FROM tickets_sweeprun r
JOIN unnest(ARRAY[{names}], ARRAY[{late_s}]) s(name, late_s) ON s.name = r.name
WHERE r.error <> ''
  AND r.at < clock_timestamp() - s.late_s * interval '1 s'
