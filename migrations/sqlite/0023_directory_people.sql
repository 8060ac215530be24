-- People, temporary access cards and robots.
CREATE TABLE directory_person (
    user_id TEXT NOT NULL PRIMARY KEY,
    kind    TEXT NOT NULL,
    state   TEXT NOT NULL,
    version BIGINT NOT NULL
);
