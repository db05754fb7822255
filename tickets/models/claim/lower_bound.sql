INSERT INTO tickets_latestgrant (agent_id, oldest_held, replaces)
SELECT
  %(agent)s,
  %(oldest)s,
  g.id
FROM omoi_latest_grant(%(agent)s) g
