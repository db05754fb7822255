NOT l.paused
    AND {agent_fits}
    AND l.project_id = ANY (agent.projects)
    AND (
      %(capabilities)s::varchar[] IS NULL
      OR l.capabilities <@ %(capabilities)s::varchar[]
    )
    AND (
      %(phases)s::varchar[] IS NULL
      OR l.phase = ANY (%(phases)s::varchar[])
    )
    AND (
      %(project)s::varchar IS NULL
      OR l.project_id = (
        SELECT j.id
        FROM agents_project j
        WHERE j.key = %(project)s::varchar
      )
    )
