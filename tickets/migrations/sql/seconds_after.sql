-- The moment so many seconds later. An index can hold it: it is the same in every time zone.
CREATE FUNCTION omoi_seconds_after(moment timestamptz, seconds int) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (moment AT TIME ZONE 'UTC' + seconds * interval '1 s') AT TIME ZONE 'UTC';
