-- What errors of the same kind share: a digest of the text without its numbers, addresses and blanks.
CREATE FUNCTION omoi_error_mark(error text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
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
