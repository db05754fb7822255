-- The end of every statement of lease.py: what happens with the tasks that it `changed`.
floors AS ({lower_floors}
),

log AS ({events}
)

SELECT
  id,
  ticket_id,
  state,
  profile,
  died
FROM changed
