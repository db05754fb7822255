EXISTS (
  SELECT
  FROM agents_agent a
  WHERE a.state = 'available'
    AND {may_work}
    {besides}
)
