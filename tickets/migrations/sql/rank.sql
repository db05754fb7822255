-- Order of work as one number, lowest first, in microseconds; two bands.
-- Ordinary: ready_at + allowance - min(30 min, 10 min x log2(1 + tasks it unblocks)) + 5 min x retries,
-- never later than deadline - 30 min.
-- Express, ten years before all ordinary work: critical at once, anything else from omoi_promote_at on.
CREATE FUNCTION omoi_micros(at timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (extract(epoch FROM at) * 1000000)::bigint;

CREATE FUNCTION omoi_promote_at(
  priority int,
  ready_at timestamptz,
  deadline timestamptz
) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
  WHEN priority > 0 AND least(deadline - interval '30 min', ready_at + interval '8 h') > clock_timestamp()
    THEN least(deadline - interval '30 min', ready_at + interval '8 h')
END;

CREATE FUNCTION omoi_rank(
  priority int,
  ready_at timestamptz,
  deadline timestamptz,
  unblocks bigint,
  retries int
) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
  WHEN priority = 0
    THEN omoi_micros(ready_at - interval '10 years')
  WHEN least(deadline - interval '30 min', ready_at + interval '8 h') <= clock_timestamp()
    THEN omoi_micros(least(deadline - interval '30 min', ready_at + interval '8 h') - interval '10 years')
  ELSE least(
    omoi_micros(
      ready_at
      + (CASE priority WHEN 1 THEN 30 WHEN 2 THEN 75 ELSE 120 END + 5 * retries) * interval '1 min'
      - least(30, 10 * log(2, 1 + unblocks))::float8 * interval '1 min'
    ),
    omoi_micros(deadline - interval '30 min')
  )
END;
