-- The pools that allow no claim now, each as JSON: its name, why, and until when. They are read once, however
-- many agents and tasks ask.
barring AS MATERIALIZED (
  SELECT
    p.name,
    p.closed_at,
    p.resets_at,
    jsonb_build_object(
      'pool', p.name,
      'why', CASE
        WHEN p.closed_at IS NULL OR r.opened THEN 'full'
        WHEN r.due AND r.tried THEN 'tried'
        WHEN r.due THEN 'full'
        ELSE 'closed'
      END,
      'limit', p.most_claims,
      'reason', p.close_reason,
      'since', p.closed_at,
      'until', CASE WHEN NOT r.due THEN p.resets_at END
    ) AS found
  FROM agents_pool p
  CROSS JOIN {room} r
  WHERE r.room <= 0
),
