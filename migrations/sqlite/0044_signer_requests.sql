-- Requests of the Digital Signature Service: what an application asked somebody to sign, and what became of it.

CREATE TABLE signer_request (
    request_id       TEXT PRIMARY KEY NOT NULL,
    client           TEXT NOT NULL,
    client_name      TEXT NOT NULL,
    -- SHA-256 of what the application signed: the same request is known again by it.
    request_hash     TEXT NOT NULL,
    -- Who is to sign, and the session of the access token that came with it.
    user_id          TEXT NOT NULL,
    session          TEXT NOT NULL,
    -- The application's own word, given back to it.
    state            TEXT NOT NULL,
    callback         TEXT NOT NULL,
    -- The request as it came, and the public key that verified it (JWK): with them it is evidence.
    statement        TEXT NOT NULL,
    statement_key    TEXT NOT NULL,
    -- What whoever signs is shown of each document, as JSON.
    shown            TEXT NOT NULL,
    -- SHA-256 over application, person, documents and end, in hexadecimal.
    binding          TEXT NOT NULL,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    -- consented, cancelled; absent while nothing is decided.
    decision         TEXT,
    decided_at       BIGINT,
    -- How the person proved to be there, as JSON.
    presence         TEXT,
    -- With what, by its id, and what that is.
    authenticator    TEXT,
    method           TEXT,
    authorisation_id TEXT UNIQUE,
    UNIQUE (client, request_hash)
);
CREATE INDEX signer_request_waiting ON signer_request (client, user_id) WHERE decision IS NULL;
CREATE INDEX signer_request_expiry ON signer_request (expires_at);

-- The tokens under which an application knows a request: SHA-256 in hexadecimal.
CREATE TABLE signer_request_token (
    token      TEXT PRIMARY KEY NOT NULL,
    request_id TEXT NOT NULL
);
CREATE INDEX signer_request_token_request ON signer_request_token (request_id);

-- What a signature is about, where that was said: the application's name for the document, and the patient's NHS number where the content
-- was seen.
CREATE TABLE signer_about (
    authorisation_id TEXT NOT NULL,
    position         BIGINT NOT NULL,
    document         TEXT NOT NULL,
    patient          TEXT,
    PRIMARY KEY (authorisation_id, position)
);

-- The ledger by application and by time.
CREATE INDEX signer_signing_client ON signer_signing (client, ordinal);
CREATE INDEX signer_signing_time ON signer_signing (signed_at, ordinal);
