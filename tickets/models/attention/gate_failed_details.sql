(
  SELECT
    jsonb_build_object('refusals', k.refusals, 'unmet', jsonb_agg(c - 'reasons'))
  FROM tickets_verdict v
  CROSS JOIN jsonb_array_elements(v.checks) c
  WHERE v.id = (SELECT max(w.id) FROM tickets_verdict w WHERE w.ticket_id = k.id)
    AND NOT (c->>'passed')::boolean
)
