-- Links with which a person gets an authenticator: made by the registration authority, or by the person with one they have.

CREATE TABLE authn_enrolment (
    enrolment_id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    -- SHA-256 of what is in the link.
    secret       BYTEA NOT NULL UNIQUE,
    user_id      TEXT COLLATE "C" NOT NULL,
    -- issue, recovery, own
    purpose      TEXT NOT NULL,
    -- The highest level that may be enrolled: 2 or 3.
    most_level   BIGINT NOT NULL,
    -- A user id or client id.
    made_by      TEXT NOT NULL,
    -- SHA-256 of what the browser holds that opened it; absent before.
    browser      BYTEA,
    -- The session of the person who made it for themselves.
    session_id   TEXT COLLATE "C",
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    used_at      BIGINT,
    cancelled_at BIGINT
);
CREATE INDEX authn_enrolment_user ON authn_enrolment (user_id, enrolment_id);
