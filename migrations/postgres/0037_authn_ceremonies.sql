-- What is under way: a WebAuthn ceremony or the hand-over from the port for cards. One row each, used once.

CREATE TABLE authn_ceremony (
    -- The kind and what it is bound to: an interaction or an enrolment. A new one takes the place of the old.
    ceremony   TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    -- For a hand-over SHA-256 of its ticket; absent otherwise.
    ticket     BYTEA,
    -- What the server has to know at the end: a JSON value.
    state      TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX authn_ceremony_over ON authn_ceremony (expires_at);
