-- What becomes of a session whose card is taken out.

-- By what a workstation's agent tells that the card of a session was taken out.
CREATE TABLE authn_card_watch (
    -- SHA-256 of the agent's secret.
    secret     BYTEA PRIMARY KEY NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL,
    serial     TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX authn_card_watch_session ON authn_card_watch (session_id);

-- Sessions that give nobody anything until their holder signs in again.
CREATE TABLE authn_session_lock (
    session_id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    locked_at  BIGINT NOT NULL
);
