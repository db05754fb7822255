LEFT JOIN LATERAL (
  SELECT r.*
  FROM (
    SELECT x.*
    FROM tickets_workflowphase x
    WHERE (kp.automatic <> '' OR k.move_fault <> '')
      AND x.workflow_id = k.workflow_id
      AND CASE
        -- its gate or a person refused it, and it should go back
        WHEN k.move_fault <> '' AND ({turned_down}) THEN x.name = (
          SELECT d->'on_failure'->>'send_back'
          FROM tickets_workflow v
          CROSS JOIN jsonb_array_elements(v.document->'phases') d
          WHERE v.id = k.workflow_id
            AND d->>'name' = k.phase
        )
        ELSE kp.automatic <> '' AND x.position > kp.position AND x.name = ANY (kp.moves_to)
      END
    ORDER BY array_position(kp.moves_to, x.name)
    LIMIT 1
  ) p
  JOIN rooms r
    ON r.project_id = k.project_id
      AND r.workflow_id = p.workflow_id
      AND r.phase = p.name
) w ON true
