SELECT DISTINCT l.project_id::int AS id
    FROM agent
    CROSS JOIN tickets_lane l
    WHERE {served}
      AND {guarded}
      AND l.floor < {top}
