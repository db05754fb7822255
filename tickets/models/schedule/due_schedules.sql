-- The schedules that something may be opened of, those that waited longest first. What is frozen or paused
-- waits: the thaw or the resume brings it back, and what was missed meanwhile follows its policy.
SELECT
  s.id,
  s.project_id
FROM tickets_schedule s
JOIN agents_project j ON j.id = s.project_id
WHERE s.look_at <= coalesce(%(now)s, clock_timestamp())
  AND NOT j.paused
  AND NOT {frozen}
ORDER BY
  s.look_at,
  s.id
LIMIT %(most)s
