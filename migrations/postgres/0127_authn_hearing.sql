-- Whether relying parties answer when they are told that a session has ended: nobody waits for one that does not.
CREATE TABLE authn_hearing (
    client_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- How many calls in a row got no answer.
    unanswered BIGINT NOT NULL,
    -- When it is called again.
    next_at    BIGINT NOT NULL
);
