-- Wrong attempts in a row, by what is slowed down: an account from an address, an address, an account from strangers.

CREATE TABLE authn_attempt (
    subject   TEXT PRIMARY KEY NOT NULL,
    failures  BIGINT NOT NULL,
    next_at   BIGINT NOT NULL,
    failed_at BIGINT NOT NULL
);
CREATE INDEX authn_attempt_failed ON authn_attempt (failed_at);

-- From where people have signed in with a password: there nobody else's guessing slows them down.
CREATE TABLE authn_known_address (
    user_id TEXT NOT NULL,
    address TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, address)
);
