-- When the counter of a key moved on last, and what it was before the moves of the last minutes: an answer that was asked for before such a
-- move and comes after it is late, and no copy's.
ALTER TABLE authn_authenticator ADD COLUMN counted_at BIGINT;
ALTER TABLE authn_authenticator ADD COLUMN counted_from BIGINT;
