-- Requests to sign that are answered later. Their signatures are in the ledger.

CREATE TABLE signer_job (
    -- SHA-256 of the name under which its client fetches it, in hexadecimal.
    job_id           TEXT PRIMARY KEY NOT NULL,
    kind             TEXT NOT NULL,
    subject          TEXT NOT NULL,
    client           TEXT NOT NULL,
    session          TEXT,
    authorisation_id TEXT NOT NULL,
    credential_id    TEXT NOT NULL,
    -- What is to be signed and how, as JSON.
    documents        BYTEA NOT NULL,
    octets           BIGINT NOT NULL,
    -- waiting, tried
    state            TEXT NOT NULL,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL
);
CREATE INDEX signer_job_share ON signer_job (client, subject);
CREATE INDEX signer_job_left ON signer_job (created_at) WHERE state = 'waiting';
CREATE INDEX signer_job_expiry ON signer_job (expires_at);

-- How a credential has its key: one-time for one for each batch; absent for one that is kept.
ALTER TABLE signer_credential ADD COLUMN kind TEXT;
CREATE INDEX signer_key_one_time ON signer_key (created_at) WHERE mechanism = '"one-time"' AND destroyed_at IS NULL;

-- Evidence records (RFC 4998) that are kept here and renewed: those of one request.
CREATE TABLE signer_evidence_record (
    records_id TEXT PRIMARY KEY NOT NULL,
    client     TEXT NOT NULL,
    -- Object identifier of the hash.
    hash       TEXT NOT NULL,
    -- One after the other.
    digests    BYTEA NOT NULL,
    -- Time-stamps, each about the one before, as a JSON list of base64.
    tokens     TEXT NOT NULL,
    -- With what the last one is signed.
    algorithm  TEXT NOT NULL,
    renew_at   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX signer_evidence_record_client ON signer_evidence_record (client);
CREATE INDEX signer_evidence_record_due ON signer_evidence_record (renew_at);
CREATE INDEX signer_evidence_record_algorithm ON signer_evidence_record (algorithm);
CREATE INDEX signer_evidence_record_expiry ON signer_evidence_record (expires_at);
