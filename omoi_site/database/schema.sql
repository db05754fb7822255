-- Written by `python3 manage.py dumpschema`: what all migrations make of an empty database. Do not edit.
SET LOCAL search_path = '';
SET LOCAL check_function_bodies = false;

CREATE SCHEMA dramatiq;


CREATE TYPE dramatiq.state AS ENUM (
    'queued',
    'consumed',
    'rejected'
);


CREATE FUNCTION public.omoi_answer_is_recorded() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF NOT EXISTS (
    SELECT
    FROM tickets_ticket t
    JOIN agents_event e ON e.topic = 'ticket:' || t.key
    WHERE t.id = NEW.ticket_id
      AND e.kind = 'gate.check_answered'
      AND e.xid = pg_current_xact_id()
      AND e.data->>'run' = NEW.id::text
  ) THEN
    RAISE EXCEPTION 'run % of % has an answer without an event', NEW.id, NEW.entry->>'check'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;


CREATE FUNCTION public.omoi_approved_by(of_ticket bigint, of_phase text) RETURNS integer
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  SELECT count(DISTINCT d.user_id)::int
  FROM omoi_decisions(of_ticket, of_phase) d
  WHERE d.state = 'counts'
$$;


CREATE FUNCTION public.omoi_approvers(in_project bigint, asked_role text) RETURNS SETOF bigint
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  SELECT m.user_id
  FROM agents_member m
  JOIN auth_user u ON u.id = m.user_id
  WHERE m.project_id = in_project
    AND u.is_active
    AND m.role IN ('admin', asked_role)
  UNION
  SELECT u.id
  FROM auth_user u
  WHERE u.is_superuser
    AND u.is_active
$$;


CREATE FUNCTION public.omoi_archived_stays() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION 'ticket % is archived and does not move', OLD.key
    USING ERRCODE = 'check_violation';
END $$;


CREATE FUNCTION public.omoi_authors(of_ticket bigint, of_phase text) RETURNS SETOF bigint
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  SELECT DISTINCT a.user_id
  FROM omoi_authorship(of_ticket, of_phase, true) a
  WHERE a.user_id IS NOT NULL
$$;


CREATE FUNCTION public.omoi_authorship(of_ticket bigint, of_phase text, reviews boolean) RETURNS TABLE(user_id bigint, agent_id bigint)
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  WITH submitted AS (
    SELECT DISTINCT ON (a.phase, a.name) a."by", a.key
    FROM tickets_artifact a
    WHERE a.ticket_id = of_ticket
    ORDER BY a.phase, a.name, a.revision DESC
  ),
  done AS (
    SELECT t.settled_by AS agent, e.key
    FROM tickets_task t
    JOIN tickets_ticket k ON k.id = t.ticket_id
    LEFT JOIN agents_event e ON e.topic = 'ticket:' || k.key
      AND e.subject = 'task:' || t.id
      AND e.kind = 'task.completed'
    WHERE t.ticket_id = of_ticket
      AND t.phase = of_phase
      AND t.state = 'completed'
      AND (reviews OR NOT EXISTS (
        SELECT
        FROM tickets_checkrun r
        WHERE r.ticket_id = of_ticket
          AND r.task_id = t.id
      ))
  )
  SELECT u.id::bigint, NULL::bigint
  FROM auth_user u
  WHERE u.username IN (SELECT substr(s."by", 6) FROM submitted s WHERE s."by" LIKE 'user:%')
  UNION
  SELECT b.user_id, b.agent_id
  FROM omoi_behind(
    ARRAY(
      SELECT a.id FROM agents_agent a JOIN submitted s ON s."by" = 'agent:' || a.name
      UNION
      SELECT d.agent FROM done d WHERE d.agent IS NOT NULL
    ),
    ARRAY(SELECT s.key FROM submitted s UNION SELECT d.key FROM done d)
  ) b
$$;


CREATE FUNCTION public.omoi_behind(agents bigint[], keys text[]) RETURNS TABLE(user_id bigint, agent_id bigint)
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  WITH RECURSIVE behind(user_id, agent_id, key_id) AS (
    SELECT NULL::bigint, agent, NULL::bigint
    FROM unnest(agents) agent
    UNION
    SELECT k.user_id::bigint, k.agent_id, k.parent_id
    FROM agents_key k
    WHERE k.prefix = ANY (keys)
    UNION
    SELECT up.user_id, up.agent_id, up.key_id
    FROM behind
    CROSS JOIN LATERAL (
      SELECT k.user_id::bigint, k.agent_id, k.parent_id AS key_id
      FROM agents_key k
      WHERE k.id = behind.key_id
      UNION ALL
      SELECT a.owner_id::bigint, NULL, NULL
      FROM agents_agent a
      WHERE a.id = behind.agent_id
      UNION ALL
      SELECT NULL, registrar.id, k.parent_id
      FROM agents_agent a
      CROSS JOIN LATERAL (
        SELECT e.actor, e.key
        FROM agents_event e
        WHERE e.topic = 'agent:' || a.name
          AND e.kind = 'agent.registered'
        ORDER BY e.xid, e.id  -- it is the first of its topic
        LIMIT 1
      ) registered
      JOIN agents_agent registrar ON registered.actor = 'agent:' || registrar.name
      LEFT JOIN agents_key k ON k.prefix = registered.key
      WHERE a.id = behind.agent_id
    ) up
  )
  SELECT b.user_id, b.agent_id
  FROM behind b
  WHERE b.user_id IS NOT NULL
    OR b.agent_id IS NOT NULL
$$;


CREATE FUNCTION public.omoi_check_run_is_answered_once() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.answered_at IS NOT NULL OR NEW.reasons IS NOT NULL OR NEW.started_at IS NOT NULL THEN
      RAISE EXCEPTION 'a run of % begins without an answer', NEW.entry->>'check'
        USING ERRCODE = 'check_violation';
    END IF;
    NEW.asked_at := clock_timestamp();
    RETURN NEW;
  END IF;
  IF OLD.answered_at IS NOT NULL
    OR (NEW.ticket_id, NEW.phase, NEW.move, NEW.entry, NEW.seen, NEW.asked_by, NEW.asked_at)
      IS DISTINCT FROM (OLD.ticket_id, OLD.phase, OLD.move, OLD.entry, OLD.seen, OLD.asked_by, OLD.asked_at)
    OR NEW.task_id IS DISTINCT FROM OLD.task_id
    OR NEW.tries < OLD.tries
  THEN
    RAISE EXCEPTION 'run % of % never changes', OLD.id, OLD.entry->>'check'
      USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.answered_at IS NOT NULL OR NEW.reasons IS NOT NULL THEN
    IF NEW.answered_at IS NULL
      OR jsonb_typeof(NEW.reasons) IS DISTINCT FROM 'array'
      OR NEW.task_id IS NOT NULL
      OR OLD.started_at IS NULL
      OR (NEW.worker, NEW.tries, NEW.started_at) IS DISTINCT FROM (OLD.worker, OLD.tries, OLD.started_at)
    THEN
      RAISE EXCEPTION 'run % of % is answered whole, by the worker that took it', OLD.id, OLD.entry->>'check'
        USING ERRCODE = 'restrict_violation';
    END IF;
    NEW.answered_at := clock_timestamp();
  END IF;
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_count_for_lane() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  PERFORM omoi_follow_full(NEW.project_id, p.workflow_id, p.name)
  FROM tickets_workflowphase p
  WHERE p.workflow_id = NEW.workflow_id
    AND jsonb_exists(p.wip, 'holds');
  RETURN NULL;
END $$;


CREATE FUNCTION public.omoi_count_moves() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.moves := 0;
    NEW.previous_phase := '';
    NEW.refusals := 0;
    NEW.refused_at := NULL;
  ELSIF NEW.phase IS DISTINCT FROM OLD.phase THEN
    NEW.moves := OLD.moves + 1;
    NEW.previous_phase := OLD.phase;
    NEW.phase_since := clock_timestamp();
    NEW.refusals := 0;
    NEW.refused_at := NULL;
  ELSE
    NEW.moves := OLD.moves;
    NEW.previous_phase := OLD.previous_phase;
    NEW.phase_since := OLD.phase_since;
  END IF;
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_counts_text_changes() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  NEW.text_changes := OLD.text_changes + (
    (OLD.title, OLD.description, OLD.acceptance) IS DISTINCT FROM (NEW.title, NEW.description, NEW.acceptance)
  )::int;
  RETURN NEW;
END $$;


CREATE TABLE public.tickets_approval (
    id bigint NOT NULL,
    phase character varying(60) NOT NULL,
    move integer NOT NULL,
    decision character varying(20) NOT NULL,
    reason text NOT NULL,
    seen character varying(64) NOT NULL,
    role character varying(10) NOT NULL,
    self_approved boolean NOT NULL,
    expires_at timestamp with time zone,
    by character varying(170) NOT NULL,
    key character varying(20) NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ticket_id bigint NOT NULL,
    user_id integer NOT NULL,
    workflow_id bigint NOT NULL,
    workflow_changes integer DEFAULT 0 NOT NULL,
    CONSTRAINT approval_decision CHECK ((((decision)::text = 'approve'::text) OR (((decision)::text = ANY ((ARRAY['reject'::character varying, 'request_changes'::character varying])::text[])) AND (NOT (reason = ''::text))))),
    CONSTRAINT tickets_approval_move_check CHECK ((move >= 0)),
    CONSTRAINT tickets_approval_workflow_changes_check CHECK ((workflow_changes >= 0))
);


CREATE FUNCTION public.omoi_decide(of_ticket bigint, in_phase text, at_move integer, seen text, decision text, why text, decider bigint, decider_key text) RETURNS public.tickets_approval
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
  INSERT INTO tickets_approval (
    ticket_id, workflow_id, phase, move, decision, reason, seen, user_id, role, self_approved, "by", key
  )
  VALUES (of_ticket, 0, in_phase, at_move, decision, why, seen, decider, '', false, '', decider_key)
  RETURNING *
$$;


CREATE FUNCTION public.omoi_decisions(of_ticket bigint, of_phase text) RETURNS TABLE(id bigint, user_id bigint, state text)
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  WITH stay AS MATERIALIZED (
    SELECT
      k.workflow_changes,
      p.name AS phase,
      p.approvals,
      (
        SELECT max(h.move)
        FROM tickets_phasemove h
        WHERE h.ticket_id = k.id
          AND h.to_phase = p.name
      ) AS move,
      omoi_submitted(k.id, p.name) AS submitted,
      ARRAY(SELECT omoi_authors(k.id, p.name)) AS authors,
      ARRAY(SELECT omoi_approvers(k.project_id, p.approvals->>'role')) AS approvers
    FROM tickets_ticket k
    JOIN tickets_workflowphase p ON p.workflow_id = k.workflow_id AND p.name = of_phase
    WHERE k.id = of_ticket
      AND p.approvals IS NOT NULL
  )
  SELECT
    a.id,
    a.user_id,
    CASE
      WHEN (a.phase, a.move) IS DISTINCT FROM (s.phase, s.move) THEN 'moved'
      WHEN a.workflow_changes <> s.workflow_changes THEN 'workflow_changed'
      WHEN a.seen <> s.submitted THEN 'evidence_changed'
      WHEN a.decision <> 'approve' THEN 'stands'
      WHEN EXISTS (
        SELECT
        FROM tickets_approval later
        WHERE later.ticket_id = a.ticket_id
          AND later.id > a.id
          AND later.move = a.move
          AND later.seen = a.seen
          AND later.decision <> 'approve'
      ) THEN 'overruled'
      WHEN a.expires_at <= clock_timestamp() THEN 'expired'
      WHEN a.user_id <> ALL (s.approvers) THEN 'role_lost'
      WHEN a.user_id = ANY (s.authors)
        AND (s.approvals->>'self' = 'never' OR NOT s.approvers <@ s.authors) THEN 'author'
      ELSE 'counts'
    END
  FROM tickets_approval a
  LEFT JOIN stay s ON true
  WHERE a.ticket_id = of_ticket
$$;


