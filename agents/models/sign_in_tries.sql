-- The number of tries with this name from this address, from this address, and from all addresses, each
-- with the time of the first. The current time is evaluated once: otherwise each row could form its own
-- group.
WITH clock AS MATERIALIZED (
  SELECT clock_timestamp() AS now
)

SELECT
  count(*) FILTER (WHERE who = %(who)s AND address = %(address)s) AS name,
  min(at) FILTER (WHERE who = %(who)s AND address = %(address)s) AS name_since,
  count(*) FILTER (WHERE address = %(address)s) AS place,
  min(at) FILTER (WHERE address = %(address)s) AS place_since,
  count(*) FILTER (WHERE at > now - %(minute)s) AS "all",
  min(at) FILTER (WHERE at > now - %(minute)s) AS all_since,
  now
FROM agents_signintry
CROSS JOIN clock
WHERE at > now - %(window)s
GROUP BY now
