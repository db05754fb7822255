-- The projects that the reader sees, each with the rank of the reader's role there: Project.objects.seen_by
-- in SQL. The memberships of an agent are an array, because EXISTS was planned as a scan of all of them.
places AS MATERIALIZED (
  SELECT
    j.id,
    j.key,
    j.paused,
    CASE
      WHEN %(sees_all)s::boolean OR m.role IS NULL THEN %(at_most)s::int
      ELSE least(%(at_most)s::int, {rank})
    END AS rank
  FROM agents_project j
  LEFT JOIN agents_member m ON m.project_id = j.id AND m.user_id = %(person)s::bigint
  WHERE (%(project)s::text IS NULL OR j.key = %(project)s::text)
    AND (
      %(sees_all)s::boolean
      OR m.id IS NOT NULL
      OR j.id = ANY (
        ARRAY(SELECT p.project_id FROM agents_agent_projects p WHERE p.agent_id = %(agent)s::bigint)
      )
    )
)
