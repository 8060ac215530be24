-- Tickets of the broker of CIS1: another name of a session, by which applications that have not moved know it.

CREATE TABLE authn_ticket (
    -- SHA-256 of what the agent holds.
    ticket_hash BLOB PRIMARY KEY NOT NULL,
    session_id  TEXT NOT NULL UNIQUE,
    sid         TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    -- From where the session was opened.
    address     TEXT,
    -- live, training
    mode        TEXT NOT NULL,
    issued_at   BIGINT NOT NULL
);
