-- The columns with numbers of transactions, whether an index finds the highest one, and the triggers that
-- refuse to change them, each with the words that switch it on again as it was.
SELECT
  c.oid::regclass::text AS "table",
  quote_ident(a.attname) AS "column",
  EXISTS (
    SELECT
    FROM pg_index i
    WHERE i.indrelid = c.oid
      AND i.indkey[0] = a.attnum
  ) AS indexed,
  ARRAY(
    SELECT ARRAY[quote_ident(g.tgname), CASE g.tgenabled WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END]
    FROM pg_trigger g
    WHERE g.tgrelid = c.oid
      AND NOT g.tgisinternal
      AND g.tgenabled IN ('O', 'A')
      AND g.tgtype & 16 > 0 -- UPDATE
  ) AS triggers
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
WHERE a.atttypid = 'xid8'::regtype
  AND NOT a.attisdropped
  AND c.relkind = 'r'
  AND c.relnamespace = to_regnamespace(current_schema())
ORDER BY 1, 2
