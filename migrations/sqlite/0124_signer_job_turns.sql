-- How often a request that is answered later could not be signed yet, and until when it then waits: others have their turn.
ALTER TABLE signer_job ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE signer_job ADD COLUMN next_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX signer_job_turn ON signer_job (client, next_at, created_at) WHERE state = 'waiting';
