-- Prescriptions that an application has sent to be prepared, so that whoever is asked to sign can be shown what.

CREATE TABLE signer_prepared (
    client      TEXT COLLATE "C" NOT NULL,
    -- SHA-256 of the SignedInfo that was answered: what the application will ask to have signed.
    digest      BYTEA NOT NULL,
    -- fhir, hl7-v3
    form        TEXT NOT NULL,
    -- The time that is signed.
    author_at   BIGINT NOT NULL,
    signed_info TEXT NOT NULL,
    document    BYTEA NOT NULL,
    prepared_at BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (client, digest)
);
CREATE INDEX signer_prepared_expiry ON signer_prepared (expires_at);

-- How much of it each application has, so that none fills the database.
CREATE TABLE signer_prepared_share (
    client TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    octets BIGINT NOT NULL
);
