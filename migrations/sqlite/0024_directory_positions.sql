-- Positions of organisations; `rank` is the highest rank in the registration authority that one gives.
CREATE TABLE directory_position (
    position_id  TEXT NOT NULL PRIMARY KEY,
    organisation TEXT NOT NULL,
    name         TEXT NOT NULL,
    state        TEXT NOT NULL,
    rank         TEXT,
    version      BIGINT NOT NULL
);

-- People in positions, from a day to a day.
CREATE TABLE directory_assignment (
    assignment_id TEXT NOT NULL PRIMARY KEY,
    user_id       TEXT NOT NULL,
    position_id   TEXT NOT NULL,
    organisation  TEXT NOT NULL,
    from_day      TEXT NOT NULL,
    to_day        TEXT,
    state         TEXT NOT NULL,
    version       BIGINT NOT NULL
);
CREATE INDEX directory_assignment_user ON directory_assignment (user_id, state);
