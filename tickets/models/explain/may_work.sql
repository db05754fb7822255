{fits}
AND (a.sees_all OR l.project_id = ANY (a.projects))
