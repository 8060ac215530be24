-- Delegated OCSP responders: one row for each key and certificate that an issuer's answers are signed with.
-- The newest generation answers; older ones say who signed before.
CREATE TABLE ca_responder (
    issuer      TEXT   NOT NULL,
    generation  BIGINT NOT NULL,
    key_label   TEXT   NOT NULL,
    serial      TEXT   NOT NULL UNIQUE,
    certificate BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (issuer, generation)
);
