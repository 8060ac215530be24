-- Remote credentials, their keys and certificates, authorisations, and the ledger of signatures.
-- Times are milliseconds since the epoch; an absent time means "not (yet)".

CREATE TABLE signer_credential (
    credential_id TEXT PRIMARY KEY NOT NULL,
    -- The client's own name for its request, so that a repeated request finds the same credential.
    request_id    TEXT NOT NULL UNIQUE,
    user_id       TEXT NOT NULL,
    -- pending, active, suspended, revoked, destroyed
    state         TEXT NOT NULL,
    -- Grows with each change; what was read before a change cannot be acted on after it.
    version       BIGINT NOT NULL,
    subject       TEXT NOT NULL,
    passphrase    TEXT,
    key_id        TEXT NOT NULL,
    serial        TEXT,
    created_at    BIGINT NOT NULL,
    changed_at    BIGINT NOT NULL
);
CREATE INDEX signer_credential_user ON signer_credential (user_id, credential_id);

CREATE TABLE signer_key (
    key_id           TEXT PRIMARY KEY NOT NULL,
    -- Absent: a spare, made in advance.
    credential_id    TEXT,
    algorithm        TEXT NOT NULL,
    mechanism        TEXT NOT NULL,
    wrapping_version BIGINT NOT NULL,
    -- Absent once destroyed.
    wrapped          BLOB,
    public_key       BLOB NOT NULL,
    created_at       BIGINT NOT NULL,
    claimed_at       BIGINT,
    destroyed_at     BIGINT
);
CREATE INDEX signer_key_credential ON signer_key (credential_id, algorithm);

CREATE TABLE signer_certificate (
    serial        TEXT PRIMARY KEY NOT NULL,
    credential_id TEXT NOT NULL,
    key_id        TEXT NOT NULL,
    certificate   BLOB NOT NULL,
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
    credential_id TEXT NOT NULL,
    client        TEXT NOT NULL,
    failures      BIGINT NOT NULL,
    next_at       BIGINT NOT NULL,
    failed_at     BIGINT NOT NULL,
    PRIMARY KEY (credential_id, client)
);

CREATE TABLE signer_authorisation (
    authorisation_id TEXT PRIMARY KEY NOT NULL,
    -- SHA-256 of the secret the client holds, in hexadecimal.
    sad              TEXT NOT NULL UNIQUE,
    credential_id    TEXT NOT NULL,
    client           TEXT NOT NULL,
    -- The authorised digests one after the other, 32 octets each; a position is an index into them.
    digests          BLOB NOT NULL,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL
);
CREATE INDEX signer_authorisation_expiry ON signer_authorisation (expires_at);

-- One answered request, and what its signatures have in common.
CREATE TABLE signer_signing (
    -- The order in which they were stored.
    ordinal          INTEGER PRIMARY KEY,
    signing_id       TEXT NOT NULL UNIQUE,
    authorisation_id TEXT NOT NULL,
    credential_id    TEXT NOT NULL,
    serial           TEXT NOT NULL,
    client           TEXT NOT NULL,
    signed_at        BIGINT NOT NULL
);
CREATE INDEX signer_signing_credential ON signer_signing (credential_id, ordinal);

-- The ledger. Its key is what makes a second signature over an authorised digest impossible.
CREATE TABLE signer_signature (
    authorisation_id TEXT NOT NULL,
    position         BIGINT NOT NULL,
    signing_id       TEXT NOT NULL,
    -- hash, detached, attached
    form             TEXT NOT NULL,
    digest           BLOB NOT NULL,
    signature        BLOB NOT NULL,
    PRIMARY KEY (authorisation_id, position)
) WITHOUT ROWID;
