-- What people sign in with, apart from cards: those are certificates of the authority.

CREATE TABLE authn_person (
    user_id         TEXT PRIMARY KEY NOT NULL,
    -- What a WebAuthn authenticator knows the person by: it says nothing to whoever finds the device.
    handle          TEXT NOT NULL UNIQUE,
    -- In small letters; absent without an authenticator app.
    email           TEXT UNIQUE,
    -- argon2id, as a PHC string.
    password        TEXT,
    password_set_at BIGINT
);

CREATE TABLE authn_authenticator (
    authenticator_id TEXT PRIMARY KEY NOT NULL,
    user_id          TEXT NOT NULL,
    -- security-key, platform-key, passkey, totp
    method           TEXT NOT NULL,
    name             TEXT NOT NULL,
    -- Grows with each change of what its holder can change.
    version          BIGINT NOT NULL,
    -- The id of a WebAuthn credential, base64url; absent otherwise.
    credential_id    TEXT UNIQUE,
    -- The credential as it verifies assertions: a JSON object without secrets.
    credential       TEXT,
    -- The model, where the authenticator told it.
    aaguid           TEXT,
    -- The seed of an authenticator app, sealed for this row.
    secret           BLOB,
    -- The last time step whose code was taken: RFC 6238 5.2.
    last_step        BIGINT,
    created_at       BIGINT NOT NULL,
    created_by       TEXT NOT NULL,
    last_used_at     BIGINT,
    removed_at       BIGINT,
    removed_by       TEXT
);
CREATE INDEX authn_authenticator_user ON authn_authenticator (user_id, authenticator_id);
