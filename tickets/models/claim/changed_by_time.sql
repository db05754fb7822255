-- What every statement of time does with the tasks it `changed`.
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
