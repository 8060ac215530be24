-- Whether relying parties answer when they are told that a session has ended, in each form by itself, since each has an address of its own:
-- nobody waits for one that does not.
CREATE TABLE authn_hearing (
    client_id  TEXT COLLATE "C" NOT NULL,
    -- logout-token or session-revoked.
    form       TEXT COLLATE "C" NOT NULL,
    -- How many calls in a row got no answer.
    unanswered BIGINT NOT NULL,
    -- When it is called again.
    next_at    BIGINT NOT NULL,
    PRIMARY KEY (client_id, form)
);
