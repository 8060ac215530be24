-- When the key of a former OCSP responder was destroyed in the token.
ALTER TABLE ca_responder ADD COLUMN key_destroyed_at BIGINT;

-- Shared secrets for a first certificate by CMP (RFC 9810 5.1.3.1), sealed by the token.
CREATE TABLE ca_enrol_secret (
    reference    TEXT NOT NULL PRIMARY KEY,
    road         TEXT   NOT NULL,
    client       TEXT   NOT NULL,
    organisation TEXT,
    secret       BLOB  NOT NULL,
    uses_left    BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    ended_at     BIGINT
);

-- Keys that are destroyed and still have a label: what the token has yet to destroy.
CREATE INDEX signer_key_left ON signer_key (key_id) WHERE destroyed_at IS NOT NULL AND wrapped IS NOT NULL;
