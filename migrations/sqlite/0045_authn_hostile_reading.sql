-- With which cards people are signed in now: whoever ends sessions of cards that hold no more looks at these alone.
CREATE INDEX authn_session_open_authenticator ON authn_session (authenticator) WHERE ended_at IS NULL;
-- What a relying party was refused at each check, the latest first.
CREATE INDEX authn_refusal_failed ON authn_refusal (client_id, failed, refusal_id);
-- From where a session was used beside where it was opened: its cookie may have been stolen.
CREATE TABLE authn_session_place (
    session_id TEXT NOT NULL,
    place      TEXT NOT NULL,
    address    TEXT,
    agent      TEXT,
    at         BIGINT NOT NULL,
    PRIMARY KEY (session_id, place)
);
