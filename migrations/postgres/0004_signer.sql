-- Remote credentials, their keys and certificates, authorisations, and the ledger of signatures.
-- Times are milliseconds since the epoch; an absent time means "not (yet)".

CREATE TABLE signer_credential (
    credential_id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    -- The client's own name for its request, so that a repeated request finds the same credential.
    request_id    TEXT COLLATE "C" NOT NULL UNIQUE,
    user_id       TEXT COLLATE "C" NOT NULL,
    -- pending, active, suspended, revoked, destroyed
    state         TEXT NOT NULL,
    -- Grows with each change; what was read before a change cannot be acted on after it.
    version       BIGINT NOT NULL,
    subject       TEXT NOT NULL,
    passphrase    TEXT,
    key_id        TEXT COLLATE "C" NOT NULL,
    serial        TEXT COLLATE "C",
    created_at    BIGINT NOT NULL,
    changed_at    BIGINT NOT NULL
);
CREATE INDEX signer_credential_user ON signer_credential (user_id, credential_id);

CREATE TABLE signer_key (
    key_id           TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    -- Absent: a spare, made in advance.
    credential_id    TEXT COLLATE "C",
    algorithm        TEXT NOT NULL,
    mechanism        TEXT NOT NULL,
    wrapping_version BIGINT NOT NULL,
    -- Absent once destroyed.
    wrapped          BYTEA,
    public_key       BYTEA NOT NULL,
    created_at       BIGINT NOT NULL,
    claimed_at       BIGINT,
    destroyed_at     BIGINT
);
CREATE INDEX signer_key_credential ON signer_key (credential_id, algorithm);

CREATE TABLE signer_certificate (
    serial        TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    credential_id TEXT COLLATE "C" NOT NULL,
    key_id        TEXT COLLATE "C" NOT NULL,
    certificate   BYTEA NOT NULL,
    -- Issuing certificate first, root last: a JSON array of base64.
    chain         TEXT NOT NULL,
    not_before    BIGINT NOT NULL,
    not_after     BIGINT NOT NULL,
    -- The private-key usage period: signing is allowed from and until.
    sign_from     BIGINT NOT NULL,
    sign_until    BIGINT NOT NULL,
    issued_at     BIGINT NOT NULL
);
CREATE INDEX signer_certificate_credential ON signer_certificate (credential_id, issued_at);

CREATE TABLE signer_attempt (
    credential_id TEXT COLLATE "C" NOT NULL,
    client        TEXT COLLATE "C" NOT NULL,
    failures      BIGINT NOT NULL,
    next_at       BIGINT NOT NULL,
    failed_at     BIGINT NOT NULL,
    PRIMARY KEY (credential_id, client)
);

CREATE TABLE signer_authorisation (
    authorisation_id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    -- SHA-256 of the secret the client holds, in hexadecimal.
    sad              TEXT COLLATE "C" NOT NULL UNIQUE,
    credential_id    TEXT COLLATE "C" NOT NULL,
    client           TEXT COLLATE "C" NOT NULL,
    -- The authorised digests one after the other, 32 octets each; a position is an index into them.
    digests          BYTEA NOT NULL,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL
);
CREATE INDEX signer_authorisation_expiry ON signer_authorisation (expires_at);

-- One answered request, and what its signatures have in common.
CREATE TABLE signer_signing (
    -- The order in which they were stored.
    ordinal          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    signing_id       TEXT COLLATE "C" NOT NULL UNIQUE,
    authorisation_id TEXT COLLATE "C" NOT NULL,
    credential_id    TEXT COLLATE "C" NOT NULL,
    serial           TEXT COLLATE "C" NOT NULL,
    client           TEXT COLLATE "C" NOT NULL,
    signed_at        BIGINT NOT NULL
);
CREATE INDEX signer_signing_credential ON signer_signing (credential_id, ordinal);

-- The ledger. Its key is what makes a second signature over an authorised digest impossible.
CREATE TABLE signer_signature (
    authorisation_id TEXT COLLATE "C" NOT NULL,
    position         BIGINT NOT NULL,
    signing_id       TEXT COLLATE "C" NOT NULL,
    -- hash, detached, attached
    form             TEXT NOT NULL,
    digest           BYTEA NOT NULL,
    signature        BYTEA NOT NULL,
    PRIMARY KEY (authorisation_id, position)
);
