EXISTS (
  SELECT
  FROM auth_user u
  -- as the journal names them; whoever deletes them leaves the row without an owner
  WHERE u.username = substr(h.name, 6)
    AND u.is_active
    AND (
      u.is_superuser
      OR EXISTS (
        SELECT
        FROM agents_member m
        WHERE m.user_id = u.id
          AND m.project_id = t.project_id
          AND m.role IN ({roles})
      )
    )
)
