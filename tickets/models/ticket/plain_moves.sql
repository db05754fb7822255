-- The plain automatic moves that are due among locked tickets, each with its history row, its event, and its
-- tasks held or freed. `ways`: from each phase, where a plain move leads. AUTOMATIC has asked for everything
-- that the method `advance` asks for, except that no task at all may be open before a last phase.
WITH way AS MATERIALIZED (
  SELECT *
  FROM jsonb_to_recordset(%(ways)s)
    AS w(
      workflow_id bigint,
      src varchar,
      dst varchar,
      last boolean,
      automatic boolean,
      open_in varchar[]
    )
),

due AS MATERIALIZED (
  SELECT
    k.id,
    k.key,
    k.project_id,
    k.workflow_id,
    w.src,
    w.dst,
    w.automatic,
    w.open_in,
    k.moves + 1 AS move,
    k.events + 1 AS events
  FROM tickets_ticket k
  JOIN way w
    ON w.workflow_id = k.workflow_id
    AND w.src = k.phase
  WHERE k.id = ANY (%(ids)s)
    AND {due}
    AND NOT (
      w.last
      AND EXISTS (
        SELECT
        FROM tickets_task o
        WHERE o.ticket_id = k.id
          AND o.state IN ('pending', 'claimed')
      )
    )
  ORDER BY k.id
),

history AS (
  INSERT INTO tickets_phasemove
    (ticket_id, move, from_phase, to_phase, ground, reason, "by", key, artifacts)
  SELECT
    d.id,
    d.move,
    d.src,
    d.dst,
    'ungated',
    '',
    %(actor)s,
    %(key)s,
    coalesce(
      (
        SELECT jsonb_object_agg(a.phase || '/' || a.name, a.blob_id)
        FROM (
          SELECT DISTINCT ON (phase, name)
            phase,
            name,
            blob_id
          FROM tickets_artifact
          WHERE ticket_id = d.id
          ORDER BY
            phase,
            name,
            revision DESC
        ) a
      ),
      '{}'
    )
  FROM due d
),

-- a trigger sets moves, previous_phase and phase_since
moved AS (
  UPDATE tickets_ticket k
  SET
    phase = d.dst,
    version = k.version + 1,
    events = d.events,
    blocked_class = '',
    blocked_reason = '',
    move_fault = '',
    move_fault_at = NULL,
    updated_at = clock_timestamp()
  FROM due d
  WHERE k.id = d.id
),

log AS ({events}
),

changed AS (
  UPDATE tickets_task t
  SET held = NOT (t.phase = ANY (d.open_in) AND {not_limited})
  FROM due d
  WHERE d.id = t.ticket_id
    AND t.id = ANY (ARRAY(
      SELECT o.id
      FROM tickets_task o
      JOIN due d
        ON d.id = o.ticket_id
      WHERE o.state IN ('pending', 'claimed', 'failed', 'cancelled')
        AND o.held = (o.phase = ANY (d.open_in) AND {that_not_limited})
      ORDER BY o.id
      FOR NO KEY UPDATE OF o
    ))
  RETURNING
    t.id,
    t.lane_id,
    t.rank,
    t.profile,
    {ready} AS ready
),

freed AS (
  SELECT
    id,
    lane_id,
    rank,
    profile
  FROM changed
  WHERE ready
),

floors AS ({lower_floors}
)

SELECT
  id,
  project_id,
  workflow_id,
  src,
  dst,
  move,
  automatic,
  EXISTS (
    SELECT
    FROM freed
    WHERE profile <> ''
  ) AS frees_profiles
FROM due
