CREATE TRIGGER comments_only_grow
BEFORE UPDATE OR DELETE ON tickets_comment
FOR EACH ROW EXECUTE FUNCTION omoi_never();

-- ALWAYS: the replica role does not switch it off.
ALTER TABLE tickets_comment ENABLE ALWAYS TRIGGER comments_only_grow;
