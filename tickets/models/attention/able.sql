EXISTS (
  SELECT
  FROM fleet_agents a
  WHERE a.state = 'available'
    AND {may_work}
    {besides}
)
