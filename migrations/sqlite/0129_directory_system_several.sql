-- Endpoints keep their ids: those of a system that has, or had, several addresses are known by these.

-- From which version on that is so; none where it never had several.
ALTER TABLE directory_system ADD COLUMN several_since BIGINT;
-- The address that it had alone before, whose endpoint keeps the id that it had.
ALTER TABLE directory_system ADD COLUMN first_endpoint TEXT;

UPDATE directory_system SET several_since = version
    WHERE kind = 'message-handling' AND json_array_length(content, '$.endpoints') > 1;
