-- For which organisation a profile was made: of people who never held anything their registration authority. Nobody's, where it was brought in.
ALTER TABLE directory_person ADD COLUMN made_in TEXT;
-- The version of what a request is about when it was opened: whoever approves it has seen that one.
ALTER TABLE directory_request ADD COLUMN seen_version BIGINT;
