-- Who is signed in. Times are milliseconds since the epoch; an absent time means "not (yet)".

CREATE TABLE authn_session (
    session_id       TEXT PRIMARY KEY NOT NULL,
    -- The name in tokens; it opens nothing.
    sid              TEXT NOT NULL UNIQUE,
    -- SHA-256 of what the browser holds.
    secret           BLOB NOT NULL UNIQUE,
    user_id          TEXT NOT NULL,
    -- smartcard, security-key, platform-key, passkey, totp
    method           TEXT NOT NULL,
    -- An authenticator_id, or card: and the serial number of a certificate.
    authenticator    TEXT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    last_used_at     BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    address          TEXT,
    agent            TEXT,
    ended_at         BIGINT,
    end_cause        TEXT
);
CREATE INDEX authn_session_user ON authn_session (user_id, session_id);
CREATE INDEX authn_session_authenticator ON authn_session (authenticator);
CREATE INDEX authn_session_over ON authn_session (ended_at, expires_at);
