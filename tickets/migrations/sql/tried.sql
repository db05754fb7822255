-- This moment as JSON.
CREATE FUNCTION omoi_moment() RETURNS text
LANGUAGE sql VOLATILE AS $$
  SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- How the last attempts of a task failed, with one more. At most ten are kept.
CREATE FUNCTION omoi_tried(tried jsonb, attempt int, kind text, error text, by text) RETURNS jsonb
LANGUAGE sql VOLATILE AS $$
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
