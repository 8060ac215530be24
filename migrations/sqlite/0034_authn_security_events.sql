-- Relying parties are told of ended sessions in two forms: logout tokens, and security events (RFC 8417).

-- Absent: a logout token. Otherwise the event, as in `session-revoked`.
ALTER TABLE authn_logout ADD COLUMN kind TEXT;
-- Why the session ended.
ALTER TABLE authn_logout ADD COLUMN cause TEXT;
