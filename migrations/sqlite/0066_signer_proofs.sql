-- What proves the ledger: each signature is in an evidence record (RFC 4998) with others, which is kept and renewed like those of clients.

-- Which one; absent until it is in one.
ALTER TABLE signer_signing ADD COLUMN records_id TEXT;
CREATE INDEX signer_signing_unproven ON signer_signing (ordinal) WHERE records_id IS NULL;

-- The revocation lists of that time, by their SHA-256 in hexadecimal, as a JSON list; absent of records of clients.
ALTER TABLE signer_evidence_record ADD COLUMN lists TEXT;

-- Revocation lists that are named there, each once.
CREATE TABLE signer_kept_list (
    sha256  TEXT PRIMARY KEY NOT NULL,
    list    BLOB NOT NULL,
    kept_at BIGINT NOT NULL
);
