-- What becomes of the profile of who holds nothing any more after the last day, and when a leaving was taken back.
ALTER TABLE directory_leaving ADD COLUMN afterwards TEXT NOT NULL DEFAULT 'open';
ALTER TABLE directory_leaving ADD COLUMN withdrawn_at BIGINT;
UPDATE directory_leaving SET afterwards = 'closed' WHERE organisation IS NULL;
DROP INDEX directory_leaving_due;
CREATE INDEX directory_leaving_due ON directory_leaving (last_day) WHERE told IS NULL AND withdrawn_at IS NULL;
