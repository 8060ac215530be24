-- Authorisation requests that wait for somebody to sign in.
CREATE TABLE authn_interaction (
    interaction_id TEXT NOT NULL PRIMARY KEY,
    secret_hash    TEXT NOT NULL UNIQUE,
    browser_hash   TEXT NOT NULL,
    client_id      TEXT NOT NULL,
    client_name    TEXT NOT NULL,
    request        TEXT NOT NULL,
    wanted         TEXT NOT NULL,
    state          TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL
);
CREATE INDEX authn_interaction_expires ON authn_interaction (expires_at);

-- Authorisation requests that were pushed (RFC 9126).
CREATE TABLE authn_pushed (
    uri_hash   TEXT NOT NULL PRIMARY KEY,
    client_id  TEXT NOT NULL,
    parameters TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX authn_pushed_expires ON authn_pushed (expires_at);

-- The role that somebody chose in a session.
CREATE TABLE authn_chosen_role (
    sid       TEXT NOT NULL PRIMARY KEY,
    role      TEXT NOT NULL,
    chosen_at BIGINT NOT NULL
);
