-- coalesce: a plain comparison would look in the index, which costs pages even while it is empty
FROM tickets_freeze f
WHERE coalesce(f.project_id, {project}) = {project}
  AND (
    f.project_id IS NOT NULL
    OR ({project} = ANY (f.thawed)) IS NOT TRUE
  )
