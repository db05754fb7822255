-- Renew the lease of a run, up to the time that its check may take: its worker lives on when a check hangs.
-- The check of a package may have a parameter `timeout_s` that means something else.
UPDATE tickets_checkrun r
SET lease_until = least(
  clock_timestamp() + make_interval(secs => %(lease_s)s),
  r.started_at + make_interval(secs => {more_s} + CASE jsonb_typeof(r.entry->'timeout_s')
    WHEN 'number' THEN greatest(0, least((r.entry->>'timeout_s')::numeric, {most_s}))
    ELSE {usual_s}
  END::float8)
)
WHERE r.id = %(run)s
  AND r.worker = %(worker)s
  AND r.tries = %(tries)s
  AND r.answered_at IS NULL
RETURNING r.id
