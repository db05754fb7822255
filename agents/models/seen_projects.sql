-- `reader`: whether the agent or person who reads sees every project. `seen`: the projects they see, the
-- same as Project.objects.seen_by. The membership is an array, because EXISTS was planned as a scan of all
-- members.
reader AS MATERIALIZED (
  SELECT
    coalesce(
      (SELECT a.sees_all FROM agents_agent a WHERE a.id = %(agent)s::bigint),
      (SELECT u.is_superuser FROM auth_user u WHERE u.id = %(person)s::bigint),
      false
    ) AS sees_all
),
seen AS MATERIALIZED (
  SELECT j.id
  FROM agents_project j
  WHERE {which}
    AND (
      (SELECT sees_all FROM reader)
      OR j.id = ANY (
        ARRAY(SELECT m.project_id FROM agents_agent_projects m WHERE m.agent_id = %(agent)s::bigint)
      )
      OR j.id = ANY (
        ARRAY(SELECT m.project_id FROM agents_member m WHERE m.user_id = %(person)s::bigint)
      )
    )
)
