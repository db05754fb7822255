-- What is said of a lane whose critical work nobody takes, and of the task that its item is about.
(
  SELECT
    jsonb_build_object(
      'runs_alone', l.alone,
      'capabilities', l.capabilities,
      'lane_phase', l.phase,
      'worker_deaths', t.worker_deaths,
      'ready_s', extract(epoch FROM clock_timestamp() - {since})::float8,
      'behind', (
        SELECT o.id <> t.id
        FROM tickets_task o
        WHERE o.lane_id = l.id
          AND o.rank >= l.floor
          AND {other_ready}
        ORDER BY
          o.rank,
          o.id
        LIMIT 1
      ),
      'waiting', (
        SELECT count(*)
        FROM (
          SELECT
          FROM tickets_task t
          WHERE t.lane_id = l.id
            AND {work}
          ORDER BY {order}  -- else other work could be read too
          LIMIT {most}
        ) t
      )
    ) || (
      SELECT
        jsonb_build_object(
          'able', count(*),
          'able_names', (array_agg(a.name ORDER BY a.name))[1:5],
          'free', count(*) FILTER (WHERE a.free),
          'free_names', (array_agg(a.name ORDER BY a.name) FILTER (WHERE a.free))[1:5],
          'busy', count(*) FILTER (WHERE NOT a.room),
          'busy_names', (array_agg(a.name ORDER BY a.name) FILTER (WHERE NOT a.room))[1:5],
          'kept', to_jsonb(
            (
              array_agg(a.barred || jsonb_build_object('agent', a.name) ORDER BY a.name)
              FILTER (WHERE a.room AND a.barred IS NOT NULL)
            )[1:5]
          ),
          'quiet', count(*) FILTER (WHERE a.room AND a.barred IS NULL AND NOT a.free),
          'quiet_names', (
            array_agg(a.name ORDER BY a.name) FILTER (WHERE a.room AND a.barred IS NULL AND NOT a.free)
          )[1:5]
        )
      FROM (
        SELECT
          a.*,
          a.room AND a.barred IS NULL AND a.heard AS free
        FROM (
          SELECT
            a.name,
            a.barred,
            coalesce(a.last_seen_at > clock_timestamp() - {heard}, false) AS heard,
            {has_room} AS room
          FROM fleet_agents a
          WHERE a.state = 'available'
            AND {may_work}
        ) a
      ) a
    )
  FROM tickets_lane l
  WHERE l.id = f.id
)
