-- What programs asked to be told of over FHIR. `after` is the number of the last change that was looked at, `day` the last day. The headers that
-- go with each message are encrypted to the key under which messages lie.
CREATE TABLE directory_subscription (
    subscription_id TEXT NOT NULL PRIMARY KEY,
    caller          TEXT NOT NULL,
    face            TEXT NOT NULL,
    reason          TEXT NOT NULL,
    criteria        TEXT NOT NULL,
    endpoint        TEXT NOT NULL,
    sealed          BLOB,
    -- active, error
    state           TEXT NOT NULL,
    error           TEXT,
    after           BIGINT NOT NULL,
    day             TEXT NOT NULL,
    -- 1 while what became of the last message is not known.
    told            BIGINT NOT NULL,
    made_at         BIGINT NOT NULL,
    until           BIGINT NOT NULL
);
CREATE INDEX directory_subscription_caller ON directory_subscription (caller, until);
CREATE INDEX directory_subscription_until ON directory_subscription (until);
