-- Renew the lease of a run, up to the time that its check may take: its worker lives on when a check hangs.
UPDATE tickets_checkrun r
SET lease_until = least(
  clock_timestamp() + make_interval(secs => %(lease_s)s),
  r.started_at
    + make_interval(secs => least(coalesce((r.entry->>'timeout_s')::float8, {usual_s}), {most_s}) + {more_s})
)
WHERE r.id = %(run)s
  AND r.worker = %(worker)s
  AND r.tries = %(tries)s
  AND r.answered_at IS NULL
RETURNING r.id
