-- What a person or a system granted a relying party at once: everything given out under it ends with it.
CREATE TABLE authn_grant (
    grant_id   TEXT NOT NULL PRIMARY KEY,
    client_id  TEXT NOT NULL,
    user_id    TEXT,
    sid        TEXT,
    content    TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at   BIGINT,
    ended_by   TEXT
);
CREATE INDEX authn_grant_sid ON authn_grant (sid, client_id);
CREATE INDEX authn_grant_client ON authn_grant (client_id, grant_id);
CREATE INDEX authn_grant_expires ON authn_grant (expires_at);

-- Codes, by their hash. Each is used once.
CREATE TABLE authn_code (
    code_hash  TEXT NOT NULL PRIMARY KEY,
    grant_id   TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    content    TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX authn_code_expires ON authn_code (expires_at);

-- Access and refresh tokens, by their hash.
CREATE TABLE authn_token (
    token_hash TEXT NOT NULL PRIMARY KEY,
    kind       TEXT NOT NULL,
    grant_id   TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    scope      TEXT NOT NULL,
    issued_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT,
    ended_at   BIGINT
);
CREATE INDEX authn_token_grant ON authn_token (grant_id);
CREATE INDEX authn_token_expires ON authn_token (expires_at);
