-- Requests that somebody decides. What the columns of a state hold is there only in that state and those after it.
CREATE TABLE directory_request (
    request_id    TEXT NOT NULL PRIMARY KEY,
    kind          TEXT NOT NULL,
    organisation  TEXT,
    user_id       TEXT,
    position_id   TEXT,
    asked         TEXT NOT NULL,
    before_it     TEXT NOT NULL,
    state         TEXT NOT NULL,
    requester     TEXT NOT NULL,
    submitted_at  BIGINT,
    expires_at    BIGINT,
    lock_holder   TEXT,
    locked_until  BIGINT,
    decider       TEXT,
    decided_at    BIGINT,
    reason        TEXT,
    made_at       BIGINT NOT NULL,
    version       BIGINT NOT NULL
);
CREATE INDEX directory_request_state ON directory_request (state, request_id);
CREATE INDEX directory_request_requester ON directory_request (requester, request_id);
CREATE INDEX directory_request_expiry ON directory_request (expires_at);

-- What was said and done at each step of a request.
CREATE TABLE directory_request_step (
    request_id   TEXT NOT NULL,
    version      BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    step         TEXT NOT NULL,
    actor        TEXT NOT NULL,
    role_profile TEXT,
    notes        TEXT,
    PRIMARY KEY (request_id, version)
);
