jsonb_to_recordset(%(marks)s)
  AS m(
    phase varchar,
    capabilities varchar[],
    has_profile boolean,
    alone boolean,
    avoids boolean,
    pools varchar[],
    workflow bigint
  )
