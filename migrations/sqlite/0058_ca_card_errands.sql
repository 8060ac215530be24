-- What is done with a card in a reader: begun once, and gone on with where it stopped.
CREATE TABLE ca_card_errand (
    errand_id      TEXT   NOT NULL PRIMARY KEY,
    card_id        TEXT   NOT NULL,
    act            TEXT   NOT NULL,
    -- open, done; ending and ended before it was done
    state          TEXT   NOT NULL,
    -- How far it has come.
    step           TEXT   NOT NULL,
    -- Whether the holder chooses a passcode at its end: chosen, withheld
    passcode       TEXT   NOT NULL,
    user_id        TEXT,
    -- The keys that were made on the card and have proved themselves.
    key_9a         BLOB,
    key_9c         BLOB,
    -- Their certificates.
    authentication TEXT,
    signature      TEXT,
    -- Why it stopped last.
    fault          TEXT,
    -- SHA-256 of the ticket with which an agent goes on with it, once.
    ticket         TEXT,
    ticket_until   BIGINT,
    -- Counts the agents that went on with it: only the last one writes.
    run            BIGINT NOT NULL,
    -- Who began it, for the record.
    actor          TEXT   NOT NULL,
    until          BIGINT NOT NULL,
    made_at        BIGINT NOT NULL,
    changed_at     BIGINT NOT NULL
);
-- One at a time for each card.
CREATE UNIQUE INDEX ca_card_errand_open ON ca_card_errand (card_id) WHERE state = 'open';
CREATE INDEX ca_card_errand_card ON ca_card_errand (card_id, errand_id);
CREATE INDEX ca_card_errand_until ON ca_card_errand (until) WHERE state IN ('open', 'ending');
CREATE UNIQUE INDEX ca_card_errand_ticket ON ca_card_errand (ticket) WHERE ticket IS NOT NULL;