CREATE FUNCTION public.omoi_discovery_stays() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
  decision text[] := ARRAY['state', 'made_task_id', 'made_ticket_id', 'decided_by', 'decided_at', 'reason'];
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'discovery %: a discovery is never removed', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state <> 'open' THEN
    RAISE EXCEPTION 'discovery %: it has been decided', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  IF to_jsonb(OLD) - decision IS DISTINCT FROM to_jsonb(NEW) - decision THEN
    RAISE EXCEPTION 'discovery %: what was found never changes', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_error_mark(error text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
  SELECT left(
    md5(
      regexp_replace(
        regexp_replace(lower(left(error, 2000)), '[0-9a-f]*[0-9][0-9a-f]*', '#', 'g'),
        '\s+',
        ' ',
        'g'
      )
    ),
    16
  )
$$;


CREATE FUNCTION public.omoi_evidence(of_ticket bigint, of_phase text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  SELECT coalesce(
    (
      SELECT encode(sha256(convert_to(
        omoi_submitted_and_decided(of_ticket, of_phase) || jsonb_agg(r.id ORDER BY r.id)::text,
        'UTF8')), 'hex')
      FROM tickets_checkrun r
      WHERE r.ticket_id = of_ticket
        AND r.phase = of_phase
        AND r.answered_at IS NOT NULL
      HAVING count(*) > 0
    ),
    omoi_submitted_and_decided(of_ticket, of_phase)
  )
$$;


CREATE FUNCTION public.omoi_evidence_of_phase(of_ticket bigint, of_phase text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  SELECT CASE
    WHEN EXISTS (
      SELECT
      FROM tickets_ticket k
      JOIN tickets_workflowphase p ON p.workflow_id = k.workflow_id AND p.name = of_phase
      WHERE k.id = of_ticket
        AND p.approvals IS NOT NULL
    )
    THEN encode(sha256(convert_to(
      omoi_submitted(of_ticket, of_phase) || coalesce((
        SELECT jsonb_agg(d.id ORDER BY d.id)::text
        FROM omoi_decisions(of_ticket, of_phase) d
        WHERE d.state IN ('counts', 'stands')
      ), '[]'),
      'UTF8')), 'hex')
    ELSE omoi_submitted(of_ticket, of_phase)
  END
$$;


CREATE FUNCTION public.omoi_fence_grows() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION 'task %: fence % cannot become %', OLD.id, OLD.fence, NEW.fence
    USING ERRCODE = 'check_violation';
END $$;


CREATE FUNCTION public.omoi_follow_full(in_project bigint, of_workflow bigint, in_phase text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(1002, in_project::int);
  -- a statement of its own: its snapshot is from after the lock
  UPDATE tickets_phasehold h
  SET is_full = NOT h.is_full
  FROM tickets_workflowphase p
  WHERE h.project_id = in_project
    AND h.phase = in_phase
    AND h.workflow_id = ANY (ARRAY(
      SELECT v.id
      FROM tickets_workflow w
      JOIN tickets_workflow v ON v.name = w.name
      WHERE w.id = of_workflow
    ))
    AND p.workflow_id = h.workflow_id
    AND p.name = h.phase
    AND omoi_full(in_project, h.workflow_id, h.phase, p.wip) <> h.is_full;
END $$;


CREATE FUNCTION public.omoi_follows_a_version() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
  stands text := OLD.phase;
BEGIN
  IF NEW.workflow_id IS NOT DISTINCT FROM OLD.workflow_id THEN
    NEW.workflow_changes := OLD.workflow_changes;
    RETURN NEW;
  END IF;
  NEW.workflow_changes := OLD.workflow_changes + 1;
  IF OLD.phase = 'BLOCKED' THEN
    stands := omoi_origin(OLD.id, OLD.moves + 1);
  END IF;
  IF NEW.phase IS DISTINCT FROM OLD.phase
    OR (SELECT w.name FROM tickets_workflow w WHERE w.id = NEW.workflow_id)
      IS DISTINCT FROM (SELECT w.name FROM tickets_workflow w WHERE w.id = OLD.workflow_id)
    -- what has ended keeps its version, and a new version ends nothing
    OR NOT EXISTS (
      SELECT
      FROM tickets_workflowphase here
      JOIN tickets_workflowphase there ON there.name = here.name
      WHERE here.workflow_id = OLD.workflow_id
        AND there.workflow_id = NEW.workflow_id
        AND here.name = stands
        AND here.moves_to <> '{}'
        AND there.moves_to <> '{}'
        -- a phase that was still to come has not become an earlier one, to which a ticket may simply go back
        AND NOT EXISTS (
          SELECT
          FROM tickets_workflowphase later
          JOIN tickets_workflowphase earlier ON earlier.name = later.name
          WHERE later.workflow_id = OLD.workflow_id
            AND earlier.workflow_id = NEW.workflow_id
            AND later.position > here.position
            AND earlier.position < there.position
        )
    )
  THEN
    RAISE EXCEPTION 'ticket % keeps its workflow version: the other one is no way on from %', OLD.key, stands
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;


CREATE TABLE public.tickets_ticket (
    id bigint NOT NULL,
    events integer NOT NULL,
    number integer NOT NULL,
    key character varying(24) NOT NULL,
    title character varying(300) NOT NULL,
    description text NOT NULL,
    priority smallint NOT NULL,
    labels character varying(200)[] NOT NULL,
    phase character varying(60) NOT NULL,
    previous_phase character varying(60) NOT NULL,
    phase_since timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    moves integer NOT NULL,
    paused boolean NOT NULL,
    pause_reason character varying(2000) NOT NULL,
    blocked_class character varying(20) NOT NULL,
    blocked_reason text NOT NULL,
    context jsonb NOT NULL,
    summary text NOT NULL,
    source character varying(20) NOT NULL,
    source_id character varying(200) NOT NULL,
    version integer NOT NULL,
    archived_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    parent_id bigint,
    project_id bigint NOT NULL,
    workflow_id bigint NOT NULL,
    paused_at timestamp with time zone,
    move_fault text DEFAULT ''::text NOT NULL,
    move_fault_at timestamp with time zone,
    external_ref character varying(500) DEFAULT ''::character varying NOT NULL,
    feedback jsonb DEFAULT '[]'::jsonb NOT NULL,
    acceptance jsonb DEFAULT '[]'::jsonb NOT NULL,
    refusals smallint DEFAULT 0 NOT NULL,
    refused_at timestamp with time zone,
    workflow_changes integer DEFAULT 0 NOT NULL,
    text_changes integer DEFAULT 0 NOT NULL,
    CONSTRAINT ticket_blocked_says_why CHECK (((NOT ((phase)::text = 'BLOCKED'::text)) OR (((blocked_class)::text = ANY ((ARRAY['dependency'::character varying, 'clarification'::character varying, 'failing_checks'::character varying, 'environment'::character varying])::text[])) AND (NOT (blocked_reason = ''::text))))),
    CONSTRAINT ticket_priority CHECK (((priority >= 0) AND (priority <= 3))),
    CONSTRAINT tickets_ticket_events_check CHECK ((events >= 0)),
    CONSTRAINT tickets_ticket_moves_check CHECK ((moves >= 0)),
    CONSTRAINT tickets_ticket_number_check CHECK ((number >= 0)),
    CONSTRAINT tickets_ticket_priority_check CHECK ((priority >= 0)),
    CONSTRAINT tickets_ticket_refusals_check CHECK ((refusals >= 0)),
    CONSTRAINT tickets_ticket_text_changes_check CHECK ((text_changes >= 0)),
    CONSTRAINT tickets_ticket_version_check CHECK ((version >= 0)),
    CONSTRAINT tickets_ticket_workflow_changes_check CHECK ((workflow_changes >= 0))
);


CREATE FUNCTION public.omoi_standing_tickets(in_project bigint, of_workflow bigint, in_phase text) RETURNS SETOF public.tickets_ticket
    LANGUAGE sql STABLE
    AS $$
  SELECT *
  FROM tickets_ticket k
  WHERE k.project_id = in_project
    AND k.phase = in_phase
    AND k.archived_at IS NULL
    AND k.workflow_id = ANY (ARRAY(
      SELECT v.id
      FROM tickets_workflow w
      JOIN tickets_workflow v ON v.name = w.name
      WHERE w.id = of_workflow
    ))
$$;


CREATE FUNCTION public.omoi_standing(in_project bigint, of_workflow bigint, in_phase text, most integer) RETURNS integer
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    RETURN (SELECT (count(*))::integer AS count FROM (SELECT FROM public.omoi_standing_tickets(omoi_standing.in_project, omoi_standing.of_workflow, omoi_standing.in_phase) omoi_standing_tickets(id, events, number, key, title, description, priority, labels, phase, previous_phase, phase_since, moves, paused, pause_reason, blocked_class, blocked_reason, context, summary, source, source_id, version, archived_at, created_at, updated_at, parent_id, project_id, workflow_id, paused_at, move_fault, move_fault_at, external_ref, feedback, acceptance, refusals, refused_at, workflow_changes, text_changes) LIMIT omoi_standing.most) k);


CREATE FUNCTION public.omoi_full(in_project bigint, of_workflow bigint, in_phase text, wip jsonb) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    RETURN CASE WHEN (wip IS NULL) THEN false ELSE (public.omoi_standing(in_project, of_workflow, in_phase, ((wip ->> 'limit'::text))::integer) >= ((wip ->> 'limit'::text))::integer) END;


CREATE FUNCTION public.omoi_gate_of(phase jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN (phase ? 'approvals'::text) THEN (COALESCE((phase -> 'gate'::text), '[]'::jsonb) || jsonb_build_array(('{"check": "approvals"}'::jsonb || (phase -> 'approvals'::text)))) ELSE COALESCE((phase -> 'gate'::text), '[]'::jsonb) END;


CREATE FUNCTION public.omoi_held_since() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF (OLD.holder_id, OLD.claimed_at) IS DISTINCT FROM (NEW.holder_id, NEW.claimed_at) THEN
    PERFORM FROM agents_agent WHERE id = NEW.holder_id FOR NO KEY UPDATE;
    INSERT INTO tickets_latestgrant (agent_id, oldest_held, replaces)
    SELECT NEW.holder_id, least(g.oldest_held, NEW.claimed_at), g.id
    FROM omoi_latest_grant(NEW.holder_id) g;
  END IF;
  RETURN NULL;
END $$;


CREATE FUNCTION public.omoi_history_guard() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF NOT EXISTS (
    SELECT
    FROM tickets_ticket t
    WHERE t.id = NEW.ticket_id
      AND t.moves >= NEW.move
  ) THEN
    RAISE EXCEPTION 'history row % of ticket % has no move', NEW.move, NEW.ticket_id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;


CREATE FUNCTION public.omoi_history_stamp() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  NEW.xid := pg_current_xact_id();
  NEW.at := clock_timestamp();
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_hold_lane() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO tickets_phasehold (project_id, workflow_id, phase, holds, is_full, waits)
  SELECT
    NEW.project_id,
    p.workflow_id,
    p.name,
    ARRAY(SELECT jsonb_array_elements_text(p.wip->'holds')),
    omoi_full(NEW.project_id, p.workflow_id, p.name, p.wip),
    false
  FROM tickets_workflowphase p
  WHERE p.workflow_id = NEW.workflow_id
    AND jsonb_exists(p.wip, 'holds')
  ON CONFLICT (project_id, workflow_id, phase) DO NOTHING;
  RETURN NULL;
END $$;


CREATE TABLE public.tickets_verdict (
    id bigint NOT NULL,
    phase character varying(60) NOT NULL,
    move integer NOT NULL,
    passed boolean NOT NULL,
    checks jsonb NOT NULL,
    artifacts jsonb NOT NULL,
    evidence character varying(64) NOT NULL,
    by character varying(170) NOT NULL,
    key character varying(20) NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ticket_id bigint NOT NULL,
    CONSTRAINT tickets_verdict_move_check CHECK ((move >= 0))
);


CREATE FUNCTION public.omoi_judge(of_ticket bigint, in_phase text, at_move integer, over_evidence text, answers jsonb, caller text, caller_key text) RETURNS public.tickets_verdict
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
  INSERT INTO tickets_verdict (ticket_id, phase, move, passed, checks, artifacts, evidence, "by", key)
  VALUES (of_ticket, in_phase, at_move, false, answers, '{}', over_evidence, caller, caller_key)
  RETURNING *
$$;


CREATE FUNCTION public.omoi_keep_in_front() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  NEW.rank := omoi_micros(NEW.bumped_at - interval '20 years');
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_keeps_its_identity() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION 'ticket % keeps its id, its project, its number and its key', OLD.key
    USING ERRCODE = 'restrict_violation';
END $$;


CREATE TABLE public.tickets_latestgrant (
    id bigint NOT NULL,
    agent_id bigint NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    oldest_held timestamp with time zone NOT NULL,
    replaces bigint
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_cost_delay='0');


CREATE FUNCTION public.omoi_latest_grant(agent bigint) RETURNS public.tickets_latestgrant
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
  newest tickets_latestgrant;
BEGIN
  SELECT * INTO newest
  FROM tickets_latestgrant g
  WHERE g.agent_id = agent
  ORDER BY g.id DESC
  LIMIT 1;
  RETURN newest;
END $$;


CREATE FUNCTION public.omoi_lease_look() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  NEW.lease_look_at := NEW.lease_expires_at;
  IF NEW.lease_expires_at IS NULL AND NEW.holder_id IS NOT NULL THEN
    PERFORM FROM agents_agent a WHERE a.id = NEW.holder_id AND a.kind = 'person';
    IF NOT FOUND THEN
      RAISE EXCEPTION 'task %: only a person holds a task without a lease', NEW.id
        USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_micros(at timestamp with time zone) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ((EXTRACT(epoch FROM at) * (1000000)::numeric))::bigint;


CREATE FUNCTION public.omoi_moment() RETURNS text
    LANGUAGE sql
    AS $$
  SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;


CREATE FUNCTION public.omoi_never() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END $$;


CREATE FUNCTION public.omoi_note_is_withdrawn_once() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF OLD.withdrawn_at IS NOT NULL
    OR NEW.withdrawn_at IS NULL
    OR (NEW.id, NEW.ticket_id, NEW.phase, NEW.kind, NEW.text, NEW."by", NEW.key, NEW.at)
      IS DISTINCT FROM (OLD.id, OLD.ticket_id, OLD.phase, OLD.kind, OLD.text, OLD."by", OLD.key, OLD.at)
    OR NEW.task_id IS DISTINCT FROM OLD.task_id
  THEN
    RAISE EXCEPTION 'note % never changes; it can be withdrawn once', OLD.id
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_note_the_version() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  SELECT t.workflow_changes INTO NEW.workflow_changes
  FROM tickets_ticket t
  WHERE t.id = NEW.ticket_id;
  RETURN NEW;
END $$;


CREATE TABLE public.tickets_phasemove (
    id bigint NOT NULL,
    move integer NOT NULL,
    from_phase character varying(60),
    to_phase character varying(60) NOT NULL,
    ground character varying(10) NOT NULL,
    reason text NOT NULL,
    by character varying(170) NOT NULL,
    key character varying(20) NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    artifacts jsonb NOT NULL,
    ticket_id bigint NOT NULL,
    verdict_id bigint,
    past_limit boolean DEFAULT false NOT NULL,
    CONSTRAINT history_past_limit_by_a_person CHECK (((NOT past_limit) OR ((by)::text ~~ 'user:%'::text))),
    CONSTRAINT tickets_phasemove_move_check CHECK ((move >= 0))
);


CREATE FUNCTION public.omoi_origin(of_ticket bigint, before_move integer) RETURNS text
    LANGUAGE sql STABLE
    RETURN (SELECT h.to_phase FROM public.tickets_phasemove h WHERE ((h.ticket_id = omoi_origin.of_ticket) AND (h.move < omoi_origin.before_move) AND ((h.to_phase)::text <> ALL ((ARRAY['BLOCKED'::character varying, 'CANCELLED'::character varying])::text[]))) ORDER BY h.move DESC LIMIT 1);


CREATE FUNCTION public.omoi_person_keeps_the_name() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF NEW.username IS DISTINCT FROM OLD.username THEN
    RAISE EXCEPTION '% keeps this name: the journal and artifacts name people by it', OLD.username
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_phase_context_follows() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
  newest int;
BEGIN
  SELECT coalesce(max(p.number), 0) INTO newest
  FROM tickets_phasecontext p
  WHERE p.ticket_id = NEW.ticket_id
    AND p.phase = NEW.phase;
  IF NEW.number <> newest + 1 THEN
    RAISE EXCEPTION 'version % of the context of % follows version %', NEW.number, NEW.phase, newest
      USING ERRCODE = 'check_violation';
  END IF;
  NEW.at := clock_timestamp();
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_phase_follows_its_document() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF NOT EXISTS (
    SELECT
    FROM tickets_workflow w
    CROSS JOIN omoi_phases_of(w.document) p
    WHERE w.id = NEW.workflow_id
      AND (p.name, p.place, p.moves_to, p.start, p.gated, p.automatic)
        = (NEW.name, NEW.position, NEW.moves_to::text[], NEW.start, NEW.gated, NEW.automatic)
      AND p.approvals IS NOT DISTINCT FROM NEW.approvals
      AND p.wip IS NOT DISTINCT FROM NEW.wip
  ) THEN
    RAISE EXCEPTION 'phase % of workflow % is not as its document says', NEW.name, NEW.workflow_id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_phase_guard() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
  told tickets_phasemove;
  here tickets_workflowphase;
  there tickets_workflowphase;
  origin tickets_workflowphase;
  was text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.phase END;
  allowed boolean;
BEGIN
  SELECT * INTO told
  FROM tickets_phasemove h
  WHERE h.ticket_id = NEW.id
    AND h.move = NEW.moves
    AND h.from_phase IS NOT DISTINCT FROM was
    AND h.to_phase = NEW.phase
    AND h.xid = pg_current_xact_id();
  IF NOT FOUND THEN
    RAISE EXCEPTION 'ticket %: % to % without a history row of its own',
      NEW.key, coalesce(was, '(birth)'), NEW.phase
      USING ERRCODE = 'check_violation';
  END IF;
  SELECT * INTO here
  FROM tickets_workflowphase p
  WHERE p.workflow_id = NEW.workflow_id
    AND p.name = was;
  SELECT * INTO there
  FROM tickets_workflowphase p
  WHERE p.workflow_id = NEW.workflow_id
    AND p.name = NEW.phase;
  SELECT * INTO origin
  FROM tickets_workflowphase p
  WHERE p.workflow_id = NEW.workflow_id
    AND p.name = omoi_origin(NEW.id, NEW.moves);
  allowed := CASE told.ground
    WHEN 'born' THEN
      was IS NULL
      AND there.start
    WHEN 'imported' THEN
      was IS NULL
      AND there.id IS NOT NULL
      AND told."by" <> ''
      AND told.reason <> ''
    WHEN 'forced' THEN
      there.id IS NOT NULL
      AND told."by" <> ''
      AND length(btrim(told.reason)) >= 10
      AND (was IS NULL OR was = 'BLOCKED' OR here.id IS NOT NULL AND here.moves_to <> '{}')
    WHEN 'ungated' THEN
      NOT here.gated
      AND there.position > here.position
      AND there.name = ANY (here.moves_to)
    WHEN 'verdict' THEN
      here.gated
      AND there.position > here.position
      AND there.name = ANY (here.moves_to)
      AND EXISTS (
        SELECT
        FROM tickets_verdict v
        WHERE v.id = told.verdict_id
          AND v.ticket_id = NEW.id
          AND v.phase = was
          AND v.move = NEW.moves - 1
          AND v.passed
          AND v.evidence = omoi_evidence(NEW.id, was)
      )
    WHEN 'back' THEN
      there.position < here.position
      AND here.moves_to <> '{}'
    WHEN 'blocked' THEN
      NEW.phase = 'BLOCKED'
      AND here.id IS NOT NULL
      AND here.moves_to <> '{}'
    WHEN 'unblocked' THEN
      was = 'BLOCKED'
      AND there.position <= origin.position
    WHEN 'cancelled' THEN
      NEW.phase = 'CANCELLED'
      AND (was = 'BLOCKED' OR here.id IS NOT NULL AND here.moves_to <> '{}')
    WHEN 'reopened' THEN
      was = 'CANCELLED'
      AND there.position <= origin.position
    ELSE false
  END;
  IF allowed IS NOT TRUE THEN
    RAISE EXCEPTION 'ticket %: % is no ground to go from % to %',
      NEW.key, told.ground, coalesce(was, '(birth)'), NEW.phase
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;


CREATE FUNCTION public.omoi_phase_holds() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
  left_workflow bigint := NEW.workflow_id;
  left_phase text := NEW.phase;
  one record;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    left_workflow := OLD.workflow_id;
    left_phase := OLD.phase;
  END IF;
  FOR one IN
    SELECT DISTINCT
      a.workflow,
      a.phase
    FROM (VALUES (left_workflow, left_phase), (NEW.workflow_id, NEW.phase)) a(workflow, phase)
    WHERE EXISTS (
      SELECT
      FROM (
        SELECT p.workflow_id
        FROM tickets_workflowphase p
        WHERE p.name = a.phase
          AND p.wip IS NOT NULL
          AND jsonb_exists(p.wip, 'holds')
        OFFSET 0  -- few phases have limits; a workflow may have many versions
      ) p
      JOIN tickets_workflow v ON v.id = p.workflow_id
      JOIN tickets_workflow w ON w.id = a.workflow AND w.name = v.name
    )
    ORDER BY
      a.workflow,
      a.phase
  LOOP
    PERFORM omoi_follow_full(NEW.project_id, one.workflow, one.phase);
  END LOOP;
  RETURN NULL;
END $$;


CREATE FUNCTION public.omoi_phases_of(document jsonb) RETURNS TABLE(name text, place integer, moves_to text[], start boolean, gated boolean, automatic text, approvals jsonb, wip jsonb)
    LANGUAGE sql IMMUTABLE
    AS $$
  SELECT
    phase->>'name',
    (number - 1)::int,
    CASE WHEN phase ? 'to' THEN ARRAY(SELECT jsonb_array_elements_text(phase->'to')) END,
    phase->>'name' = coalesce(document->>'start', document->'phases'->0->>'name'),
    jsonb_array_length(coalesce(phase->'gate', '[]')) > 0 OR phase ? 'approvals',
    coalesce(phase->>'automatic', ''),
    phase->'approvals',
    phase->'wip'
  FROM jsonb_array_elements(document->'phases') WITH ORDINALITY phases(phase, number)
$$;


CREATE FUNCTION public.omoi_promote_at(priority integer, ready_at timestamp with time zone, deadline timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN ((priority > 0) AND (LEAST((deadline - '00:30:00'::interval), (ready_at + '08:00:00'::interval)) > clock_timestamp())) THEN LEAST((deadline - '00:30:00'::interval), (ready_at + '08:00:00'::interval)) ELSE NULL::timestamp with time zone END;


CREATE FUNCTION public.omoi_rank(priority integer, ready_at timestamp with time zone, deadline timestamp with time zone, unblocks bigint, retries integer) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN (priority = 0) THEN public.omoi_micros((ready_at - '10 years'::interval)) WHEN (LEAST((deadline - '00:30:00'::interval), (ready_at + '08:00:00'::interval)) <= clock_timestamp()) THEN public.omoi_micros((LEAST((deadline - '00:30:00'::interval), (ready_at + '08:00:00'::interval)) - '10 years'::interval)) ELSE LEAST(public.omoi_micros(((ready_at + (((CASE priority WHEN 1 THEN 30 WHEN 2 THEN 75 ELSE 120 END + (5 * retries)))::double precision * '00:01:00'::interval)) - ((LEAST((30)::numeric, ((10)::numeric * log((2)::numeric, ((1 + unblocks))::numeric))))::double precision * '00:01:00'::interval))), public.omoi_micros((deadline - '00:30:00'::interval))) END;


CREATE FUNCTION public.omoi_read_phases() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF NEW.name IS DISTINCT FROM NEW.document->>'name'
    OR NOT EXISTS (SELECT FROM omoi_phases_of(NEW.document) p WHERE p.start)
  THEN
    RAISE EXCEPTION 'the document of workflow % has another name, or no phase to start in', NEW.name
      USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO tickets_workflowphase (
    workflow_id, name, position, moves_to, start, gated, automatic, approvals, wip
  )
  SELECT
    NEW.id,
    p.name,
    p.place,
    p.moves_to,
    p.start,
    p.gated,
    p.automatic,
    p.approvals,
    p.wip
  FROM omoi_phases_of(NEW.document) p;
  RETURN NULL;
END $$;


CREATE FUNCTION public.omoi_record_decision() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  WITH about AS (
    UPDATE tickets_ticket t
    SET events = t.events + 1
    WHERE t.id = NEW.ticket_id
    RETURNING
      t.project_id,
      'ticket:' || t.key AS topic,
      t.events
  )
  INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, reason, data)
  SELECT
    project_id,
    topic,
    topic,
    events,
    CASE NEW.decision
      WHEN 'approve' THEN 'approval.given'
      WHEN 'reject' THEN 'approval.rejected'
      ELSE 'approval.changes_requested'
    END,
    NEW."by",
    NEW.key,
    NEW.reason,
    jsonb_build_object(
      'approval', NEW.id,
      'phase', NEW.phase,
      'seen', NEW.seen,
      'role', NEW.role,
      'self_approved', NEW.self_approved
    )
  FROM about;
  RETURN NULL;
END $$;


CREATE FUNCTION public.omoi_record_verdict() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $_$
DECLARE
  refused boolean := jsonb_path_exists(
    NEW.checks,
    '$[*] ? (@.passed == false && @.check != "tasks_completed" && @.check != "approvals")'
  );
BEGIN
  WITH judged AS (
    UPDATE tickets_ticket t
    SET
      events = t.events + 1,
      refusals = CASE
        WHEN NEW.passed THEN 0
        ELSE least(t.refusals + refused::int, 32767)
      END,
      refused_at = CASE
        WHEN NEW.passed THEN NULL
        WHEN refused AND t.refusals = 1 THEN NEW.at
        ELSE t.refused_at
      END
    WHERE t.id = NEW.ticket_id
    RETURNING
      t.project_id,
      'ticket:' || t.key AS topic,
      t.events
  )
  INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, reason, data)
  SELECT
    project_id,
    topic,
    topic,
    events,
    'gate.judged',
    NEW."by",
    NEW.key,
    '',
    jsonb_build_object(
      'phase', NEW.phase,
      'passed', NEW.passed,
      'verdict', NEW.id,
      'unmet', jsonb_path_query_array(NEW.checks, '$[*] ? (@.passed == false).check')
    )
  FROM judged;
  RETURN NULL;
END $_$;


CREATE FUNCTION public.omoi_replace_grant() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  DELETE FROM tickets_latestgrant WHERE id = NEW.replaces;
  RETURN NULL;
END $$;


CREATE FUNCTION public.omoi_reviewer_is(of_review bigint) RETURNS SETOF text
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  WITH review AS (
    SELECT
      t.ticket_id,
      t.phase,
      ARRAY[t.settled_by] AS agents,
      ARRAY(
        SELECT e.key
        FROM agents_event e
        WHERE e.topic = 'ticket:' || k.key
          AND e.subject = 'task:' || t.id
          AND e.kind = 'task.completed'
      ) AS keys
    FROM tickets_task t
    JOIN tickets_ticket k ON k.id = t.ticket_id
    WHERE t.id = of_review
      AND t.settled_by IS NOT NULL
  )
  SELECT DISTINCT coalesce(
    CASE a.kind WHEN 'person' THEN a.name ELSE 'agent:' || a.name END,
    'user:' || u.username
  )
  FROM review
  CROSS JOIN omoi_authorship(review.ticket_id, review.phase, false) author
  CROSS JOIN omoi_behind(review.agents, review.keys) reviewer
  LEFT JOIN agents_agent a ON a.id = author.agent_id
  LEFT JOIN auth_user u ON u.id = author.user_id
  WHERE author.agent_id = reviewer.agent_id
    OR author.user_id = reviewer.user_id
$$;


CREATE FUNCTION public.omoi_ring() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    PERFORM pg_notify('omoi_events', '');
  ELSIF EXISTS (SELECT FROM agents_journal_follower WHERE asleep) THEN
    PERFORM pg_notify('omoi_events', '');
  END IF;
  RETURN NULL;
END $$;


CREATE FUNCTION public.omoi_role(of_user bigint, in_project bigint) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  SELECT CASE WHEN u.is_superuser THEN 'admin' ELSE coalesce(m.role, '') END
  FROM auth_user u
  LEFT JOIN agents_member m ON m.user_id = u.id AND m.project_id = in_project
  WHERE u.id = of_user
    AND u.is_active
$$;


CREATE FUNCTION public.omoi_seconds_after(moment timestamp with time zone, seconds integer) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((moment AT TIME ZONE 'UTC'::text) + ((seconds)::double precision * '00:00:01'::interval)) AT TIME ZONE 'UTC'::text);


CREATE TABLE public.tickets_artifact (
    id bigint NOT NULL,
    phase character varying(60) NOT NULL,
    name character varying(200) NOT NULL,
    revision integer NOT NULL,
    type character varying(100) NOT NULL,
    path character varying(500) NOT NULL,
    commit character varying(100) NOT NULL,
    fence bigint,
    by character varying(170) NOT NULL,
    key character varying(20) NOT NULL,
    at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    task_id bigint,
    ticket_id bigint NOT NULL,
    blob_id character varying(64) NOT NULL,
    CONSTRAINT tickets_artifact_revision_check CHECK ((revision >= 0))
);


CREATE TABLE public.tickets_task (
    id bigint NOT NULL,
    ticket_key character varying(24) NOT NULL,
    phase character varying(60) NOT NULL,
    title character varying(300) NOT NULL,
    description text NOT NULL,
    kind character varying(60) NOT NULL,
    priority smallint NOT NULL,
    capabilities character varying(100)[] NOT NULL,
    profile character varying(60) NOT NULL,
    slots jsonb NOT NULL,
    state character varying(10) NOT NULL,
    join_count integer,
    open_needs integer NOT NULL,
    edges_left integer NOT NULL,
    unsatisfiable boolean CONSTRAINT tickets_task_doomed_not_null NOT NULL,
    not_due boolean CONSTRAINT tickets_task_asleep_not_null NOT NULL,
    not_before timestamp with time zone,
    held boolean NOT NULL,
    rank bigint NOT NULL,
    ready_at timestamp with time zone,
    deadline timestamp with time zone,
    promote_at timestamp with time zone,
    fence bigint NOT NULL,
    attempts integer NOT NULL,
    max_attempts integer NOT NULL,
    retries integer NOT NULL,
    timeout_s integer,
    claimed_at timestamp with time zone,
    lease_s integer,
    lease_expires_at timestamp with time zone,
    timeout_at timestamp with time zone,
    settled_by bigint,
    settled_fence bigint,
    settled_as character varying(10) NOT NULL,
    result jsonb,
    error text NOT NULL,
    progress jsonb NOT NULL,
    events integer NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    ended_at timestamp with time zone,
    holder_id bigint,
    lane_id bigint NOT NULL,
    project_id bigint NOT NULL,
    ticket_id bigint NOT NULL,
    bumped_at timestamp with time zone,
    work_s double precision,
    granted_with character varying(32) DEFAULT ''::character varying NOT NULL,
    extended_to timestamp with time zone,
    started_at timestamp with time zone,
    worker_deaths smallint DEFAULT 0 NOT NULL,
    failure character varying(20) DEFAULT ''::character varying NOT NULL,
    lease_look_at timestamp with time zone,
    operation character varying(8) DEFAULT ''::character varying NOT NULL,
    active_at timestamp with time zone,
    activity character varying(200) DEFAULT ''::character varying NOT NULL,
    phase_stall_after_s integer,
    stall_after_s integer,
    stall_s integer,
    stalled_at timestamp with time zone,
    checkpoint jsonb,
    tried jsonb,
    avoid_id bigint,
    avoid_until timestamp with time zone,
    starts_timeout boolean DEFAULT false NOT NULL,
    rate_limits smallint DEFAULT 0 NOT NULL,
    expected_at timestamp with time zone,
    late_since timestamp with time zone,
    CONSTRAINT task_not_due_until CHECK (((NOT not_due) OR (not_before IS NOT NULL))),
    CONSTRAINT task_numbers CHECK (((LEAST((priority)::integer, join_count, open_needs, edges_left, attempts, retries, (worker_deaths)::integer, lease_s, stall_after_s, events) >= 0) AND (LEAST(max_attempts, timeout_s) >= 1) AND (max_attempts <= 100) AND (priority <= 3))),
    CONSTRAINT task_state CHECK ((((claimed_at IS NOT NULL) AND (holder_id IS NOT NULL) AND ((state)::text = 'claimed'::text) AND ((lease_expires_at IS NOT NULL) OR (timeout_at IS NULL))) OR ((holder_id IS NULL) AND (lease_expires_at IS NULL) AND ((state)::text = ANY ((ARRAY['pending'::character varying, 'completed'::character varying, 'failed'::character varying, 'cancelled'::character varying])::text[])) AND (timeout_at IS NULL))))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_cost_delay='0');


CREATE FUNCTION public.omoi_shown(of_ticket bigint, of_phase text, text_changes integer) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    RETURN encode(sha256(convert_to((((COALESCE((SELECT (jsonb_agg(((jsonb_build_array(a.phase, a.name, a.type, a.blob_id) || CASE WHEN (((a.path)::text = ''::text) AND ((a.commit)::text = ''::text)) THEN '[]'::jsonb ELSE jsonb_build_array(a.path, a.commit) END) || CASE WHEN (a.revision = 1) THEN '[]'::jsonb ELSE jsonb_build_array(a.revision) END) ORDER BY a.id))::text AS jsonb_agg FROM (SELECT DISTINCT ON (tickets_artifact.phase, tickets_artifact.name) tickets_artifact.id, tickets_artifact.phase, tickets_artifact.name, tickets_artifact.type, tickets_artifact.blob_id, tickets_artifact.path, tickets_artifact.commit, tickets_artifact.revision FROM public.tickets_artifact WHERE (tickets_artifact.ticket_id = omoi_shown.of_ticket) ORDER BY tickets_artifact.phase, tickets_artifact.name, tickets_artifact.revision DESC) a), '[]'::text) || COALESCE((SELECT (jsonb_agg(jsonb_build_array(t.id, t.state) ORDER BY t.id))::text AS jsonb_agg FROM public.tickets_task t WHERE ((t.ticket_id = omoi_shown.of_ticket) AND ((t.phase)::text = omoi_shown.of_phase))), '[]'::text)) || COALESCE((SELECT (t.acceptance)::text AS acceptance FROM public.tickets_ticket t WHERE ((t.id = omoi_shown.of_ticket) AND (t.acceptance <> '[]'::jsonb))), ''::text)) || CASE WHEN (text_changes = 0) THEN ''::text ELSE (text_changes)::text END), 'UTF8'::name)), 'hex'::text);


CREATE FUNCTION public.omoi_submitted(of_ticket bigint, of_phase text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  SELECT omoi_shown(of_ticket, of_phase, k.text_changes)
  FROM tickets_ticket k
  WHERE k.id = of_ticket
$$;


CREATE FUNCTION public.omoi_submitted_and_decided(of_ticket bigint, of_phase text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
  SELECT CASE
    WHEN k.workflow_changes = 0 THEN omoi_evidence_of_phase(of_ticket, of_phase)
    ELSE encode(sha256(convert_to(
      omoi_evidence_of_phase(of_ticket, of_phase) || k.workflow_changes, 'UTF8'
    )), 'hex')
  END
  FROM tickets_ticket k
  WHERE k.id = of_ticket
$$;


CREATE FUNCTION public.omoi_task_states() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state NOT IN ('pending', 'completed') OR NEW.fence <> 0 THEN
      RAISE EXCEPTION 'a task is born pending, or completed by an import, not %', NEW.state
        USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.operation NOT IN ('', 'sync', 'merge') THEN
      RAISE EXCEPTION 'there is no operation %', NEW.operation
        USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.operation <> NEW.operation THEN
    RAISE EXCEPTION 'task %: an operation stays what it is', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state = NEW.state THEN
    RETURN NEW;
  END IF;
  IF (OLD.state, OLD.settled_as) = ('pending', 'lapsed')
    AND (NEW.state, NEW.settled_as) = ('completed', 'late')
    AND OLD.settled_fence = NEW.fence
    AND OLD.settled_by = NEW.settled_by
  THEN
    RETURN NEW;
  END IF;
  IF (NEW.operation = '', OLD.state, NEW.state) NOT IN (
    (true, 'pending', 'claimed'),
    (true, 'pending', 'cancelled'),
    (true, 'claimed', 'pending'),
    (true, 'claimed', 'completed'),
    (true, 'claimed', 'failed'),
    (true, 'claimed', 'cancelled'),
    (true, 'failed', 'pending'),
    (true, 'cancelled', 'pending'),
    (false, 'pending', 'completed'),
    (false, 'pending', 'failed'),
    (false, 'pending', 'cancelled'),
    (false, 'failed', 'pending'),
    (false, 'cancelled', 'pending')
  ) THEN
    RAISE EXCEPTION 'task %: % cannot become %', OLD.id, OLD.state, NEW.state
      USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.state = 'claimed' AND NEW.fence <= OLD.fence THEN
    RAISE EXCEPTION 'task %: a claim needs a new fence', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_tried(tried jsonb, attempt integer, kind text, error text, by text) RETURNS jsonb
    LANGUAGE sql
    AS $$
  SELECT
    CASE
      WHEN jsonb_array_length(coalesce(tried, '[]')) >= 10 THEN tried - 0
      ELSE coalesce(tried, '[]')
    END
    || jsonb_build_array(jsonb_build_object(
      'attempt', attempt,
      'kind', kind,
      'error', left(error, 2000),
      'by', by,
      'at', omoi_moment()
    ))
$$;


CREATE FUNCTION public.omoi_validation_stays() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.counted AND NOT NEW.counted
      AND to_jsonb(OLD) - 'counted' = to_jsonb(NEW) - 'counted'
    THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'validation %: a failed validation never changes', OLD.id
    USING ERRCODE = 'check_violation';
END $$;


CREATE FUNCTION public.omoi_verdict_writes_its_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION 'an event % is written only with the row that it tells of', NEW.kind
    USING ERRCODE = 'restrict_violation';
END $$;


CREATE FUNCTION public.omoi_version_is_recorded() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF NOT EXISTS (
    SELECT
    FROM agents_event e
    WHERE e.topic = 'ticket:' || NEW.key
      AND e.kind = 'ticket.workflow_changed'
      AND e.xid = pg_current_xact_id()
  ) THEN
    RAISE EXCEPTION 'ticket %: a change of its workflow version without an event', NEW.key
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;


CREATE FUNCTION public.omoi_wip_guard() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
  most int;
BEGIN
  SELECT (p.wip->>'limit')::int INTO most
  FROM tickets_workflowphase p
  WHERE p.workflow_id = NEW.workflow_id
    AND p.name = NEW.phase;
  IF most IS NULL OR EXISTS (
    SELECT
    FROM tickets_phasemove h
    WHERE h.ticket_id = NEW.id
      AND h.move = NEW.moves
      AND (h.past_limit OR h.ground IN ('born', 'imported'))
  ) THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(1002, NEW.project_id::int);
  IF EXISTS (
    SELECT
    FROM tickets_ticket k
    WHERE k.id = NEW.id
      AND (k.phase, k.moves) = (NEW.phase, NEW.moves)
      AND k.archived_at IS NULL
  )
  AND omoi_standing(NEW.project_id, NEW.workflow_id, NEW.phase, most + 1) > most THEN
    RAISE EXCEPTION 'ticket %: % is full, with % tickets', NEW.key, NEW.phase, most
      USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN NULL;
END $$;


CREATE FUNCTION public.omoi_work_out_decision() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
  about tickets_ticket;
  rule jsonb;
  authors bigint[];
BEGIN
  -- moves and artifacts wait for the lock
  SELECT * INTO about
  FROM tickets_ticket t
  WHERE t.id = NEW.ticket_id
  FOR NO KEY UPDATE;
  IF (about.phase, about.moves) IS DISTINCT FROM (NEW.phase, NEW.move) THEN
    RAISE EXCEPTION 'ticket %: it has moved since move % in %', about.key, NEW.move, NEW.phase
      USING ERRCODE = 'serialization_failure';
  END IF;
  IF NEW.seen IS DISTINCT FROM omoi_submitted(NEW.ticket_id, NEW.phase) THEN
    RAISE EXCEPTION 'ticket %: its evidence has changed since it was seen', about.key
      USING ERRCODE = 'serialization_failure';
  END IF;
  SELECT p.approvals INTO rule
  FROM tickets_workflowphase p
  WHERE p.workflow_id = about.workflow_id
    AND p.name = about.phase;
  IF rule IS NULL THEN
    RAISE EXCEPTION 'ticket %: % asks for no approval', about.key, about.phase
      USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.user_id NOT IN (SELECT omoi_approvers(about.project_id, rule->>'role')) THEN
    RAISE EXCEPTION 'ticket %: user % has not the role %', about.key, NEW.user_id, rule->>'role'
      USING ERRCODE = 'check_violation';
  END IF;
  authors := ARRAY(SELECT omoi_authors(about.id, about.phase));
  NEW.self_approved := NEW.decision = 'approve' AND NEW.user_id = ANY (authors);
  IF NEW.self_approved AND (
    rule->>'self' = 'never'
    OR EXISTS (
      SELECT
      FROM omoi_approvers(about.project_id, rule->>'role') other
      WHERE other <> ALL (authors)
    )
  ) THEN
    RAISE EXCEPTION 'ticket %: user % is an author of what would be approved', about.key, NEW.user_id
      USING ERRCODE = 'check_violation';
  END IF;
  SELECT 'user:' || u.username, omoi_role(u.id, about.project_id) INTO NEW."by", NEW.role
  FROM auth_user u
  WHERE u.id = NEW.user_id;
  NEW.workflow_id := about.workflow_id;
  NEW.at := clock_timestamp();
  NEW.expires_at := NEW.at + make_interval(secs => (rule->>'expires_s')::float8);
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_work_out_verdict() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
  judged tickets_ticket;
  gate jsonb;
BEGIN
  -- moves and artifacts wait for the lock
  SELECT * INTO judged
  FROM tickets_ticket t
  WHERE t.id = NEW.ticket_id
  FOR NO KEY UPDATE;
  IF (judged.phase, judged.moves) IS DISTINCT FROM (NEW.phase, NEW.move) THEN
    RAISE EXCEPTION 'ticket %: it has moved since move % in %', judged.key, NEW.move, NEW.phase
      USING ERRCODE = 'serialization_failure';
  END IF;
  IF NEW.evidence IS DISTINCT FROM omoi_evidence(NEW.ticket_id, NEW.phase) THEN
    RAISE EXCEPTION 'ticket %: its evidence has changed since the checks were answered', judged.key
      USING ERRCODE = 'serialization_failure';
  END IF;
  IF NEW."by" !~ '^(agent|user|system):.' THEN
    RAISE EXCEPTION 'ticket %: a verdict names the agent, the user or the system that asks for it', judged.key
      USING ERRCODE = 'check_violation';
  END IF;
  gate := coalesce(
    (
      SELECT omoi_gate_of(p)
      FROM tickets_workflow w
      CROSS JOIN jsonb_array_elements(w.document->'phases') p
      WHERE w.id = judged.workflow_id
        AND p->>'name' = NEW.phase
    ),
    '[]'
  );
  -- one answer for each check with its parameters, in the order of the gate
  IF jsonb_typeof(NEW.checks) IS DISTINCT FROM 'array'
    OR EXISTS (
      SELECT
      FROM jsonb_array_elements(gate) WITH ORDINALITY g(entry, place)
      FULL JOIN jsonb_array_elements(NEW.checks) WITH ORDINALITY a(answer, place) USING (place)
      WHERE CASE
        WHEN jsonb_typeof(answer) = 'object' THEN
          answer - 'passed' - 'reasons' IS DISTINCT FROM entry
          OR jsonb_typeof(answer->'reasons') IS DISTINCT FROM 'array'
        ELSE true
      END
    )
  THEN
    RAISE EXCEPTION 'ticket %: the gate of % needs one answer for each of its checks', judged.key, NEW.phase
      USING ERRCODE = 'check_violation';
  END IF;
  -- who approved is known here: an answer that says otherwise is old, or forged
  IF EXISTS (
    SELECT
    FROM jsonb_array_elements(NEW.checks) answer
    WHERE answer->>'check' = 'approvals'
      AND (answer->'reasons' = '[]')
        IS DISTINCT FROM (omoi_approved_by(NEW.ticket_id, NEW.phase) >= (answer->>'count')::int)
  )
  THEN
    RAISE EXCEPTION 'ticket %: its approvals are not as they were answered', judged.key
      USING ERRCODE = 'serialization_failure';
  END IF;
  SELECT
    coalesce(
      jsonb_agg(answer || jsonb_build_object('passed', answer->'reasons' = '[]') ORDER BY place),
      '[]'
    ),
    coalesce(bool_and(answer->'reasons' = '[]'), true)
  INTO NEW.checks, NEW.passed
  FROM jsonb_array_elements(NEW.checks) WITH ORDINALITY a(answer, place);
  NEW.artifacts := coalesce(
    (
      SELECT jsonb_object_agg(a.phase || '/' || a.name, a.blob_id)
      FROM (
        SELECT DISTINCT ON (phase, name) phase, name, blob_id
        FROM tickets_artifact
        WHERE ticket_id = NEW.ticket_id
        ORDER BY phase, name, revision DESC
      ) a
    ),
    '{}'
  );
  NEW.at := clock_timestamp();
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_workflow_is_allowed() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
  followed text := (SELECT w.name FROM tickets_workflow w WHERE w.id = NEW.workflow_id);
BEGIN
  IF NOT EXISTS (
    SELECT
    FROM agents_project p
    WHERE p.id = NEW.project_id
      AND followed = ANY (coalesce(nullif(p.workflow, ''), 'software_delivery') || p.workflows)
  ) THEN
    RAISE EXCEPTION 'ticket %: its project does not allow the workflow %', NEW.key, followed
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;


CREATE FUNCTION public.omoi_workflow_is_whole() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF EXISTS (SELECT FROM tickets_ticket t WHERE t.workflow_id = NEW.workflow_id) THEN
    RAISE EXCEPTION 'tickets stand on workflow %: it takes no more phases', NEW.workflow_id
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;


CREATE TABLE dramatiq.queue (
    message_id uuid NOT NULL,
    queue_name text DEFAULT 'default'::text NOT NULL,
    state dramatiq.state,
    mtime timestamp with time zone DEFAULT now(),
    message jsonb,
    "position" bigint NOT NULL,
    available_at timestamp with time zone DEFAULT now() NOT NULL,
    worker_id uuid,
    consumed_at timestamp with time zone
);


ALTER TABLE dramatiq.queue ALTER COLUMN "position" ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME dramatiq.queue_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE dramatiq.result (
    message_id uuid NOT NULL,
    result jsonb,
    expires_at timestamp with time zone
);


CREATE TABLE dramatiq.worker (
    worker_id uuid NOT NULL,
    heartbeat_at timestamp with time zone NOT NULL
);


CREATE TABLE public.agents_account (
    id bigint NOT NULL,
    events integer NOT NULL,
    user_id integer NOT NULL,
    single_letters boolean DEFAULT true NOT NULL,
    CONSTRAINT agents_account_events_check CHECK ((events >= 0))
);


ALTER TABLE public.agents_account ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.agents_account_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.agents_agent (
    id bigint NOT NULL,
    events integer NOT NULL,
    name character varying(160) NOT NULL,
    kind character varying(10) NOT NULL,
    state character varying(50) NOT NULL,
    capabilities character varying(100)[] NOT NULL,
    phases character varying(60)[] NOT NULL,
    tags character varying(50)[] NOT NULL,
    capacity integer NOT NULL,
    runs_profiles boolean NOT NULL,
    sees_all boolean NOT NULL,
    version integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    owner_id integer,
    state_by character varying(170) NOT NULL,
    state_at timestamp with time zone,
    state_reason text DEFAULT ''::text NOT NULL,
    pools character varying(63)[] DEFAULT '{}'::character varying(63)[] NOT NULL,
    assigned boolean DEFAULT false NOT NULL,
    CONSTRAINT agent_capacity CHECK (((capacity >= 1) AND (capacity <= 1000))),
    CONSTRAINT agent_kind CHECK (((kind)::text = ANY ((ARRAY['worker'::character varying, 'validator'::character varying, 'monitor'::character varying, 'guardian'::character varying, 'person'::character varying])::text[]))),
    CONSTRAINT agent_name_of_its_kind CHECK (((((kind)::text = 'person'::text) AND ((name)::text ~~ 'user:%'::text)) OR ((NOT ((kind)::text = 'person'::text)) AND (NOT ((name)::text ~~ '%:%'::text))))),
    CONSTRAINT agent_state CHECK (((state)::text = ANY ((ARRAY['available'::character varying, 'maintenance'::character varying, 'draining'::character varying, 'quarantined'::character varying, 'retired'::character varying])::text[]))),
    CONSTRAINT agents_agent_capacity_check CHECK ((capacity >= 0)),
    CONSTRAINT agents_agent_events_check CHECK ((events >= 0)),
    CONSTRAINT agents_agent_version_check CHECK ((version >= 0))
)
WITH (fillfactor='50');


ALTER TABLE public.agents_agent ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.agents_agent_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.agents_agent_projects (
    id bigint NOT NULL,
    agent_id bigint NOT NULL,
    project_id bigint NOT NULL
);


ALTER TABLE public.agents_agent_projects ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.agents_agent_projects_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.agents_agentpresence (
    agent_id bigint NOT NULL,
    last_seen_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    unread integer NOT NULL,
    metrics jsonb DEFAULT '{}'::jsonb NOT NULL,
    word character varying(20) DEFAULT ''::character varying NOT NULL,
    instances jsonb DEFAULT '{}'::jsonb NOT NULL,
    shared_at timestamp with time zone,
    shared_since timestamp with time zone,
    minutes bit(1440) DEFAULT '000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000'::"bit" NOT NULL,
    CONSTRAINT agents_agentpresence_unread_check CHECK ((unread >= 0))
)
WITH (fillfactor='50');


CREATE TABLE public.agents_event (
    id bigint NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    project_id bigint,
    topic character varying(120) NOT NULL,
    subject character varying(120) NOT NULL,
    number integer NOT NULL,
    kind character varying(60) NOT NULL,
    actor character varying(170) NOT NULL,
    key character varying(20) NOT NULL,
    data jsonb NOT NULL,
    reason text NOT NULL,
    CONSTRAINT agents_event_number_check CHECK ((number >= 0))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.1');


ALTER TABLE public.agents_event ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.agents_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE UNLOGGED TABLE public.agents_journal_follower (
    pid integer NOT NULL,
    backend_start timestamp with time zone NOT NULL,
    asleep boolean NOT NULL
);


CREATE TABLE public.agents_key (
    id bigint NOT NULL,
    prefix character varying(16) NOT NULL,
    hash bytea NOT NULL,
    scopes character varying(20)[] NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    agent_id bigint,
    user_id integer,
    parent_id bigint,
    CONSTRAINT key_of_one CHECK ((((agent_id IS NULL) OR (user_id IS NULL)) AND (1 = (
CASE
    WHEN (agent_id IS NULL) THEN 1
    ELSE 0
END +
CASE
    WHEN (user_id IS NULL) THEN 1
    ELSE 0
END))))
);


ALTER TABLE public.agents_key ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.agents_key_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.agents_member (
    id bigint NOT NULL,
    role character varying(10) NOT NULL,
    since timestamp with time zone NOT NULL,
    user_id integer NOT NULL,
    project_id bigint NOT NULL,
    CONSTRAINT member_role CHECK (((role)::text = ANY ((ARRAY['viewer'::character varying, 'operator'::character varying, 'approver'::character varying, 'admin'::character varying])::text[])))
);


ALTER TABLE public.agents_member ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.agents_member_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.agents_pool (
    id bigint NOT NULL,
    events integer NOT NULL,
    version integer NOT NULL,
    name character varying(63) NOT NULL,
    most_claims integer,
    closed_at timestamp with time zone,
    closed_by character varying(170) NOT NULL,
    close_reason character varying(2000) NOT NULL,
    resets_at timestamp with time zone,
    pauses smallint NOT NULL,
    came_due_at timestamp with time zone,
    profiles character varying(63)[] NOT NULL,
    probe_task bigint,
    probe_fence bigint,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    project_id bigint,
    CONSTRAINT agents_pool_events_check CHECK ((events >= 0)),
    CONSTRAINT agents_pool_most_claims_check CHECK ((most_claims >= 0)),
    CONSTRAINT agents_pool_pauses_check CHECK ((pauses >= 0)),
    CONSTRAINT agents_pool_version_check CHECK ((version >= 0)),
    CONSTRAINT pool_closed CHECK (((closed_at IS NOT NULL) OR ((came_due_at IS NULL) AND (probe_task IS NULL) AND (resets_at IS NULL))))
);


ALTER TABLE public.agents_pool ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.agents_pool_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.agents_project (
    id bigint NOT NULL,
    events integer NOT NULL,
    key character varying(10) NOT NULL,
    name character varying(200) NOT NULL,
    repository character varying(500) NOT NULL,
    workflow character varying(100) NOT NULL,
    paused boolean NOT NULL,
    pause_reason character varying(2000) NOT NULL,
    tickets_made integer NOT NULL,
    version integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    paused_at timestamp with time zone,
    workflows character varying(100)[] NOT NULL,
    profiles character varying(60)[] NOT NULL,
    max_agents integer,
    max_tickets integer,
    paused_phases jsonb DEFAULT '{}'::jsonb NOT NULL,
    stall_after_s integer DEFAULT 1800 NOT NULL,
    stall_grace_s integer DEFAULT 600 NOT NULL,
    CONSTRAINT agents_project_events_check CHECK ((events >= 0)),
    CONSTRAINT agents_project_max_agents_check CHECK ((max_agents >= 0)),
    CONSTRAINT agents_project_max_tickets_check CHECK ((max_tickets >= 0)),
    CONSTRAINT agents_project_stall_after_s_check CHECK ((stall_after_s >= 0)),
    CONSTRAINT agents_project_stall_grace_s_check CHECK ((stall_grace_s >= 0)),
    CONSTRAINT agents_project_tickets_made_check CHECK ((tickets_made >= 0)),
    CONSTRAINT agents_project_version_check CHECK ((version >= 0))
);


ALTER TABLE public.agents_project ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.agents_project_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.agents_reply (
    id bigint NOT NULL,
    hash bytea NOT NULL,
    request bytea NOT NULL,
    status smallint NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    sealed boolean NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    rights jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT agents_reply_status_check CHECK ((status >= 0))
);


ALTER TABLE public.agents_reply ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.agents_reply_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.agents_savedview (
    id bigint NOT NULL,
    name character varying(60) NOT NULL,
    path character varying(60) NOT NULL,
    query character varying(1500) NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    user_id integer NOT NULL
);


ALTER TABLE public.agents_savedview ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.agents_savedview_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.agents_signintry (
    id bigint NOT NULL,
    who character varying(32) NOT NULL,
    address character varying(64) NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


ALTER TABLE public.agents_signintry ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.agents_signintry_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.auth_group (
    id integer NOT NULL,
    name character varying(150) NOT NULL
);


ALTER TABLE public.auth_group ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_group_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.auth_group_permissions (
    id bigint NOT NULL,
    group_id integer NOT NULL,
    permission_id integer NOT NULL
);


ALTER TABLE public.auth_group_permissions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_group_permissions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.auth_permission (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    content_type_id integer NOT NULL,
    codename character varying(100) NOT NULL
);


ALTER TABLE public.auth_permission ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_permission_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.auth_user (
    id integer NOT NULL,
    password character varying(128) NOT NULL,
    last_login timestamp with time zone,
    is_superuser boolean NOT NULL,
    username character varying(150) NOT NULL,
    first_name character varying(150) NOT NULL,
    last_name character varying(150) NOT NULL,
    email character varying(254) NOT NULL,
    is_staff boolean NOT NULL,
    is_active boolean NOT NULL,
    date_joined timestamp with time zone NOT NULL
);


CREATE TABLE public.auth_user_groups (
    id bigint NOT NULL,
    user_id integer NOT NULL,
    group_id integer NOT NULL
);


ALTER TABLE public.auth_user_groups ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_user_groups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


ALTER TABLE public.auth_user ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_user_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.auth_user_user_permissions (
    id bigint NOT NULL,
    user_id integer NOT NULL,
    permission_id integer NOT NULL
);


ALTER TABLE public.auth_user_user_permissions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_user_user_permissions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.django_admin_log (
    id integer NOT NULL,
    action_time timestamp with time zone NOT NULL,
    object_id text,
    object_repr character varying(200) NOT NULL,
    action_flag smallint NOT NULL,
    change_message text NOT NULL,
    content_type_id integer,
    user_id integer NOT NULL,
    CONSTRAINT django_admin_log_action_flag_check CHECK ((action_flag >= 0))
);


ALTER TABLE public.django_admin_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_admin_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.django_content_type (
    id integer NOT NULL,
    app_label character varying(100) NOT NULL,
    model character varying(100) NOT NULL
);


ALTER TABLE public.django_content_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_content_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.django_migrations (
    id bigint NOT NULL,
    app character varying(255) NOT NULL,
    name character varying(255) NOT NULL,
    applied timestamp with time zone NOT NULL
);


ALTER TABLE public.django_migrations ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_migrations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.django_session (
    session_key character varying(40) NOT NULL,
    session_data text NOT NULL,
    expire_date timestamp with time zone NOT NULL
);


ALTER TABLE public.tickets_approval ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_approval_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


ALTER TABLE public.tickets_artifact ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_artifact_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_attentioncount (
    id bigint NOT NULL,
    project_id bigint NOT NULL,
    kind character varying(40) NOT NULL,
    who character varying(20) NOT NULL,
    number integer NOT NULL,
    CONSTRAINT tickets_attentioncount_number_check CHECK ((number >= 0))
);


ALTER TABLE public.tickets_attentioncount ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_attentioncount_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_awaited (
    id bigint NOT NULL,
    kind character varying(40) NOT NULL,
    source_id character varying(200) NOT NULL,
    ticket_id bigint NOT NULL
);


ALTER TABLE public.tickets_awaited ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_awaited_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_blob (
    hash character varying(64) NOT NULL,
    size bigint NOT NULL,
    location character varying(200) DEFAULT ''::character varying NOT NULL
);


CREATE TABLE public.tickets_bulkact (
    id bigint NOT NULL,
    act character varying(12) NOT NULL,
    arguments jsonb NOT NULL,
    asked jsonb NOT NULL,
    projects bigint[] NOT NULL,
    number integer NOT NULL,
    state character varying(10) NOT NULL,
    actor character varying(170) NOT NULL,
    reason text NOT NULL,
    stopped_by character varying(170) NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    confirmed_at timestamp with time zone,
    carried_at timestamp with time zone,
    ended_at timestamp with time zone,
    done integer NOT NULL,
    not_done jsonb NOT NULL,
    person_id integer,
    CONSTRAINT tickets_bulkact_done_check CHECK ((done >= 0)),
    CONSTRAINT tickets_bulkact_number_check CHECK ((number >= 0))
);


ALTER TABLE public.tickets_bulkact ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_bulkact_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_bulkbatch (
    id bigint NOT NULL,
    number integer NOT NULL,
    tasks bigint[] NOT NULL,
    tries smallint NOT NULL,
    ended_at timestamp with time zone,
    done bigint[] NOT NULL,
    not_done jsonb NOT NULL,
    bulk_id bigint NOT NULL,
    CONSTRAINT tickets_bulkbatch_number_check CHECK ((number >= 0)),
    CONSTRAINT tickets_bulkbatch_tries_check CHECK ((tries >= 0))
);


ALTER TABLE public.tickets_bulkbatch ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_bulkbatch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_checkrun (
    id bigint NOT NULL,
    phase character varying(60) NOT NULL,
    move integer NOT NULL,
    entry jsonb NOT NULL,
    seen character varying(64) NOT NULL,
    asked_by character varying(170) NOT NULL,
    asked_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    worker character varying(170) DEFAULT ''::character varying NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    started_at timestamp with time zone,
    lease_until timestamp with time zone,
    answered_at timestamp with time zone,
    reasons jsonb,
    result jsonb DEFAULT '{}'::jsonb NOT NULL,
    task_id bigint,
    ticket_id bigint NOT NULL,
    releases integer DEFAULT 0 NOT NULL,
    CONSTRAINT tickets_checkrun_move_check CHECK ((move >= 0)),
    CONSTRAINT tickets_checkrun_releases_check CHECK ((releases >= 0)),
    CONSTRAINT tickets_checkrun_tries_check CHECK ((tries >= 0))
);


ALTER TABLE public.tickets_checkrun ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_checkrun_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_chunk (
    id bigint NOT NULL,
    number integer NOT NULL,
    data bytea NOT NULL,
    blob_id character varying(64) NOT NULL,
    CONSTRAINT tickets_chunk_number_check CHECK ((number >= 0))
);


ALTER TABLE public.tickets_chunk ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_chunk_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_comment (
    id bigint NOT NULL,
    author character varying(200) NOT NULL,
    body text NOT NULL,
    source character varying(20) NOT NULL,
    source_id character varying(64) NOT NULL,
    created_at timestamp with time zone,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ticket_id bigint NOT NULL,
    CONSTRAINT comment_source CHECK (((NOT ((source)::text = ''::text)) OR ((source_id)::text = ''::text)))
);


ALTER TABLE public.tickets_comment ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_comment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_contextnote (
    id bigint NOT NULL,
    phase character varying(60) NOT NULL,
    kind character varying(10) NOT NULL,
    text text NOT NULL,
    by character varying(170) NOT NULL,
    key character varying(20) NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    withdrawn_at timestamp with time zone,
    withdrawn_by character varying(170) NOT NULL,
    withdrawn_reason character varying(2000) NOT NULL,
    task_id bigint,
    ticket_id bigint NOT NULL,
    CONSTRAINT context_note_kind CHECK (((kind)::text = ANY ((ARRAY['decision'::character varying, 'risk'::character varying, 'note'::character varying])::text[])))
);


ALTER TABLE public.tickets_contextnote ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_contextnote_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_discovery (
    id bigint NOT NULL,
    fence bigint NOT NULL,
    place smallint NOT NULL,
    type character varying(60) NOT NULL,
    title character varying(300) NOT NULL,
    body text NOT NULL,
    by character varying(170) NOT NULL,
    via character varying(20) NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    state character varying(10) NOT NULL,
    decided_by character varying(170) NOT NULL,
    decided_at timestamp with time zone,
    reason text NOT NULL,
    made_task_id bigint,
    made_ticket_id bigint,
    project_id bigint NOT NULL,
    task_id bigint NOT NULL,
    ticket_id bigint NOT NULL,
    CONSTRAINT discovery_became CHECK ((((made_task_id IS NOT NULL) AND (made_ticket_id IS NULL) AND ((state)::text = 'task'::text)) OR ((made_task_id IS NULL) AND (made_ticket_id IS NOT NULL) AND ((state)::text = 'ticket'::text)) OR ((made_task_id IS NULL) AND (made_ticket_id IS NULL) AND ((state)::text = ANY ((ARRAY['open'::character varying, 'dismissed'::character varying])::text[]))))),
    CONSTRAINT tickets_discovery_place_check CHECK ((place >= 0))
);


ALTER TABLE public.tickets_discovery ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_discovery_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_figuresplace (
    id smallint NOT NULL,
    xid xid8 NOT NULL,
    event bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


CREATE TABLE public.tickets_freeze (
    id bigint NOT NULL,
    reason character varying(2000) NOT NULL,
    by character varying(170) NOT NULL,
    via character varying(20) NOT NULL,
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    thawed bigint[] NOT NULL,
    events integer NOT NULL,
    project_id bigint,
    CONSTRAINT tickets_freeze_events_check CHECK ((events >= 0))
);


ALTER TABLE public.tickets_freeze ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_freeze_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_hourlyfigures (
    id bigint NOT NULL,
    project_id bigint NOT NULL,
    hour timestamp with time zone NOT NULL,
    completed integer DEFAULT 0 NOT NULL,
    failed integer DEFAULT 0 NOT NULL,
    lapsed integer DEFAULT 0 NOT NULL,
    judged integer DEFAULT 0 NOT NULL,
    refused integer DEFAULT 0 NOT NULL,
    waits integer[] DEFAULT '{}'::integer[] NOT NULL,
    ready integer,
    claimed integer,
    checks jsonb DEFAULT '{}'::jsonb NOT NULL,
    stays jsonb DEFAULT '{}'::jsonb NOT NULL,
    stuck integer,
    CONSTRAINT tickets_hourlyfigures_claimed_check CHECK ((claimed >= 0)),
    CONSTRAINT tickets_hourlyfigures_completed_check CHECK ((completed >= 0)),
    CONSTRAINT tickets_hourlyfigures_failed_check CHECK ((failed >= 0)),
    CONSTRAINT tickets_hourlyfigures_judged_check CHECK ((judged >= 0)),
    CONSTRAINT tickets_hourlyfigures_lapsed_check CHECK ((lapsed >= 0)),
    CONSTRAINT tickets_hourlyfigures_ready_check CHECK ((ready >= 0)),
    CONSTRAINT tickets_hourlyfigures_refused_check CHECK ((refused >= 0)),
    CONSTRAINT tickets_hourlyfigures_stuck_check CHECK ((stuck >= 0))
);


ALTER TABLE public.tickets_hourlyfigures ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_hourlyfigures_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_lane (
    id bigint CONSTRAINT tickets_lane_id_not_null1 NOT NULL,
    floor bigint CONSTRAINT tickets_lane_floor_not_null1 NOT NULL,
    floor_id bigint DEFAULT 0 CONSTRAINT tickets_lane_floor_id_not_null1 NOT NULL,
    project_id bigint CONSTRAINT tickets_lane_project_id_not_null1 NOT NULL,
    stall_after_s integer DEFAULT 1800 CONSTRAINT tickets_lane_stall_after_s_not_null1 NOT NULL,
    has_profile boolean CONSTRAINT tickets_lane_has_profile_not_null1 NOT NULL,
    alone boolean DEFAULT false CONSTRAINT tickets_lane_alone_not_null1 NOT NULL,
    avoids boolean DEFAULT false CONSTRAINT tickets_lane_avoids_not_null1 NOT NULL,
    guarded boolean DEFAULT false CONSTRAINT tickets_lane_guarded_not_null1 NOT NULL,
    paused boolean CONSTRAINT tickets_lane_paused_not_null1 NOT NULL,
    phase character varying(60) CONSTRAINT tickets_lane_phase_not_null1 NOT NULL,
    capabilities character varying(100)[] CONSTRAINT tickets_lane_capabilities_not_null1 NOT NULL,
    pools character varying(63)[],
    workflow_id bigint,
    CONSTRAINT tickets_lane_stall_after_s_check CHECK ((stall_after_s >= 0))
)
WITH (fillfactor='85');


ALTER TABLE public.tickets_lane ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_lane_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_lanelook (
    lane_id bigint NOT NULL,
    looked_from bigint[] NOT NULL,
    looked_to bigint[] NOT NULL
)
WITH (fillfactor='70');


CREATE TABLE public.tickets_lanewait (
    id bigint NOT NULL,
    lane_id bigint NOT NULL,
    project_id bigint NOT NULL,
    variant smallint NOT NULL,
    who character varying(200) NOT NULL,
    at timestamp with time zone NOT NULL
);


ALTER TABLE public.tickets_lanewait ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_lanewait_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


ALTER TABLE public.tickets_latestgrant ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_latestgrant_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_link (
    id bigint NOT NULL,
    kind character varying(40) NOT NULL,
    other_id bigint NOT NULL,
    ticket_id bigint NOT NULL
);


ALTER TABLE public.tickets_link ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_link_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_need (
    id bigint NOT NULL,
    on_end character varying(7) NOT NULL,
    on_failure character varying(8) NOT NULL,
    child_id bigint NOT NULL,
    parent_id bigint NOT NULL,
    CONSTRAINT need_not_itself CHECK ((NOT (parent_id = child_id))),
    CONSTRAINT need_on_failure CHECK (((on_failure)::text = ANY ((ARRAY['hold'::character varying, 'cancel'::character varying, 'continue'::character varying])::text[]))),
    CONSTRAINT need_when CHECK (((on_end)::text = ANY ((ARRAY['success'::character varying, 'failure'::character varying, 'always'::character varying])::text[])))
);


ALTER TABLE public.tickets_need ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_need_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_notice (
    id bigint NOT NULL,
    phase character varying(60) NOT NULL,
    role character varying(10) NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    seen_at timestamp with time zone,
    seen_by character varying(170) NOT NULL,
    project_id bigint NOT NULL,
    ticket_id bigint NOT NULL,
    CONSTRAINT notice_role CHECK (((role)::text = ANY ((ARRAY['viewer'::character varying, 'operator'::character varying, 'approver'::character varying, 'admin'::character varying])::text[])))
);


ALTER TABLE public.tickets_notice ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_notice_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_operation (
    task_id bigint NOT NULL,
    strategy character varying(12) NOT NULL,
    timeout_s integer,
    on_timeout character varying(8) NOT NULL,
    since timestamp with time zone,
    waits boolean NOT NULL,
    left_out jsonb NOT NULL,
    CONSTRAINT operation_timeout CHECK ((((on_timeout)::text = ANY ((ARRAY['fail'::character varying, 'continue'::character varying])::text[])) AND ((timeout_s IS NULL) OR (timeout_s >= 1))))
);


CREATE TABLE public.tickets_otherscancelled (
    task_id bigint NOT NULL,
    waits boolean NOT NULL
);


CREATE TABLE public.tickets_outputpiece (
    id bigint NOT NULL,
    output_id bigint NOT NULL,
    place bigint NOT NULL,
    size integer NOT NULL,
    text text NOT NULL,
    CONSTRAINT tickets_outputpiece_size_check CHECK ((size >= 0))
);


ALTER TABLE public.tickets_outputpiece ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_outputpiece_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_patternrun (
    id bigint NOT NULL,
    key character varying(100) NOT NULL,
    pattern character varying(60) NOT NULL,
    request jsonb NOT NULL,
    tasks jsonb NOT NULL,
    by character varying(170) NOT NULL,
    via character varying(20) NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ticket_id bigint NOT NULL
);


ALTER TABLE public.tickets_patternrun ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_patternrun_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_phasecontext (
    id bigint NOT NULL,
    phase character varying(60) NOT NULL,
    number integer NOT NULL,
    content jsonb NOT NULL,
    hash character varying(64) NOT NULL,
    size integer NOT NULL,
    why character varying(10) NOT NULL,
    move integer NOT NULL,
    by character varying(170) NOT NULL,
    key character varying(20) NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ticket_id bigint NOT NULL,
    CONSTRAINT phase_context_from_one CHECK ((number > 0)),
    CONSTRAINT tickets_phasecontext_move_check CHECK ((move >= 0)),
    CONSTRAINT tickets_phasecontext_number_check CHECK ((number >= 0)),
    CONSTRAINT tickets_phasecontext_size_check CHECK ((size >= 0))
);


ALTER TABLE public.tickets_phasecontext ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_phasecontext_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_phasehold (
    id bigint NOT NULL,
    phase character varying(60) NOT NULL,
    holds character varying(60)[] NOT NULL,
    is_full boolean NOT NULL,
    waits boolean NOT NULL,
    project_id bigint NOT NULL,
    workflow_id bigint NOT NULL
);


ALTER TABLE public.tickets_phasehold ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_phasehold_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


ALTER TABLE public.tickets_phasemove ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_phasemove_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_repository (
    id bigint NOT NULL,
    name character varying(63) NOT NULL,
    url character varying(700) NOT NULL,
    base character varying(200) NOT NULL,
    landing character varying(10) NOT NULL,
    added_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    tried_at timestamp with time zone,
    fetched_at timestamp with time zone,
    fault jsonb NOT NULL,
    project_id bigint NOT NULL
);


ALTER TABLE public.tickets_repository ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_repository_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_schedule (
    id bigint NOT NULL,
    events integer NOT NULL,
    version integer NOT NULL,
    cron character varying(100) NOT NULL,
    timezone character varying(64) NOT NULL,
    overlap character varying(10) NOT NULL,
    misfire character varying(10) NOT NULL,
    enabled boolean NOT NULL,
    variables jsonb NOT NULL,
    next_at timestamp with time zone,
    look_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    removed_at timestamp with time zone,
    last_ticket_id bigint,
    project_id bigint NOT NULL,
    template_id bigint NOT NULL,
    CONSTRAINT tickets_schedule_events_check CHECK ((events >= 0)),
    CONSTRAINT tickets_schedule_version_check CHECK ((version >= 0))
);


ALTER TABLE public.tickets_schedule ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_schedule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_schedulerun (
    id bigint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    state character varying(10) NOT NULL,
    why character varying(10) NOT NULL,
    detail text NOT NULL,
    by_hand boolean NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    project_id bigint NOT NULL,
    schedule_id bigint NOT NULL,
    ticket_id bigint,
    CONSTRAINT schedule_run_has_ticket CHECK (((((state)::text = 'opened'::text) AND (ticket_id IS NOT NULL)) OR ((NOT ((state)::text = 'opened'::text)) AND (ticket_id IS NULL))))
);


ALTER TABLE public.tickets_schedulerun ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_schedulerun_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_storedestimate (
    id bigint NOT NULL,
    made_at timestamp with time zone NOT NULL,
    expected_at timestamp with time zone NOT NULL,
    likely_by timestamp with time zone NOT NULL,
    calibrated boolean NOT NULL,
    move_id bigint NOT NULL,
    ticket_id bigint NOT NULL,
    CONSTRAINT estimate_in_order CHECK (((made_at <= expected_at) AND (expected_at <= likely_by)))
);


ALTER TABLE public.tickets_storedestimate ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_storedestimate_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_sweeprun (
    name character varying(30) NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    error text DEFAULT ''::text NOT NULL,
    waiting integer DEFAULT 0 NOT NULL,
    waiting_since timestamp with time zone,
    CONSTRAINT tickets_sweeprun_waiting_check CHECK ((waiting >= 0))
)
WITH (fillfactor='50');


ALTER TABLE public.tickets_task ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_task_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_taskoutput (
    id bigint NOT NULL,
    task_id bigint NOT NULL,
    fence bigint NOT NULL,
    attempt integer NOT NULL,
    agent character varying(170) NOT NULL,
    size bigint NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT tickets_taskoutput_attempt_check CHECK ((attempt >= 0))
);


ALTER TABLE public.tickets_taskoutput ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_taskoutput_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_taskwait (
    id bigint NOT NULL,
    project_id bigint NOT NULL,
    who character varying(200),
    lane_id bigint,
    variant smallint,
    at timestamp with time zone NOT NULL,
    until timestamp with time zone
);


CREATE TABLE public.tickets_templatelaunch (
    id bigint NOT NULL,
    key character varying(100) NOT NULL,
    phase character varying(60) NOT NULL,
    request jsonb NOT NULL,
    outcome jsonb NOT NULL,
    by character varying(170) NOT NULL,
    via character varying(20) NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ticket_id bigint NOT NULL
);


ALTER TABLE public.tickets_templatelaunch ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_templatelaunch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


ALTER TABLE public.tickets_ticket ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_ticket_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_tickettemplate (
    id bigint NOT NULL,
    events integer NOT NULL,
    version integer NOT NULL,
    name character varying(63) NOT NULL,
    title character varying(300) NOT NULL,
    description text NOT NULL,
    priority smallint NOT NULL,
    labels character varying(200)[] NOT NULL,
    acceptance jsonb NOT NULL,
    workflow character varying(100) NOT NULL,
    tasks jsonb NOT NULL,
    variables jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    removed_at timestamp with time zone,
    project_id bigint NOT NULL,
    CONSTRAINT tickets_tickettemplate_events_check CHECK ((events >= 0)),
    CONSTRAINT tickets_tickettemplate_priority_check CHECK ((priority >= 0)),
    CONSTRAINT tickets_tickettemplate_version_check CHECK ((version >= 0))
);


ALTER TABLE public.tickets_tickettemplate ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_tickettemplate_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_ticketwait (
    id bigint NOT NULL,
    project_id bigint NOT NULL,
    who character varying(200),
    lane_id bigint,
    variant smallint,
    at timestamp with time zone NOT NULL,
    until timestamp with time zone,
    room_id bigint,
    idle_since timestamp with time zone
);


CREATE TABLE public.tickets_validation (
    id bigint NOT NULL,
    fence bigint NOT NULL,
    number smallint NOT NULL,
    signature character varying(32) NOT NULL,
    error text NOT NULL,
    counted boolean NOT NULL,
    by character varying(170) NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    fix_id bigint,
    project_id bigint NOT NULL,
    task_id bigint NOT NULL,
    ticket_id bigint NOT NULL,
    CONSTRAINT tickets_validation_number_check CHECK ((number >= 0))
);


ALTER TABLE public.tickets_validation ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_validation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


ALTER TABLE public.tickets_verdict ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_verdict_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_waitsweep (
    id smallint NOT NULL,
    cursor text NOT NULL,
    "left" jsonb NOT NULL,
    filled boolean NOT NULL,
    repaired bigint NOT NULL,
    repaired_at timestamp with time zone,
    gaps bigint DEFAULT 0 NOT NULL
);


CREATE TABLE public.tickets_workflow (
    id bigint NOT NULL,
    name character varying(63) NOT NULL,
    version integer NOT NULL,
    document jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    source text DEFAULT ''::text NOT NULL,
    CONSTRAINT tickets_workflow_version_check CHECK ((version >= 0))
);


ALTER TABLE public.tickets_workflow ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_workflow_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE public.tickets_workflowphase (
    id bigint NOT NULL,
    name character varying(60) NOT NULL,
    "position" smallint NOT NULL,
    moves_to character varying(60)[] NOT NULL,
    start boolean NOT NULL,
    gated boolean NOT NULL,
    automatic character varying(20) NOT NULL,
    workflow_id bigint NOT NULL,
    approvals jsonb,
    wip jsonb,
    CONSTRAINT tickets_workflowphase_position_check CHECK (("position" >= 0))
);


ALTER TABLE public.tickets_workflowphase ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tickets_workflowphase_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);














































INSERT INTO public.django_migrations (id, app, name, applied) VALUES (1, 'contenttypes', '0001_initial', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (2, 'auth', '0001_initial', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (3, 'admin', '0001_initial', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (4, 'admin', '0002_logentry_remove_auto_add', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (5, 'admin', '0003_logentry_add_action_flag_choices', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (6, 'agents', '0001_initial', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (7, 'agents', '0002_journal', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (8, 'agents', '0003_replies', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (9, 'agents', '0004_presence_word', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (10, 'agents', '0005_sign_in_tries', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (11, 'agents', '0006_plurals', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (12, 'agents', '0007_paused_at', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (13, 'agents', '0008_project_workflows', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (14, 'agents', '0009_key_parent', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (15, 'agents', '0010_agent_state_by', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (16, 'agents', '0011_account', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (17, 'agents', '0012_limits', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (18, 'agents', '0013_reply_rights', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (19, 'agents', '0014_project_profiles', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (20, 'agents', '0015_texts', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (21, 'agents', '0016_journal_followers', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (22, 'agents', '0017_no_grants', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (23, 'agents', '0018_people_keep_their_names', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (24, 'agents', '0019_visible_texts', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (25, 'agents', '0020_limits_of_projects', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (26, 'agents', '0021_paused_phases', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (27, 'agents', '0022_progress_lease', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (28, 'agents', '0023_shared_names', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (29, 'agents', '0024_state_and_history', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (30, 'agents', '0025_pools', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (31, 'agents', '0026_people', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (32, 'agents', '0027_names_of_people', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (33, 'agents', '0028_heard_minutes', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (34, 'agents', '0029_saved_views', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (35, 'agents', '0030_freezes_of_the_journal', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (36, 'agents', '0031_claims_of_a_task', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (37, 'contenttypes', '0002_remove_content_type_name', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (38, 'auth', '0002_alter_permission_name_max_length', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (39, 'auth', '0003_alter_user_email_max_length', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (40, 'auth', '0004_alter_user_username_opts', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (41, 'auth', '0005_alter_user_last_login_null', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (42, 'auth', '0006_require_contenttypes_0002', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (43, 'auth', '0007_alter_validators_add_error_messages', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (44, 'auth', '0008_alter_user_username_max_length', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (45, 'auth', '0009_alter_user_last_name_max_length', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (46, 'auth', '0010_alter_group_name_max_length', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (47, 'auth', '0011_update_proxy_permissions', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (48, 'auth', '0012_alter_user_first_name_max_length', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (49, 'omoi_site', '0001_queue', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (50, 'sessions', '0001_initial', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (51, 'tickets', '0001_initial', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (52, 'tickets', '0002_rules', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (53, 'tickets', '0003_bump', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (54, 'tickets', '0004_sweep_errors', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (55, 'tickets', '0005_gates', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (56, 'tickets', '0006_gate_rules', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (57, 'tickets', '0007_paused_at', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (58, 'tickets', '0008_work', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (59, 'tickets', '0009_evidence_in_order', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (60, 'tickets', '0010_verdict_is_whole', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (61, 'tickets', '0011_move_fault', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (62, 'tickets', '0012_granted_with', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (63, 'tickets', '0013_allowed_workflows', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (64, 'tickets', '0014_extended_to', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (65, 'tickets', '0015_limits', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (66, 'tickets', '0016_granted_profiles', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (67, 'tickets', '0017_started_at', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (68, 'tickets', '0018_shown_names', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (69, 'tickets', '0019_forced_with_a_reason', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (70, 'tickets', '0020_found_by_source_id', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (71, 'tickets', '0021_comment', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (72, 'tickets', '0022_awaited', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (73, 'tickets', '0023_not_due', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (74, 'tickets', '0024_texts', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (75, 'tickets', '0025_judge', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (76, 'tickets', '0026_workflow_rows', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (77, 'tickets', '0027_identity', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (78, 'tickets', '0028_lists', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (79, 'tickets', '0029_task_list', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (80, 'tickets', '0030_linear_claims', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (81, 'tickets', '0031_late_moves', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (82, 'tickets', '0032_lane_of_project', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (83, 'tickets', '0033_fewer_checks', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (84, 'tickets', '0034_floors_between_sweeps', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (85, 'tickets', '0035_evidence_of_commits', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (86, 'tickets', '0036_feedback', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (87, 'tickets', '0037_repository', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (88, 'tickets', '0038_floor_of_rank_and_id', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (89, 'tickets', '0039_acceptance', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (90, 'tickets', '0040_content_in_files', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (91, 'tickets', '0041_workflow_source', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (92, 'tickets', '0042_attention', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (93, 'tickets', '0043_approvals', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (94, 'tickets', '0044_lease_look', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (95, 'tickets', '0045_failed_tasks', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (96, 'tickets', '0046_workflow_versions', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (97, 'tickets', '0047_check_run', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (98, 'tickets', '0048_held_from_the_index', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (99, 'tickets', '0049_history_cancelled', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (100, 'tickets', '0050_short_conditions', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (101, 'tickets', '0051_approvals_of_a_version', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (102, 'tickets', '0052_authors_by_key', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (103, 'tickets', '0053_lane_look', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (104, 'tickets', '0054_check_run_answers', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (105, 'tickets', '0055_evidence_of_text', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (106, 'tickets', '0056_authors_of_reviews', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (107, 'tickets', '0057_releases_of_runs', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (108, 'tickets', '0058_template_launch', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (109, 'tickets', '0059_context', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (110, 'tickets', '0060_operations', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (111, 'tickets', '0061_discoveries', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (112, 'tickets', '0062_visible_texts', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (113, 'tickets', '0063_guarded_lanes', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (114, 'tickets', '0064_paused_phases', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (115, 'tickets', '0065_progress_lease', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (116, 'tickets', '0066_late_completions', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (117, 'tickets', '0067_recovery', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (118, 'tickets', '0068_freeze', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (119, 'tickets', '0069_avoided_tasks', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (120, 'tickets', '0070_cannot_go_on', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (121, 'tickets', '0071_others_cancelled', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (122, 'tickets', '0072_narrow_lanes', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (123, 'tickets', '0073_sync_timeouts', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (124, 'tickets', '0074_pools', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (125, 'tickets', '0075_people', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (126, 'tickets', '0076_wip', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (127, 'tickets', '0077_critical_work', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (128, 'tickets', '0078_claims_by_hand', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (129, 'tickets', '0079_estimates', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (130, 'tickets', '0080_waiting', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (131, 'tickets', '0081_late_tasks', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (132, 'tickets', '0082_wait_gaps', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (133, 'tickets', '0083_standing_tickets', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (134, 'tickets', '0084_figures', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (135, 'tickets', '0085_phase_holds', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (136, 'tickets', '0086_attention_counts', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (137, 'tickets', '0087_bulk_acts', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (138, 'tickets', '0088_task_output', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (139, 'tickets', '0089_schedules', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (140, 'tickets', '0090_checks_of_hours', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (141, 'tickets', '0091_idle_tickets', now());
INSERT INTO public.django_migrations (id, app, name, applied) VALUES (142, 'tickets', '0092_stays_and_stuck', now());




























































































INSERT INTO public.tickets_workflow (id, name, version, document, created_at, source) VALUES (1, 'simple', 1, '{"name": "simple", "phases": [{"to": ["DOING"], "name": "TODO", "automatic": "on_claim"}, {"to": ["DONE", "TODO"], "name": "DOING", "automatic": "on_completion"}, {"to": [], "name": "DONE"}]}', now(), '');
INSERT INTO public.tickets_workflow (id, name, version, document, created_at, source) VALUES (2, 'software_delivery', 1, '{"name": "software_delivery", "phases": [{"to": ["REQUIREMENTS"], "name": "BACKLOG"}, {"to": ["DESIGN"], "gate": [{"type": "requirements_document", "check": "artifact"}, {"type": "requirements_document", "check": "min_length", "length": 500}, {"type": "requirements_document", "check": "sections", "sections": ["scope", "acceptance_criteria"]}, {"check": "tasks_completed"}], "name": "REQUIREMENTS"}, {"to": ["IMPLEMENTATION"], "name": "DESIGN"}, {"to": ["TESTING"], "gate": [{"type": "code_changes", "check": "artifact"}, {"check": "has_tests"}, {"type": "test_coverage", "check": "artifact"}, {"check": "min_coverage", "percent": 80}, {"check": "tasks_completed"}], "name": "IMPLEMENTATION"}, {"to": ["DEPLOYMENT", "IMPLEMENTATION"], "gate": [{"type": "test_results", "check": "artifact"}, {"type": "test_evidence", "check": "artifact"}, {"check": "tests_passed"}, {"check": "tasks_completed"}], "name": "TESTING"}, {"to": ["DONE"], "name": "DEPLOYMENT"}, {"to": [], "name": "DONE"}]}', now(), '');
INSERT INTO public.tickets_workflow (id, name, version, document, created_at, source) VALUES (3, 'software_delivery', 2, '{"name": "software_delivery", "phases": [{"to": ["REQUIREMENTS"], "name": "BACKLOG"}, {"to": ["DESIGN"], "gate": [{"type": "requirements_document", "check": "artifact"}, {"type": "requirements_document", "check": "min_length", "length": 500}, {"type": "requirements_document", "check": "sections", "sections": ["scope", "acceptance_criteria"]}, {"check": "tasks_completed"}], "name": "REQUIREMENTS"}, {"to": ["IMPLEMENTATION"], "name": "DESIGN"}, {"to": ["TESTING"], "gate": [{"type": "code_changes", "check": "artifact"}, {"check": "has_tests"}, {"type": "test_coverage", "check": "artifact"}, {"check": "min_coverage", "percent": 80}, {"check": "tasks_completed"}], "name": "IMPLEMENTATION"}, {"to": ["DEPLOYMENT", "IMPLEMENTATION"], "gate": [{"type": "test_results", "check": "artifact"}, {"type": "test_evidence", "check": "artifact"}, {"check": "tests_passed"}, {"check": "tasks_completed"}], "name": "TESTING"}, {"to": ["DONE"], "name": "DEPLOYMENT"}, {"to": [], "name": "DONE"}], "discoveries": {"bug": {"kind": "bug", "make": "task", "title": "Repair: {discovery}", "priority": "high"}, "optimisation": {"kind": "analysis", "make": "task", "title": "Analyse the optimisation: {discovery}", "priority": "medium"}, "security_issue": {"kind": "analysis", "make": "task", "title": "Analyse the security issue: {discovery}", "priority": "critical"}, "needs_clarification": {"kind": "requirements", "make": "task", "phase": "REQUIREMENTS", "title": "Clarify: {discovery}", "priority": "high"}}}', now(), '# From an idea to a delivery. A phase with a gate ends only on evidence that the server has read itself.
name: software_delivery
# What agents find on the way becomes a task of the same ticket; a question about the requirements becomes a ticket
# once the ticket has left them.
discoveries:
  security_issue:
    {make: task, kind: analysis, priority: critical, title: "Analyse the security issue: {discovery}"}
  needs_clarification:
    {make: task, kind: requirements, phase: REQUIREMENTS, priority: high, title: "Clarify: {discovery}"}
  optimisation:
    {make: task, kind: analysis, priority: medium, title: "Analyse the optimisation: {discovery}"}
  bug: {make: task, kind: bug, priority: high, title: "Repair: {discovery}"}
phases:
  - name: BACKLOG
    to: [REQUIREMENTS]
  - name: REQUIREMENTS
    to: [DESIGN]
    gate:
      - {check: artifact, type: requirements_document}
      - {check: min_length, type: requirements_document, length: 500}
      - {check: sections, type: requirements_document, sections: [scope, acceptance_criteria]}
      - {check: tasks_completed}
  - name: DESIGN
    to: [IMPLEMENTATION]
  - name: IMPLEMENTATION
    to: [TESTING]
    gate:
      - {check: artifact, type: code_changes}
      - {check: has_tests}
      - {check: artifact, type: test_coverage}
      - {check: min_coverage, percent: 80}
      - {check: tasks_completed}
  - name: TESTING
    to: [DEPLOYMENT, IMPLEMENTATION]
    gate:
      - {check: artifact, type: test_results}
      - {check: artifact, type: test_evidence}
      - {check: tests_passed}
      - {check: tasks_completed}
  - name: DEPLOYMENT
    to: [DONE]
  - name: DONE
    to: []
');
INSERT INTO public.tickets_workflow (id, name, version, document, created_at, source) VALUES (4, 'software_delivery_tasks', 1, '{"name": "software_delivery_tasks", "phases": [{"to": ["REQUIREMENTS"], "name": "BACKLOG"}, {"to": ["DESIGN"], "gate": [{"type": "requirements_document", "check": "artifact"}, {"type": "requirements_document", "check": "min_length", "length": 500}, {"type": "requirements_document", "check": "sections", "sections": ["scope", "acceptance_criteria"]}, {"check": "tasks_completed"}], "name": "REQUIREMENTS", "tasks": [{"ref": "analyze_requirements", "kind": "analyze_requirements", "title": "Analyse the requirements: {title}", "priority": "high", "description": "Find out who needs {title}, what it must do, and what is out of scope.", "capabilities": ["analysis"]}, {"ref": "create_requirements_doc", "kind": "create_requirements_doc", "needs": ["analyze_requirements"], "title": "Write the requirements document: {title}", "priority": "medium", "description": "Write down scope and acceptance criteria, and submit them as requirements_document.", "capabilities": ["documentation"]}]}, {"to": ["IMPLEMENTATION"], "name": "DESIGN", "tasks": [{"ref": "design_architecture", "kind": "design_architecture", "title": "Design the architecture: {title}", "priority": "high", "description": "Decide which parts change and how they work together.", "capabilities": ["architecture"]}]}, {"to": ["TESTING"], "gate": [{"type": "code_changes", "check": "artifact"}, {"check": "has_tests"}, {"type": "test_coverage", "check": "artifact"}, {"check": "min_coverage", "percent": 80}, {"check": "tasks_completed"}], "name": "IMPLEMENTATION", "tasks": [{"ref": "implement_feature", "kind": "implement_feature", "title": "Implement it: {title}", "priority": "high", "description": "Change the code together with its tests. Submit code_changes and test_coverage.", "capabilities": ["implementation"]}]}, {"to": ["DEPLOYMENT", "IMPLEMENTATION"], "gate": [{"type": "test_results", "check": "artifact"}, {"type": "test_evidence", "check": "artifact"}, {"check": "tests_passed"}, {"check": "tasks_completed"}], "name": "TESTING", "tasks": [{"ref": "write_tests", "kind": "write_tests", "title": "Write the tests: {title}", "priority": "high", "description": "Cover each acceptance criterion with a test.", "capabilities": ["testing"]}, {"ref": "run_tests", "kind": "run_tests", "needs": ["write_tests"], "title": "Run the tests: {title}", "priority": "medium", "description": "Run all tests. Submit test_results and test_evidence.", "capabilities": ["testing"]}]}, {"to": ["DONE"], "name": "DEPLOYMENT", "tasks": [{"ref": "deploy_feature", "kind": "deploy_feature", "title": "Deploy it: {title}", "priority": "critical", "description": "Bring it to its users, and check that it works there.", "capabilities": ["deployment"]}]}, {"to": [], "name": "DONE"}], "discoveries": {"bug": {"kind": "bug", "make": "task", "title": "Repair: {discovery}", "priority": "high", "capabilities": ["implementation"]}, "optimisation": {"kind": "analysis", "make": "task", "title": "Analyse the optimisation: {discovery}", "priority": "medium", "capabilities": ["analysis"]}, "security_issue": {"kind": "analysis", "make": "task", "title": "Analyse the security issue: {discovery}", "priority": "critical", "capabilities": ["analysis"]}, "needs_clarification": {"kind": "requirements", "make": "task", "phase": "REQUIREMENTS", "title": "Clarify: {discovery}", "priority": "high", "capabilities": ["analysis"]}}}', now(), '# The gates of software_delivery, and the tasks with which each phase begins. They can be added again by hand, with
# other words: docs/workflows.md says how.
name: software_delivery_tasks
# What agents find on the way becomes a task of the same ticket; a question about the requirements becomes a ticket
# once the ticket has left them.
discoveries:
  security_issue:
    {make: task, kind: analysis, priority: critical, title: "Analyse the security issue: {discovery}", capabilities: [analysis]}
  needs_clarification:
    {make: task, kind: requirements, phase: REQUIREMENTS, priority: high, title: "Clarify: {discovery}", capabilities: [analysis]}
  optimisation:
    {make: task, kind: analysis, priority: medium, title: "Analyse the optimisation: {discovery}", capabilities: [analysis]}
  bug: {make: task, kind: bug, priority: high, title: "Repair: {discovery}", capabilities: [implementation]}
phases:
  - name: BACKLOG
    to: [REQUIREMENTS]
  - name: REQUIREMENTS
    to: [DESIGN]
    tasks:
      - ref: analyze_requirements
        title: "Analyse the requirements: {title}"
        description: Find out who needs {title}, what it must do, and what is out of scope.
        kind: analyze_requirements
        priority: high
        capabilities: [analysis]
      - ref: create_requirements_doc
        title: "Write the requirements document: {title}"
        description: Write down scope and acceptance criteria, and submit them as requirements_document.
        kind: create_requirements_doc
        priority: medium
        capabilities: [documentation]
        needs: [analyze_requirements]
    gate:
      - {check: artifact, type: requirements_document}
      - {check: min_length, type: requirements_document, length: 500}
      - {check: sections, type: requirements_document, sections: [scope, acceptance_criteria]}
      - {check: tasks_completed}
  - name: DESIGN
    to: [IMPLEMENTATION]
    tasks:
      - ref: design_architecture
        title: "Design the architecture: {title}"
        description: Decide which parts change and how they work together.
        kind: design_architecture
        priority: high
        capabilities: [architecture]
  - name: IMPLEMENTATION
    to: [TESTING]
    tasks:
      - ref: implement_feature
        title: "Implement it: {title}"
        description: Change the code together with its tests. Submit code_changes and test_coverage.
        kind: implement_feature
        priority: high
        capabilities: [implementation]
    gate:
      - {check: artifact, type: code_changes}
      - {check: has_tests}
      - {check: artifact, type: test_coverage}
      - {check: min_coverage, percent: 80}
      - {check: tasks_completed}
  - name: TESTING
    to: [DEPLOYMENT, IMPLEMENTATION]
    tasks:
      - ref: write_tests
        title: "Write the tests: {title}"
        description: Cover each acceptance criterion with a test.
        kind: write_tests
        priority: high
        capabilities: [testing]
      - ref: run_tests
        title: "Run the tests: {title}"
        description: Run all tests. Submit test_results and test_evidence.
        kind: run_tests
        priority: medium
        capabilities: [testing]
        needs: [write_tests]
    gate:
      - {check: artifact, type: test_results}
      - {check: artifact, type: test_evidence}
      - {check: tests_passed}
      - {check: tasks_completed}
  - name: DEPLOYMENT
    to: [DONE]
    tasks:
      - ref: deploy_feature
        title: "Deploy it: {title}"
        description: Bring it to its users, and check that it works there.
        kind: deploy_feature
        priority: critical
        capabilities: [deployment]
  - name: DONE
    to: []
');


INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (1, 'TODO', 0, '{DOING}', true, false, 'on_claim', 1, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (2, 'DOING', 1, '{DONE,TODO}', false, false, 'on_completion', 1, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (3, 'DONE', 2, '{}', false, false, '', 1, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (4, 'BACKLOG', 0, '{REQUIREMENTS}', true, false, '', 2, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (5, 'REQUIREMENTS', 1, '{DESIGN}', false, true, '', 2, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (6, 'DESIGN', 2, '{IMPLEMENTATION}', false, false, '', 2, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (7, 'IMPLEMENTATION', 3, '{TESTING}', false, true, '', 2, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (8, 'TESTING', 4, '{DEPLOYMENT,IMPLEMENTATION}', false, true, '', 2, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (9, 'DEPLOYMENT', 5, '{DONE}', false, false, '', 2, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (10, 'DONE', 6, '{}', false, false, '', 2, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (11, 'BACKLOG', 0, '{REQUIREMENTS}', true, false, '', 3, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (12, 'REQUIREMENTS', 1, '{DESIGN}', false, true, '', 3, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (13, 'DESIGN', 2, '{IMPLEMENTATION}', false, false, '', 3, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (14, 'IMPLEMENTATION', 3, '{TESTING}', false, true, '', 3, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (15, 'TESTING', 4, '{DEPLOYMENT,IMPLEMENTATION}', false, true, '', 3, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (16, 'DEPLOYMENT', 5, '{DONE}', false, false, '', 3, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (17, 'DONE', 6, '{}', false, false, '', 3, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (18, 'BACKLOG', 0, '{REQUIREMENTS}', true, false, '', 4, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (19, 'REQUIREMENTS', 1, '{DESIGN}', false, true, '', 4, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (20, 'DESIGN', 2, '{IMPLEMENTATION}', false, false, '', 4, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (21, 'IMPLEMENTATION', 3, '{TESTING}', false, true, '', 4, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (22, 'TESTING', 4, '{DEPLOYMENT,IMPLEMENTATION}', false, true, '', 4, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (23, 'DEPLOYMENT', 5, '{DONE}', false, false, '', 4, NULL, NULL);
INSERT INTO public.tickets_workflowphase (id, name, "position", moves_to, start, gated, automatic, workflow_id, approvals, wip) VALUES (24, 'DONE', 6, '{}', false, false, '', 4, NULL, NULL);


SELECT pg_catalog.setval('public.django_migrations_id_seq', 142, true);


SELECT pg_catalog.setval('public.tickets_workflow_id_seq', 4, true);


SELECT pg_catalog.setval('public.tickets_workflowphase_id_seq', 24, true);


ALTER TABLE ONLY dramatiq.queue
    ADD CONSTRAINT queue_pkey PRIMARY KEY (message_id);


ALTER TABLE ONLY dramatiq.result
    ADD CONSTRAINT result_pkey PRIMARY KEY (message_id);


ALTER TABLE ONLY dramatiq.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (worker_id);


ALTER TABLE ONLY public.agents_account
    ADD CONSTRAINT agents_account_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.agents_account
    ADD CONSTRAINT agents_account_user_id_key UNIQUE (user_id);


ALTER TABLE ONLY public.agents_agent
    ADD CONSTRAINT agents_agent_name_key UNIQUE (name);


ALTER TABLE ONLY public.agents_agent
    ADD CONSTRAINT agents_agent_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.agents_agent_projects
    ADD CONSTRAINT agents_agent_projects_agent_id_project_id_0007f3f8_uniq UNIQUE (agent_id, project_id);


ALTER TABLE ONLY public.agents_agent_projects
    ADD CONSTRAINT agents_agent_projects_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.agents_agentpresence
    ADD CONSTRAINT agents_agentpresence_pkey PRIMARY KEY (agent_id);


ALTER TABLE ONLY public.agents_event
    ADD CONSTRAINT agents_event_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.agents_journal_follower
    ADD CONSTRAINT agents_journal_follower_pkey PRIMARY KEY (pid);


ALTER TABLE ONLY public.agents_key
    ADD CONSTRAINT agents_key_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.agents_key
    ADD CONSTRAINT agents_key_prefix_key UNIQUE (prefix);


ALTER TABLE ONLY public.agents_member
    ADD CONSTRAINT agents_member_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.agents_pool
    ADD CONSTRAINT agents_pool_name_key UNIQUE (name);


ALTER TABLE ONLY public.agents_pool
    ADD CONSTRAINT agents_pool_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.agents_project
    ADD CONSTRAINT agents_project_key_key UNIQUE (key);


ALTER TABLE ONLY public.agents_project
    ADD CONSTRAINT agents_project_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.agents_reply
    ADD CONSTRAINT agents_reply_hash_key UNIQUE (hash);


ALTER TABLE ONLY public.agents_reply
    ADD CONSTRAINT agents_reply_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.agents_savedview
    ADD CONSTRAINT agents_savedview_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.agents_signintry
    ADD CONSTRAINT agents_signintry_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_artifact
    ADD CONSTRAINT artifact_revision UNIQUE (ticket_id, phase, name, revision);


ALTER TABLE ONLY public.tickets_attentioncount
    ADD CONSTRAINT attentioncount_once UNIQUE (project_id, kind, who);


ALTER TABLE ONLY public.auth_group
    ADD CONSTRAINT auth_group_name_key UNIQUE (name);


ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_permission_id_0cd325b0_uniq UNIQUE (group_id, permission_id);


ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.auth_group
    ADD CONSTRAINT auth_group_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_codename_01ab375a_uniq UNIQUE (content_type_id, codename);


ALTER TABLE ONLY public.auth_permission
    ADD CONSTRAINT auth_permission_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.auth_user_groups
    ADD CONSTRAINT auth_user_groups_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.auth_user_groups
    ADD CONSTRAINT auth_user_groups_user_id_group_id_94350c0c_uniq UNIQUE (user_id, group_id);


ALTER TABLE ONLY public.auth_user
    ADD CONSTRAINT auth_user_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.auth_user_user_permissions
    ADD CONSTRAINT auth_user_user_permissions_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.auth_user_user_permissions
    ADD CONSTRAINT auth_user_user_permissions_user_id_permission_id_14a6b632_uniq UNIQUE (user_id, permission_id);


ALTER TABLE ONLY public.auth_user
    ADD CONSTRAINT auth_user_username_key UNIQUE (username);


ALTER TABLE ONLY public.tickets_awaited
    ADD CONSTRAINT awaited_once UNIQUE (ticket_id, kind, source_id);


ALTER TABLE ONLY public.tickets_bulkbatch
    ADD CONSTRAINT bulkbatch_once UNIQUE (bulk_id, number);


ALTER TABLE ONLY public.tickets_chunk
    ADD CONSTRAINT chunk_once UNIQUE (blob_id, number);


ALTER TABLE ONLY public.tickets_discovery
    ADD CONSTRAINT discovery_once UNIQUE (task_id, fence, place);


ALTER TABLE ONLY public.django_admin_log
    ADD CONSTRAINT django_admin_log_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.django_content_type
    ADD CONSTRAINT django_content_type_app_label_model_76bd3d3b_uniq UNIQUE (app_label, model);


ALTER TABLE ONLY public.django_content_type
    ADD CONSTRAINT django_content_type_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.django_migrations
    ADD CONSTRAINT django_migrations_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.django_session
    ADD CONSTRAINT django_session_pkey PRIMARY KEY (session_key);


ALTER TABLE ONLY public.tickets_hourlyfigures
    ADD CONSTRAINT figures_once UNIQUE (project_id, hour);


ALTER TABLE public.tickets_phasemove
    ADD CONSTRAINT forced_with_a_reason CHECK ((((ground)::text <> 'forced'::text) OR (length(btrim(regexp_replace(regexp_replace(reason, '[\u0001-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f\u00ad\u034f\u0600-\u0605\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]'::text, ''::text, 'g'::text), '[\s\u001c-\u001f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+'::text, ' '::text, 'g'::text))) >= 10))) NOT VALID;


ALTER TABLE ONLY public.tickets_freeze
    ADD CONSTRAINT freeze_once UNIQUE NULLS NOT DISTINCT (project_id);


ALTER TABLE ONLY public.tickets_phasemove
    ADD CONSTRAINT history_move_once UNIQUE (ticket_id, move);


ALTER TABLE ONLY public.tickets_lane
    ADD CONSTRAINT lane_once UNIQUE NULLS NOT DISTINCT (project_id, phase, capabilities, has_profile, alone, avoids, pools, workflow_id);


ALTER TABLE ONLY public.tickets_lanewait
    ADD CONSTRAINT lanewait_once UNIQUE (lane_id, variant);


ALTER TABLE ONLY public.tickets_link
    ADD CONSTRAINT link_once UNIQUE (ticket_id, other_id, kind);


ALTER TABLE ONLY public.agents_member
    ADD CONSTRAINT member_once UNIQUE (project_id, user_id);


ALTER TABLE ONLY public.tickets_need
    ADD CONSTRAINT need_once UNIQUE (parent_id, child_id);


ALTER TABLE ONLY public.tickets_outputpiece
    ADD CONSTRAINT outputpiece_once UNIQUE (output_id, place);


ALTER TABLE ONLY public.tickets_patternrun
    ADD CONSTRAINT pattern_run_once UNIQUE (ticket_id, key);


ALTER TABLE ONLY public.tickets_phasecontext
    ADD CONSTRAINT phase_context_number UNIQUE (ticket_id, phase, number);


ALTER TABLE ONLY public.tickets_workflowphase
    ADD CONSTRAINT phase_once UNIQUE (workflow_id, name);


ALTER TABLE ONLY public.tickets_phasehold
    ADD CONSTRAINT phasehold_once UNIQUE (project_id, workflow_id, phase);


ALTER TABLE ONLY public.tickets_repository
    ADD CONSTRAINT repository_once UNIQUE (project_id, name);


ALTER TABLE ONLY public.agents_savedview
    ADD CONSTRAINT saved_view_name UNIQUE (user_id, name);


ALTER TABLE ONLY public.tickets_schedulerun
    ADD CONSTRAINT schedule_run_once UNIQUE (schedule_id, due_at);


ALTER TABLE ONLY public.tickets_taskoutput
    ADD CONSTRAINT taskoutput_once UNIQUE (task_id, fence);


ALTER TABLE ONLY public.tickets_templatelaunch
    ADD CONSTRAINT template_launch_once UNIQUE (ticket_id, key);


ALTER TABLE ONLY public.tickets_ticket
    ADD CONSTRAINT ticket_number UNIQUE (project_id, number);


ALTER TABLE ONLY public.tickets_approval
    ADD CONSTRAINT tickets_approval_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_artifact
    ADD CONSTRAINT tickets_artifact_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_attentioncount
    ADD CONSTRAINT tickets_attentioncount_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_awaited
    ADD CONSTRAINT tickets_awaited_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_blob
    ADD CONSTRAINT tickets_blob_pkey PRIMARY KEY (hash);


ALTER TABLE ONLY public.tickets_bulkact
    ADD CONSTRAINT tickets_bulkact_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_bulkbatch
    ADD CONSTRAINT tickets_bulkbatch_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_checkrun
    ADD CONSTRAINT tickets_checkrun_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_chunk
    ADD CONSTRAINT tickets_chunk_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_comment
    ADD CONSTRAINT tickets_comment_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_contextnote
    ADD CONSTRAINT tickets_contextnote_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_discovery
    ADD CONSTRAINT tickets_discovery_made_task_id_key UNIQUE (made_task_id);


ALTER TABLE ONLY public.tickets_discovery
    ADD CONSTRAINT tickets_discovery_made_ticket_id_key UNIQUE (made_ticket_id);


ALTER TABLE ONLY public.tickets_discovery
    ADD CONSTRAINT tickets_discovery_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_figuresplace
    ADD CONSTRAINT tickets_figuresplace_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_freeze
    ADD CONSTRAINT tickets_freeze_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_hourlyfigures
    ADD CONSTRAINT tickets_hourlyfigures_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_lane
    ADD CONSTRAINT tickets_lane_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_lanelook
    ADD CONSTRAINT tickets_lanelook_pkey PRIMARY KEY (lane_id);


ALTER TABLE ONLY public.tickets_lanewait
    ADD CONSTRAINT tickets_lanewait_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_latestgrant
    ADD CONSTRAINT tickets_latestgrant_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_link
    ADD CONSTRAINT tickets_link_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_need
    ADD CONSTRAINT tickets_need_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_notice
    ADD CONSTRAINT tickets_notice_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_operation
    ADD CONSTRAINT tickets_operation_pkey PRIMARY KEY (task_id);


ALTER TABLE ONLY public.tickets_otherscancelled
    ADD CONSTRAINT tickets_otherscancelled_pkey PRIMARY KEY (task_id);


ALTER TABLE ONLY public.tickets_outputpiece
    ADD CONSTRAINT tickets_outputpiece_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_patternrun
    ADD CONSTRAINT tickets_patternrun_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_phasecontext
    ADD CONSTRAINT tickets_phasecontext_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_phasehold
    ADD CONSTRAINT tickets_phasehold_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_phasemove
    ADD CONSTRAINT tickets_phasemove_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_repository
    ADD CONSTRAINT tickets_repository_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_schedule
    ADD CONSTRAINT tickets_schedule_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_schedulerun
    ADD CONSTRAINT tickets_schedulerun_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_storedestimate
    ADD CONSTRAINT tickets_storedestimate_move_id_key UNIQUE (move_id);


ALTER TABLE ONLY public.tickets_storedestimate
    ADD CONSTRAINT tickets_storedestimate_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_sweeprun
    ADD CONSTRAINT tickets_sweeprun_pkey PRIMARY KEY (name);


ALTER TABLE ONLY public.tickets_task
    ADD CONSTRAINT tickets_task_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_taskoutput
    ADD CONSTRAINT tickets_taskoutput_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_taskwait
    ADD CONSTRAINT tickets_taskwait_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_templatelaunch
    ADD CONSTRAINT tickets_templatelaunch_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_ticket
    ADD CONSTRAINT tickets_ticket_key_key UNIQUE (key);


ALTER TABLE ONLY public.tickets_ticket
    ADD CONSTRAINT tickets_ticket_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_tickettemplate
    ADD CONSTRAINT tickets_tickettemplate_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_ticketwait
    ADD CONSTRAINT tickets_ticketwait_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_validation
    ADD CONSTRAINT tickets_validation_fix_id_key UNIQUE (fix_id);


ALTER TABLE ONLY public.tickets_validation
    ADD CONSTRAINT tickets_validation_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_verdict
    ADD CONSTRAINT tickets_verdict_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_waitsweep
    ADD CONSTRAINT tickets_waitsweep_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_workflow
    ADD CONSTRAINT tickets_workflow_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_workflowphase
    ADD CONSTRAINT tickets_workflowphase_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.tickets_validation
    ADD CONSTRAINT validation_once UNIQUE (task_id, fence);


ALTER TABLE ONLY public.tickets_workflow
    ADD CONSTRAINT workflow_version UNIQUE (name, version);


CREATE INDEX queue_queue_name_available_at_position_idx ON dramatiq.queue USING btree (queue_name, available_at, "position") WHERE (state = 'queued'::dramatiq.state);


CREATE INDEX queue_state_mtime_idx ON dramatiq.queue USING btree (state, mtime);


CREATE INDEX agent_person ON public.agents_agent USING btree (id) WHERE ((kind)::text = 'person'::text);


CREATE INDEX agent_pools ON public.agents_agent USING gin (pools);


CREATE INDEX agent_worker ON public.agents_agent USING btree (id) WHERE runs_profiles;


CREATE INDEX agents_agent_name_2453730f_like ON public.agents_agent USING btree (name varchar_pattern_ops);


CREATE INDEX agents_agent_owner_id_9d2afb92 ON public.agents_agent USING btree (owner_id);


CREATE INDEX agents_agent_projects_agent_id_e5e2aa28 ON public.agents_agent_projects USING btree (agent_id);


CREATE INDEX agents_agent_projects_project_id_dbd5cb31 ON public.agents_agent_projects USING btree (project_id);


CREATE INDEX agents_key_agent_id_e483608d ON public.agents_key USING btree (agent_id);


CREATE INDEX agents_key_parent_id_7ca42a7d ON public.agents_key USING btree (parent_id);


CREATE INDEX agents_key_prefix_e287ac3f_like ON public.agents_key USING btree (prefix varchar_pattern_ops);


CREATE INDEX agents_key_user_id_511baa86 ON public.agents_key USING btree (user_id);


CREATE INDEX agents_member_project_id_c3e6cf5b ON public.agents_member USING btree (project_id);


CREATE INDEX agents_member_user_id_aae6b27a ON public.agents_member USING btree (user_id);


CREATE INDEX agents_pool_name_8270c97b_like ON public.agents_pool USING btree (name varchar_pattern_ops);


CREATE INDEX agents_pool_project_id_14070bb3 ON public.agents_pool USING btree (project_id);


CREATE INDEX agents_project_key_e5d638e8_like ON public.agents_project USING btree (key varchar_pattern_ops);


CREATE INDEX agents_reply_created_at_ea988bf9 ON public.agents_reply USING btree (created_at);


CREATE INDEX agents_savedview_user_id_6a744f52 ON public.agents_savedview USING btree (user_id);


CREATE INDEX auth_group_name_a6ea08ec_like ON public.auth_group USING btree (name varchar_pattern_ops);


CREATE INDEX auth_group_permissions_group_id_b120cbf9 ON public.auth_group_permissions USING btree (group_id);


CREATE INDEX auth_group_permissions_permission_id_84c5c92e ON public.auth_group_permissions USING btree (permission_id);


CREATE INDEX auth_permission_content_type_id_2f476e4b ON public.auth_permission USING btree (content_type_id);


CREATE INDEX auth_user_groups_group_id_97559544 ON public.auth_user_groups USING btree (group_id);


CREATE INDEX auth_user_groups_user_id_6a12ed8b ON public.auth_user_groups USING btree (user_id);


CREATE INDEX auth_user_user_permissions_permission_id_1fbb5f2c ON public.auth_user_user_permissions USING btree (permission_id);


CREATE INDEX auth_user_user_permissions_user_id_a95ead1b ON public.auth_user_user_permissions USING btree (user_id);


CREATE INDEX auth_user_username_6821ab7c_like ON public.auth_user USING btree (username varchar_pattern_ops);


CREATE INDEX awaited_id ON public.tickets_awaited USING btree (source_id);


CREATE INDEX bulkact_state ON public.tickets_bulkact USING btree (state, carried_at, id);


CREATE INDEX check_run_of ON public.tickets_checkrun USING btree (ticket_id, phase, id);


CREATE INDEX check_run_open ON public.tickets_checkrun USING btree (id) WHERE ((answered_at IS NULL) AND (task_id IS NULL));


CREATE INDEX comment_in_order ON public.tickets_comment USING btree (ticket_id, id);


CREATE UNIQUE INDEX comment_once ON public.tickets_comment USING btree (ticket_id, source, source_id) WHERE (NOT ((source)::text = ''::text));


CREATE INDEX context_note_of ON public.tickets_contextnote USING btree (ticket_id, phase, id);


CREATE UNIQUE INDEX context_note_once ON public.tickets_contextnote USING btree (ticket_id, phase, kind, md5(text)) WHERE (withdrawn_at IS NULL);


CREATE INDEX discovery_of_ticket ON public.tickets_discovery USING btree (ticket_id, id);


CREATE INDEX discovery_open ON public.tickets_discovery USING btree (project_id, at, id) WHERE ((state)::text = 'open'::text);


CREATE INDEX django_admin_log_content_type_id_c4bce8eb ON public.django_admin_log USING btree (content_type_id);


CREATE INDEX django_admin_log_user_id_c564eba6 ON public.django_admin_log USING btree (user_id);


CREATE INDEX django_session_expire_date_a5c62663 ON public.django_session USING btree (expire_date);


CREATE INDEX django_session_session_key_c0390e0f_like ON public.django_session USING btree (session_key varchar_pattern_ops);


CREATE INDEX event_freezes ON public.agents_event USING btree (xid, id) WHERE ((kind)::text = ANY ((ARRAY['project.frozen'::character varying, 'project.thawed'::character varying])::text[]));


CREATE INDEX event_of_claims ON public.agents_event USING btree (subject, number) WHERE (data ? 'held_s'::text);


CREATE INDEX event_of_holder ON public.agents_event USING btree (COALESCE(('agent:'::text || (data ->> 'holder'::text)), (actor)::text), xid, id) WHERE (data ? 'held_s'::text);


CREATE INDEX event_order ON public.agents_event USING btree (xid, id);


CREATE INDEX event_project ON public.agents_event USING btree (project_id, xid, id);


CREATE INDEX event_topic ON public.agents_event USING btree (topic, xid, id);


CREATE INDEX figures_hour ON public.tickets_hourlyfigures USING btree (hour);


CREATE INDEX history_cancelled ON public.tickets_phasemove USING btree (ground, ticket_id, at) WHERE ((ground)::text = ANY ((ARRAY['cancelled'::character varying, 'reopened'::character varying])::text[]));


CREATE INDEX lane_of_project ON public.tickets_lane USING btree (project_id);


CREATE INDEX lanewait_who ON public.tickets_lanewait USING btree (project_id, who);


CREATE INDEX latest_grant ON public.tickets_latestgrant USING btree (agent_id, id);


CREATE INDEX need_of_child ON public.tickets_need USING btree (child_id, parent_id);


CREATE INDEX notice_unseen ON public.tickets_notice USING btree (project_id, at, id) WHERE (seen_at IS NULL);


CREATE INDEX notice_unseen_of_ticket ON public.tickets_notice USING btree (ticket_id) WHERE (seen_at IS NULL);


CREATE INDEX operation_over ON public.tickets_operation USING btree (public.omoi_seconds_after(since, timeout_s)) WHERE waits;


CREATE INDEX others_cancelled_waits ON public.tickets_otherscancelled USING btree (task_id) WHERE waits;


CREATE INDEX phase_limited ON public.tickets_workflowphase USING btree (name) WHERE (wip IS NOT NULL);


CREATE INDEX phasehold_now ON public.tickets_phasehold USING btree (project_id) WHERE (is_full OR waits);


CREATE INDEX schedule_due ON public.tickets_schedule USING btree (look_at, id) WHERE (look_at IS NOT NULL);


CREATE INDEX schedule_run_list ON public.tickets_schedulerun USING btree (schedule_id, id);


CREATE INDEX schedule_run_old ON public.tickets_schedulerun USING btree (at);


CREATE INDEX schedule_run_owed ON public.tickets_schedulerun USING btree (project_id, due_at, id) WHERE ((state)::text = 'owed'::text);


CREATE INDEX schedule_run_owed_of ON public.tickets_schedulerun USING btree (schedule_id, due_at) WHERE ((state)::text = 'owed'::text);


CREATE INDEX sign_in_try ON public.agents_signintry USING btree (who, address);


CREATE INDEX sign_in_try_at ON public.agents_signintry USING btree (at);


CREATE INDEX task_critical ON public.tickets_task USING btree (lane_id, ready_at, id) WHERE ((NOT held) AND (NOT not_due) AND (open_needs = 0) AND ((operation)::text = ''::text) AND (priority = 0) AND ((state)::text = 'pending'::text));


CREATE INDEX task_deadline ON public.tickets_task USING btree (project_id, deadline, id) WHERE ((deadline IS NOT NULL) AND ((state)::text = ANY ((ARRAY['pending'::character varying, 'claimed'::character varying])::text[])));


CREATE INDEX task_expected_late ON public.tickets_task USING btree (project_id, late_since, id) WHERE ((expected_at > deadline) AND ((state)::text = ANY ((ARRAY['pending'::character varying, 'claimed'::character varying])::text[])));


CREATE INDEX task_failed ON public.tickets_task USING btree (project_id, ended_at, id) WHERE ((NOT held) AND ((state)::text = 'failed'::text));


CREATE INDEX task_failed_alike ON public.tickets_task USING btree (project_id, public.omoi_error_mark(error), id) WHERE ((state)::text = 'failed'::text);


CREATE INDEX task_held_since ON public.tickets_task USING btree (holder_id, claimed_at) INCLUDE (worker_deaths) WHERE (holder_id IS NOT NULL);


CREATE INDEX task_lease_look ON public.tickets_task USING btree (lease_look_at) WHERE (lease_look_at IS NOT NULL);


CREATE INDEX task_list ON public.tickets_task USING btree (project_id, state, id);


CREATE INDEX task_measured ON public.tickets_task USING btree (project_id, phase, ended_at) WHERE ((claimed_at IS NOT NULL) AND ((state)::text = 'completed'::text));


CREATE INDEX task_not_due ON public.tickets_task USING btree (not_before) WHERE (not_due AND ((state)::text = 'pending'::text));


CREATE INDEX task_of_ticket ON public.tickets_task USING btree (ticket_id, state, phase);


CREATE INDEX task_promote ON public.tickets_task USING btree (promote_at) WHERE (promote_at IS NOT NULL);


CREATE INDEX task_rate_limited ON public.tickets_task USING btree (project_id, claimed_at, id) WHERE (rate_limits >= 5);


CREATE INDEX task_ready ON public.tickets_task USING btree (lane_id, rank, id) WHERE ((NOT held) AND (NOT not_due) AND (open_needs = 0) AND ((operation)::text = ''::text) AND ((state)::text = 'pending'::text));


CREATE INDEX task_stalled ON public.tickets_task USING btree (project_id, stalled_at, id) WHERE (stalled_at IS NOT NULL);


CREATE INDEX task_starts_timeout ON public.tickets_task USING btree (id) WHERE (starts_timeout AND ((NOT ((state)::text = 'pending'::text)) OR ((NOT held) AND (NOT not_due) AND (open_needs = 0))));


CREATE INDEX task_timeout ON public.tickets_task USING btree (timeout_at) WHERE (timeout_at IS NOT NULL);


CREATE INDEX task_unsatisfiable ON public.tickets_task USING btree (project_id) WHERE (((state)::text = 'pending'::text) AND unsatisfiable);


CREATE INDEX taskoutput_age ON public.tickets_taskoutput USING btree (updated_at);


CREATE INDEX taskwait_kind ON public.tickets_taskwait USING btree (project_id, split_part((who)::text, ':'::text, 1), id) WHERE (who IS NOT NULL);


CREATE INDEX taskwait_lane ON public.tickets_taskwait USING btree (lane_id, variant, id) WHERE (lane_id IS NOT NULL);


CREATE INDEX taskwait_until ON public.tickets_taskwait USING btree (until) WHERE (until IS NOT NULL);


CREATE INDEX taskwait_who ON public.tickets_taskwait USING btree (project_id, who, id) WHERE (who IS NOT NULL);


CREATE INDEX ticket_archived ON public.tickets_ticket USING btree (project_id, id) WHERE (archived_at IS NOT NULL);


CREATE INDEX ticket_board ON public.tickets_ticket USING btree (project_id, phase, id) WHERE (archived_at IS NULL);


CREATE INDEX ticket_list ON public.tickets_ticket USING btree (project_id, id) WHERE (archived_at IS NULL);


CREATE INDEX ticket_move_fault ON public.tickets_ticket USING btree (project_id, move_fault_at, id) WHERE (move_fault_at IS NOT NULL);


CREATE INDEX ticket_refused ON public.tickets_ticket USING btree (project_id, refused_at, id) WHERE (refused_at IS NOT NULL);


CREATE UNIQUE INDEX ticket_source ON public.tickets_ticket USING btree (project_id, source, source_id) WHERE (NOT ((source)::text = ''::text));


CREATE INDEX ticket_source_id ON public.tickets_ticket USING btree (upper((source_id)::text)) WHERE (NOT ((source)::text = ''::text));


CREATE UNIQUE INDEX ticket_template_once ON public.tickets_tickettemplate USING btree (project_id, name) WHERE (removed_at IS NULL);


CREATE INDEX ticket_workflow ON public.tickets_ticket USING btree (workflow_id, phase, project_id, phase_since) INCLUDE (archived_at);


CREATE INDEX tickets_approval_ticket_id_5d9c34fd ON public.tickets_approval USING btree (ticket_id);


CREATE INDEX tickets_artifact_task_id_3ab13353 ON public.tickets_artifact USING btree (task_id);


CREATE INDEX tickets_blob_hash_9d2fc9a8_like ON public.tickets_blob USING btree (hash varchar_pattern_ops);


CREATE INDEX tickets_checkrun_task_id_bfbbe65f ON public.tickets_checkrun USING btree (task_id);


CREATE INDEX tickets_link_other_id_fc8131f3 ON public.tickets_link USING btree (other_id);


CREATE INDEX tickets_link_ticket_id_e077d920 ON public.tickets_link USING btree (ticket_id);


CREATE INDEX tickets_phasemove_ticket_id_6ed2849b ON public.tickets_phasemove USING btree (ticket_id);


CREATE INDEX tickets_repository_project_id_df3fa54f ON public.tickets_repository USING btree (project_id);


CREATE INDEX tickets_schedule_project_id_dba969d0 ON public.tickets_schedule USING btree (project_id);


CREATE INDEX tickets_schedule_template_id_992dca47 ON public.tickets_schedule USING btree (template_id);


CREATE INDEX tickets_schedulerun_ticket_id_b99a51a8 ON public.tickets_schedulerun USING btree (ticket_id);


CREATE INDEX tickets_storedestimate_ticket_id_fe476871 ON public.tickets_storedestimate USING btree (ticket_id);


CREATE INDEX tickets_sweeprun_name_4d0d47f6_like ON public.tickets_sweeprun USING btree (name varchar_pattern_ops);


CREATE INDEX tickets_templatelaunch_ticket_id_44005666 ON public.tickets_templatelaunch USING btree (ticket_id);


CREATE INDEX tickets_ticket_key_edf00f47_like ON public.tickets_ticket USING btree (key varchar_pattern_ops);


CREATE INDEX tickets_ticket_parent_id_09dd967f ON public.tickets_ticket USING btree (parent_id);


CREATE INDEX tickets_ticket_project_id_9d54a0fb ON public.tickets_ticket USING btree (project_id);


CREATE INDEX tickets_verdict_ticket_id_c5282323 ON public.tickets_verdict USING btree (ticket_id);


CREATE INDEX tickets_workflowphase_workflow_id_62658b1e ON public.tickets_workflowphase USING btree (workflow_id);


CREATE INDEX ticketwait_idle ON public.tickets_ticketwait USING btree (project_id, idle_since, id) WHERE (idle_since IS NOT NULL);


CREATE INDEX ticketwait_kind ON public.tickets_ticketwait USING btree (project_id, split_part((who)::text, ':'::text, 1), id) WHERE (who IS NOT NULL);


CREATE INDEX ticketwait_lane ON public.tickets_ticketwait USING btree (lane_id, variant, id) WHERE (lane_id IS NOT NULL);


CREATE INDEX ticketwait_project ON public.tickets_ticketwait USING btree (project_id, id);


CREATE INDEX ticketwait_room ON public.tickets_ticketwait USING btree (project_id, room_id, who) WHERE (room_id IS NOT NULL);


CREATE INDEX ticketwait_until ON public.tickets_ticketwait USING btree (until) WHERE (until IS NOT NULL);


CREATE INDEX ticketwait_who ON public.tickets_ticketwait USING btree (project_id, who, id) WHERE (who IS NOT NULL);


CREATE INDEX validation_of_ticket ON public.tickets_validation USING btree (ticket_id, id);


CREATE CONSTRAINT TRIGGER answer_is_recorded AFTER UPDATE ON public.tickets_checkrun DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.answered_at IS NOT NULL)) EXECUTE FUNCTION public.omoi_answer_is_recorded();

ALTER TABLE public.tickets_checkrun ENABLE ALWAYS TRIGGER answer_is_recorded;


CREATE TRIGGER archived_stays BEFORE UPDATE OF phase ON public.tickets_ticket FOR EACH ROW WHEN ((((old.phase)::text IS DISTINCT FROM (new.phase)::text) AND (old.archived_at IS NOT NULL) AND (new.archived_at IS NOT NULL))) EXECUTE FUNCTION public.omoi_archived_stays();

ALTER TABLE public.tickets_ticket ENABLE ALWAYS TRIGGER archived_stays;


CREATE TRIGGER artifact_never_changes BEFORE DELETE OR UPDATE ON public.tickets_artifact FOR EACH ROW EXECUTE FUNCTION public.omoi_never();

ALTER TABLE public.tickets_artifact ENABLE ALWAYS TRIGGER artifact_never_changes;


CREATE CONSTRAINT TRIGGER birth_guard AFTER INSERT ON public.tickets_ticket DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.omoi_phase_guard();

ALTER TABLE public.tickets_ticket ENABLE ALWAYS TRIGGER birth_guard;


CREATE TRIGGER blob_never_changes BEFORE DELETE OR UPDATE ON public.tickets_blob FOR EACH ROW EXECUTE FUNCTION public.omoi_never();

ALTER TABLE public.tickets_blob ENABLE ALWAYS TRIGGER blob_never_changes;


CREATE TRIGGER check_run_is_answered_once BEFORE INSERT OR UPDATE ON public.tickets_checkrun FOR EACH ROW EXECUTE FUNCTION public.omoi_check_run_is_answered_once();

ALTER TABLE public.tickets_checkrun ENABLE ALWAYS TRIGGER check_run_is_answered_once;


CREATE TRIGGER check_run_is_never_deleted BEFORE DELETE ON public.tickets_checkrun FOR EACH ROW EXECUTE FUNCTION public.omoi_never();

ALTER TABLE public.tickets_checkrun ENABLE ALWAYS TRIGGER check_run_is_never_deleted;


CREATE TRIGGER chunk_never_changes BEFORE DELETE OR UPDATE ON public.tickets_chunk FOR EACH ROW EXECUTE FUNCTION public.omoi_never();

ALTER TABLE public.tickets_chunk ENABLE ALWAYS TRIGGER chunk_never_changes;


CREATE TRIGGER comments_only_grow BEFORE DELETE OR UPDATE ON public.tickets_comment FOR EACH ROW EXECUTE FUNCTION public.omoi_never();

ALTER TABLE public.tickets_comment ENABLE ALWAYS TRIGGER comments_only_grow;


CREATE CONSTRAINT TRIGGER count_for_lane AFTER INSERT OR UPDATE OF workflow_id ON public.tickets_lane DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.workflow_id IS NOT NULL)) EXECUTE FUNCTION public.omoi_count_for_lane();

ALTER TABLE public.tickets_lane ENABLE ALWAYS TRIGGER count_for_lane;


CREATE TRIGGER decision_is_recorded AFTER INSERT ON public.tickets_approval FOR EACH ROW EXECUTE FUNCTION public.omoi_record_decision();

ALTER TABLE public.tickets_approval ENABLE ALWAYS TRIGGER decision_is_recorded;


CREATE TRIGGER decision_is_worked_out BEFORE INSERT ON public.tickets_approval FOR EACH ROW EXECUTE FUNCTION public.omoi_work_out_decision();

ALTER TABLE public.tickets_approval ENABLE ALWAYS TRIGGER decision_is_worked_out;


CREATE TRIGGER decision_never_changes BEFORE DELETE OR UPDATE ON public.tickets_approval FOR EACH ROW EXECUTE FUNCTION public.omoi_never();

ALTER TABLE public.tickets_approval ENABLE ALWAYS TRIGGER decision_never_changes;


CREATE TRIGGER decision_notes_the_version BEFORE INSERT ON public.tickets_approval FOR EACH ROW EXECUTE FUNCTION public.omoi_note_the_version();

ALTER TABLE public.tickets_approval ENABLE ALWAYS TRIGGER decision_notes_the_version;


CREATE TRIGGER discovery_stays BEFORE DELETE OR UPDATE ON public.tickets_discovery FOR EACH ROW EXECUTE FUNCTION public.omoi_discovery_stays();


CREATE CONSTRAINT TRIGGER history_guard AFTER INSERT ON public.tickets_phasemove DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.omoi_history_guard();

ALTER TABLE public.tickets_phasemove ENABLE ALWAYS TRIGGER history_guard;


CREATE TRIGGER history_is_never_emptied BEFORE TRUNCATE ON public.tickets_phasemove FOR EACH STATEMENT EXECUTE FUNCTION public.omoi_never();

ALTER TABLE public.tickets_phasemove ENABLE ALWAYS TRIGGER history_is_never_emptied;


CREATE TRIGGER history_only_grows BEFORE DELETE OR UPDATE ON public.tickets_phasemove FOR EACH ROW EXECUTE FUNCTION public.omoi_never();

ALTER TABLE public.tickets_phasemove ENABLE ALWAYS TRIGGER history_only_grows;


CREATE TRIGGER history_stamp BEFORE INSERT ON public.tickets_phasemove FOR EACH ROW EXECUTE FUNCTION public.omoi_history_stamp();

ALTER TABLE public.tickets_phasemove ENABLE ALWAYS TRIGGER history_stamp;


CREATE TRIGGER hold_lane AFTER INSERT OR UPDATE OF workflow_id ON public.tickets_lane FOR EACH ROW WHEN ((new.workflow_id IS NOT NULL)) EXECUTE FUNCTION public.omoi_hold_lane();

ALTER TABLE public.tickets_lane ENABLE ALWAYS TRIGGER hold_lane;


CREATE TRIGGER journal_is_never_emptied BEFORE TRUNCATE ON public.agents_event FOR EACH STATEMENT EXECUTE FUNCTION public.omoi_never();


CREATE TRIGGER journal_only_grows BEFORE DELETE OR UPDATE ON public.agents_event FOR EACH ROW EXECUTE FUNCTION public.omoi_never();


CREATE TRIGGER journal_rings AFTER INSERT ON public.agents_event FOR EACH STATEMENT EXECUTE FUNCTION public.omoi_ring();


CREATE TRIGGER latest_grant_replaces AFTER INSERT ON public.tickets_latestgrant FOR EACH ROW WHEN ((new.replaces IS NOT NULL)) EXECUTE FUNCTION public.omoi_replace_grant();


CREATE TRIGGER note_is_never_deleted BEFORE DELETE ON public.tickets_contextnote FOR EACH ROW EXECUTE FUNCTION public.omoi_never();

ALTER TABLE public.tickets_contextnote ENABLE ALWAYS TRIGGER note_is_never_deleted;


CREATE TRIGGER note_is_withdrawn_once BEFORE UPDATE ON public.tickets_contextnote FOR EACH ROW EXECUTE FUNCTION public.omoi_note_is_withdrawn_once();

ALTER TABLE public.tickets_contextnote ENABLE ALWAYS TRIGGER note_is_withdrawn_once;


CREATE TRIGGER person_keeps_the_name BEFORE UPDATE ON public.auth_user FOR EACH ROW EXECUTE FUNCTION public.omoi_person_keeps_the_name();

ALTER TABLE public.auth_user ENABLE ALWAYS TRIGGER person_keeps_the_name;


CREATE TRIGGER phase_context_follows BEFORE INSERT ON public.tickets_phasecontext FOR EACH ROW EXECUTE FUNCTION public.omoi_phase_context_follows();

ALTER TABLE public.tickets_phasecontext ENABLE ALWAYS TRIGGER phase_context_follows;


CREATE TRIGGER phase_context_never_changes BEFORE DELETE OR UPDATE ON public.tickets_phasecontext FOR EACH ROW EXECUTE FUNCTION public.omoi_never();

ALTER TABLE public.tickets_phasecontext ENABLE ALWAYS TRIGGER phase_context_never_changes;


CREATE TRIGGER phase_follows_its_document BEFORE INSERT ON public.tickets_workflowphase FOR EACH ROW EXECUTE FUNCTION public.omoi_phase_follows_its_document();

ALTER TABLE public.tickets_workflowphase ENABLE ALWAYS TRIGGER phase_follows_its_document;


CREATE CONSTRAINT TRIGGER phase_guard AFTER UPDATE ON public.tickets_ticket DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((old.phase)::text IS DISTINCT FROM (new.phase)::text)) EXECUTE FUNCTION public.omoi_phase_guard();

ALTER TABLE public.tickets_ticket ENABLE ALWAYS TRIGGER phase_guard;


CREATE CONSTRAINT TRIGGER phase_holds AFTER UPDATE ON public.tickets_ticket DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((((old.phase)::text IS DISTINCT FROM (new.phase)::text) OR (old.workflow_id IS DISTINCT FROM new.workflow_id) OR ((old.archived_at IS NULL) <> (new.archived_at IS NULL)))) EXECUTE FUNCTION public.omoi_phase_holds();

ALTER TABLE public.tickets_ticket ENABLE ALWAYS TRIGGER phase_holds;


CREATE CONSTRAINT TRIGGER phase_holds_at_birth AFTER INSERT ON public.tickets_ticket DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.omoi_phase_holds();

ALTER TABLE public.tickets_ticket ENABLE ALWAYS TRIGGER phase_holds_at_birth;


CREATE TRIGGER task_birth BEFORE INSERT ON public.tickets_task FOR EACH ROW EXECUTE FUNCTION public.omoi_task_states();


CREATE TRIGGER task_fence BEFORE UPDATE OF fence ON public.tickets_task FOR EACH ROW WHEN ((new.fence < old.fence)) EXECUTE FUNCTION public.omoi_fence_grows();


CREATE TRIGGER task_held_since AFTER UPDATE OF holder_id, claimed_at ON public.tickets_task FOR EACH ROW WHEN (((new.holder_id IS NOT NULL) AND (new.claimed_at < statement_timestamp()))) EXECUTE FUNCTION public.omoi_held_since();


CREATE TRIGGER task_in_front BEFORE UPDATE OF rank, bumped_at ON public.tickets_task FOR EACH ROW WHEN ((new.bumped_at IS NOT NULL)) EXECUTE FUNCTION public.omoi_keep_in_front();


CREATE TRIGGER task_lease_look BEFORE UPDATE OF holder_id, lease_expires_at, lease_look_at ON public.tickets_task FOR EACH ROW WHEN ((NOT COALESCE((new.lease_look_at <= new.lease_expires_at), (num_nulls(new.lease_look_at, new.lease_expires_at, new.holder_id) = 3)))) EXECUTE FUNCTION public.omoi_lease_look();


CREATE TRIGGER task_operation BEFORE UPDATE OF operation ON public.tickets_task FOR EACH ROW EXECUTE FUNCTION public.omoi_task_states();


CREATE TRIGGER task_states BEFORE UPDATE OF state ON public.tickets_task FOR EACH ROW WHEN ((((((old.state)::text || (new.operation)::text) || (new.state)::text) <> ALL (ARRAY['pendingclaimed'::text, 'claimedcompleted'::text])) OR (((new.state)::text = 'claimed'::text) AND (new.fence <= old.fence)))) EXECUTE FUNCTION public.omoi_task_states();


CREATE TRIGGER ticket_counts_text_changes BEFORE UPDATE OF title, description, acceptance, text_changes ON public.tickets_ticket FOR EACH ROW EXECUTE FUNCTION public.omoi_counts_text_changes();

ALTER TABLE public.tickets_ticket ENABLE ALWAYS TRIGGER ticket_counts_text_changes;


CREATE TRIGGER ticket_follows_a_version BEFORE UPDATE OF workflow_id, workflow_changes ON public.tickets_ticket FOR EACH ROW WHEN (((old.workflow_id IS DISTINCT FROM new.workflow_id) OR (old.workflow_changes IS DISTINCT FROM new.workflow_changes))) EXECUTE FUNCTION public.omoi_follows_a_version();

ALTER TABLE public.tickets_ticket ENABLE ALWAYS TRIGGER ticket_follows_a_version;


CREATE TRIGGER ticket_keeps_its_identity BEFORE UPDATE OF id, project_id, number, key ON public.tickets_ticket FOR EACH ROW WHEN (((((old.id IS DISTINCT FROM new.id) OR (old.project_id IS DISTINCT FROM new.project_id)) OR (old.number IS DISTINCT FROM new.number)) OR ((old.key)::text IS DISTINCT FROM (new.key)::text))) EXECUTE FUNCTION public.omoi_keeps_its_identity();

ALTER TABLE public.tickets_ticket ENABLE ALWAYS TRIGGER ticket_keeps_its_identity;


CREATE TRIGGER ticket_moves BEFORE INSERT OR UPDATE ON public.tickets_ticket FOR EACH ROW EXECUTE FUNCTION public.omoi_count_moves();

ALTER TABLE public.tickets_ticket ENABLE ALWAYS TRIGGER ticket_moves;


CREATE TRIGGER validation_stays BEFORE DELETE OR UPDATE ON public.tickets_validation FOR EACH ROW EXECUTE FUNCTION public.omoi_validation_stays();


CREATE TRIGGER verdict_is_recorded AFTER INSERT ON public.tickets_verdict FOR EACH ROW EXECUTE FUNCTION public.omoi_record_verdict();

ALTER TABLE public.tickets_verdict ENABLE ALWAYS TRIGGER verdict_is_recorded;


CREATE TRIGGER verdict_is_worked_out BEFORE INSERT ON public.tickets_verdict FOR EACH ROW EXECUTE FUNCTION public.omoi_work_out_verdict();

ALTER TABLE public.tickets_verdict ENABLE ALWAYS TRIGGER verdict_is_worked_out;


CREATE TRIGGER verdict_never_changes BEFORE DELETE OR UPDATE ON public.tickets_verdict FOR EACH ROW EXECUTE FUNCTION public.omoi_never();

ALTER TABLE public.tickets_verdict ENABLE ALWAYS TRIGGER verdict_never_changes;


CREATE TRIGGER verdict_writes_its_event BEFORE INSERT ON public.agents_event FOR EACH ROW WHEN ((((new.kind)::text = ANY (ARRAY['gate.judged'::text, 'approval.given'::text, 'approval.rejected'::text, 'approval.changes_requested'::text])) AND (pg_trigger_depth() = 0))) EXECUTE FUNCTION public.omoi_verdict_writes_its_event();

ALTER TABLE public.agents_event ENABLE ALWAYS TRIGGER verdict_writes_its_event;


CREATE CONSTRAINT TRIGGER version_is_recorded AFTER UPDATE OF workflow_id ON public.tickets_ticket DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((old.workflow_id IS DISTINCT FROM new.workflow_id)) EXECUTE FUNCTION public.omoi_version_is_recorded();

ALTER TABLE public.tickets_ticket ENABLE ALWAYS TRIGGER version_is_recorded;


CREATE CONSTRAINT TRIGGER wip_birth_guard AFTER INSERT ON public.tickets_ticket DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.omoi_wip_guard();

ALTER TABLE public.tickets_ticket ENABLE ALWAYS TRIGGER wip_birth_guard;


CREATE CONSTRAINT TRIGGER wip_guard AFTER UPDATE ON public.tickets_ticket DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((((old.phase)::text IS DISTINCT FROM (new.phase)::text) OR ((old.archived_at IS NOT NULL) AND (new.archived_at IS NULL)))) EXECUTE FUNCTION public.omoi_wip_guard();

ALTER TABLE public.tickets_ticket ENABLE ALWAYS TRIGGER wip_guard;


CREATE TRIGGER workflow_has_its_phases AFTER INSERT ON public.tickets_workflow FOR EACH ROW EXECUTE FUNCTION public.omoi_read_phases();

ALTER TABLE public.tickets_workflow ENABLE ALWAYS TRIGGER workflow_has_its_phases;


CREATE TRIGGER workflow_is_allowed BEFORE INSERT OR UPDATE OF project_id ON public.tickets_ticket FOR EACH ROW EXECUTE FUNCTION public.omoi_workflow_is_allowed();

ALTER TABLE public.tickets_ticket ENABLE ALWAYS TRIGGER workflow_is_allowed;


CREATE TRIGGER workflow_is_whole BEFORE INSERT ON public.tickets_workflowphase FOR EACH ROW EXECUTE FUNCTION public.omoi_workflow_is_whole();


CREATE TRIGGER workflow_never_changes BEFORE DELETE OR UPDATE ON public.tickets_workflow FOR EACH ROW EXECUTE FUNCTION public.omoi_never();

ALTER TABLE public.tickets_workflow ENABLE ALWAYS TRIGGER workflow_never_changes;


CREATE TRIGGER workflow_phase_never_changes BEFORE DELETE OR UPDATE ON public.tickets_workflowphase FOR EACH ROW EXECUTE FUNCTION public.omoi_never();

ALTER TABLE public.tickets_workflowphase ENABLE ALWAYS TRIGGER workflow_phase_never_changes;


CREATE TRIGGER workflow_phases_are_never_emptied BEFORE TRUNCATE ON public.tickets_workflowphase FOR EACH STATEMENT EXECUTE FUNCTION public.omoi_never();


ALTER TABLE ONLY public.agents_account
    ADD CONSTRAINT agents_account_user_id_044bd7c5_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.agents_agent
    ADD CONSTRAINT agents_agent_owner_id_9d2afb92_fk_auth_user_id FOREIGN KEY (owner_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.agents_agent_projects
    ADD CONSTRAINT agents_agent_projects_agent_id_e5e2aa28_fk_agents_agent_id FOREIGN KEY (agent_id) REFERENCES public.agents_agent(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.agents_agent_projects
    ADD CONSTRAINT agents_agent_projects_project_id_dbd5cb31_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.agents_agentpresence
    ADD CONSTRAINT agents_agentpresence_agent_id_c58bd648_fk_agents_agent_id FOREIGN KEY (agent_id) REFERENCES public.agents_agent(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.agents_key
    ADD CONSTRAINT agents_key_agent_id_e483608d_fk_agents_agent_id FOREIGN KEY (agent_id) REFERENCES public.agents_agent(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.agents_key
    ADD CONSTRAINT agents_key_parent_id_7ca42a7d_fk_agents_key_id FOREIGN KEY (parent_id) REFERENCES public.agents_key(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.agents_key
    ADD CONSTRAINT agents_key_user_id_511baa86_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.agents_member
    ADD CONSTRAINT agents_member_project_id_c3e6cf5b_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.agents_member
    ADD CONSTRAINT agents_member_user_id_aae6b27a_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.agents_pool
    ADD CONSTRAINT agents_pool_project_id_14070bb3_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.agents_savedview
    ADD CONSTRAINT agents_savedview_user_id_6a744f52_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissio_permission_id_84c5c92e_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES public.auth_permission(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_b120cbf9_fk_auth_group_id FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_2f476e4b_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.auth_user_groups
    ADD CONSTRAINT auth_user_groups_group_id_97559544_fk_auth_group_id FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.auth_user_groups
    ADD CONSTRAINT auth_user_groups_user_id_6a12ed8b_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.auth_user_user_permissions
    ADD CONSTRAINT auth_user_user_permi_permission_id_1fbb5f2c_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES public.auth_permission(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.auth_user_user_permissions
    ADD CONSTRAINT auth_user_user_permissions_user_id_a95ead1b_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.django_admin_log
    ADD CONSTRAINT django_admin_log_content_type_id_c4bce8eb_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.django_admin_log
    ADD CONSTRAINT django_admin_log_user_id_c564eba6_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_approval
    ADD CONSTRAINT tickets_approval_ticket_id_5d9c34fd_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_approval
    ADD CONSTRAINT tickets_approval_user_id_021cc94b_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_approval
    ADD CONSTRAINT tickets_approval_workflow_id_6da475fa_fk_tickets_workflow_id FOREIGN KEY (workflow_id) REFERENCES public.tickets_workflow(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_artifact
    ADD CONSTRAINT tickets_artifact_blob_id_b9715966_fk_tickets_blob_hash FOREIGN KEY (blob_id) REFERENCES public.tickets_blob(hash) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_artifact
    ADD CONSTRAINT tickets_artifact_task_id_3ab13353_fk_tickets_task_id FOREIGN KEY (task_id) REFERENCES public.tickets_task(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_artifact
    ADD CONSTRAINT tickets_artifact_ticket_id_9e6d3005_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_awaited
    ADD CONSTRAINT tickets_awaited_ticket_id_333ce9fa_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_bulkact
    ADD CONSTRAINT tickets_bulkact_person_id_3d7b84b8_fk_auth_user_id FOREIGN KEY (person_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_bulkbatch
    ADD CONSTRAINT tickets_bulkbatch_bulk_id_6867ab29_fk_tickets_bulkact_id FOREIGN KEY (bulk_id) REFERENCES public.tickets_bulkact(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_checkrun
    ADD CONSTRAINT tickets_checkrun_task_id_bfbbe65f_fk_tickets_task_id FOREIGN KEY (task_id) REFERENCES public.tickets_task(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_checkrun
    ADD CONSTRAINT tickets_checkrun_ticket_id_171bad00_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_chunk
    ADD CONSTRAINT tickets_chunk_blob_id_682cadb7_fk_tickets_blob_hash FOREIGN KEY (blob_id) REFERENCES public.tickets_blob(hash) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_comment
    ADD CONSTRAINT tickets_comment_ticket_id_36a9497d_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_contextnote
    ADD CONSTRAINT tickets_contextnote_task_id_512e00c4_fk_tickets_task_id FOREIGN KEY (task_id) REFERENCES public.tickets_task(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_contextnote
    ADD CONSTRAINT tickets_contextnote_ticket_id_a2626ea3_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_discovery
    ADD CONSTRAINT tickets_discovery_made_task_id_5d0c96c6_fk_tickets_task_id FOREIGN KEY (made_task_id) REFERENCES public.tickets_task(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_discovery
    ADD CONSTRAINT tickets_discovery_made_ticket_id_b3d21e4b_fk_tickets_ticket_id FOREIGN KEY (made_ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_discovery
    ADD CONSTRAINT tickets_discovery_project_id_4a90daf0_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_discovery
    ADD CONSTRAINT tickets_discovery_task_id_13682758_fk_tickets_task_id FOREIGN KEY (task_id) REFERENCES public.tickets_task(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_discovery
    ADD CONSTRAINT tickets_discovery_ticket_id_8144b98a_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_freeze
    ADD CONSTRAINT tickets_freeze_project_id_1ea83f96_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_lane
    ADD CONSTRAINT tickets_lane_project_id_f62b22e3_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_lane
    ADD CONSTRAINT tickets_lane_workflow_id_07ea43ba_fk_tickets_workflow_id FOREIGN KEY (workflow_id) REFERENCES public.tickets_workflow(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_lanelook
    ADD CONSTRAINT tickets_lanelook_lane_id_c416ba57_fk_tickets_lane_id FOREIGN KEY (lane_id) REFERENCES public.tickets_lane(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_link
    ADD CONSTRAINT tickets_link_other_id_fc8131f3_fk_tickets_ticket_id FOREIGN KEY (other_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_link
    ADD CONSTRAINT tickets_link_ticket_id_e077d920_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_need
    ADD CONSTRAINT tickets_need_child_id_a3cfa139_fk_tickets_task_id FOREIGN KEY (child_id) REFERENCES public.tickets_task(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_need
    ADD CONSTRAINT tickets_need_parent_id_9ec33a70_fk_tickets_task_id FOREIGN KEY (parent_id) REFERENCES public.tickets_task(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_notice
    ADD CONSTRAINT tickets_notice_project_id_312758a1_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_notice
    ADD CONSTRAINT tickets_notice_ticket_id_f34cf2ba_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_operation
    ADD CONSTRAINT tickets_operation_task_id_e967710c_fk_tickets_task_id FOREIGN KEY (task_id) REFERENCES public.tickets_task(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_otherscancelled
    ADD CONSTRAINT tickets_otherscancelled_task_id_40bfeb9e_fk_tickets_task_id FOREIGN KEY (task_id) REFERENCES public.tickets_task(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_patternrun
    ADD CONSTRAINT tickets_patternrun_ticket_id_17501c28_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_phasecontext
    ADD CONSTRAINT tickets_phasecontext_ticket_id_c473bfa7_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_phasehold
    ADD CONSTRAINT tickets_phasehold_project_id_3640451e_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_phasehold
    ADD CONSTRAINT tickets_phasehold_workflow_id_113a7a2c_fk_tickets_workflow_id FOREIGN KEY (workflow_id) REFERENCES public.tickets_workflow(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_phasemove
    ADD CONSTRAINT tickets_phasemove_ticket_id_6ed2849b_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_phasemove
    ADD CONSTRAINT tickets_phasemove_verdict_id_c91d38f2_fk_tickets_verdict_id FOREIGN KEY (verdict_id) REFERENCES public.tickets_verdict(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_repository
    ADD CONSTRAINT tickets_repository_project_id_df3fa54f_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_schedule
    ADD CONSTRAINT tickets_schedule_last_ticket_id_c680e746_fk_tickets_ticket_id FOREIGN KEY (last_ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_schedule
    ADD CONSTRAINT tickets_schedule_project_id_dba969d0_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_schedule
    ADD CONSTRAINT tickets_schedule_template_id_992dca47_fk_tickets_t FOREIGN KEY (template_id) REFERENCES public.tickets_tickettemplate(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_schedulerun
    ADD CONSTRAINT tickets_schedulerun_project_id_781bf0ca_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_schedulerun
    ADD CONSTRAINT tickets_schedulerun_schedule_id_82fc15b4_fk_tickets_schedule_id FOREIGN KEY (schedule_id) REFERENCES public.tickets_schedule(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_schedulerun
    ADD CONSTRAINT tickets_schedulerun_ticket_id_b99a51a8_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_storedestimate
    ADD CONSTRAINT tickets_storedestimate_move_id_31589d0b_fk_tickets_phasemove_id FOREIGN KEY (move_id) REFERENCES public.tickets_phasemove(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_storedestimate
    ADD CONSTRAINT tickets_storedestimate_ticket_id_fe476871_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_task
    ADD CONSTRAINT tickets_task_holder_id_97b0b9fa_fk_agents_agent_id FOREIGN KEY (holder_id) REFERENCES public.agents_agent(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_task
    ADD CONSTRAINT tickets_task_lane_id_365d88d8_fk_tickets_lane_id FOREIGN KEY (lane_id) REFERENCES public.tickets_lane(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_task
    ADD CONSTRAINT tickets_task_project_id_6ecc0f9a_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_task
    ADD CONSTRAINT tickets_task_ticket_id_57e7e1c2_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_templatelaunch
    ADD CONSTRAINT tickets_templatelaunch_ticket_id_44005666_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_ticket
    ADD CONSTRAINT tickets_ticket_parent_id_09dd967f_fk_tickets_ticket_id FOREIGN KEY (parent_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_ticket
    ADD CONSTRAINT tickets_ticket_project_id_9d54a0fb_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_ticket
    ADD CONSTRAINT tickets_ticket_workflow_id_333f8fd8_fk_tickets_workflow_id FOREIGN KEY (workflow_id) REFERENCES public.tickets_workflow(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_tickettemplate
    ADD CONSTRAINT tickets_tickettemplate_project_id_c2d45c1b_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_validation
    ADD CONSTRAINT tickets_validation_fix_id_dcb1d210_fk_tickets_task_id FOREIGN KEY (fix_id) REFERENCES public.tickets_task(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_validation
    ADD CONSTRAINT tickets_validation_project_id_a8f588b2_fk_agents_project_id FOREIGN KEY (project_id) REFERENCES public.agents_project(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_validation
    ADD CONSTRAINT tickets_validation_task_id_f7420354_fk_tickets_task_id FOREIGN KEY (task_id) REFERENCES public.tickets_task(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_validation
    ADD CONSTRAINT tickets_validation_ticket_id_3788d07f_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_verdict
    ADD CONSTRAINT tickets_verdict_ticket_id_c5282323_fk_tickets_ticket_id FOREIGN KEY (ticket_id) REFERENCES public.tickets_ticket(id) DEFERRABLE INITIALLY DEFERRED;


ALTER TABLE ONLY public.tickets_workflowphase
    ADD CONSTRAINT tickets_workflowphas_workflow_id_62658b1e_fk_tickets_w FOREIGN KEY (workflow_id) REFERENCES public.tickets_workflow(id) DEFERRABLE INITIALLY DEFERRED;
