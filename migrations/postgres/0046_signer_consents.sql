-- What a person is asked to authorise through the API of the Cloud Signature Consortium, on our own page, and what became of it.

CREATE TABLE signer_consent (
    consent_id       TEXT PRIMARY KEY NOT NULL,
    -- token: for a request for an access token; handle: for a client that asks again.
    road             TEXT NOT NULL,
    -- token: sign-in's name of the request; handle: SHA-256 of the handle, in hexadecimal.
    reference        TEXT NOT NULL UNIQUE,
    client           TEXT NOT NULL,
    client_name      TEXT NOT NULL,
    user_id          TEXT NOT NULL,
    credential_id    TEXT NOT NULL,
    session          TEXT,
    -- One after the other, 32 octets each.
    digests          BYTEA NOT NULL,
    -- What whoever signs is shown of each document, as JSON.
    shown            TEXT NOT NULL,
    description      TEXT,
    -- SHA-256 over application, person, credential, documents and end, in hexadecimal.
    binding          TEXT NOT NULL,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    -- consented, cancelled; absent while nothing is decided.
    decision         TEXT,
    decided_at       BIGINT,
    -- How the person proved to be there, as JSON; with what, by its id, and what that is.
    presence         TEXT,
    authenticator    TEXT,
    method           TEXT,
    authorisation_id TEXT UNIQUE
);
CREATE INDEX signer_consent_waiting ON signer_consent (user_id, client) WHERE decision IS NULL;
CREATE INDEX signer_consent_expiry ON signer_consent (expires_at);
