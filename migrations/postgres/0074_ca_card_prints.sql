-- Faces that are printed on cards: written down before anything goes to a printer, so that none is ever printed of which nobody knows.
CREATE TABLE ca_card_print (
    print_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    card_id  TEXT COLLATE "C" NOT NULL,
    -- printing, printed, failed
    state    TEXT COLLATE "C" NOT NULL,
    -- Why it failed.
    words    TEXT COLLATE "C",
    -- Who had it printed.
    subject  TEXT COLLATE "C" NOT NULL,
    begun_at BIGINT NOT NULL,
    ended_at BIGINT
);
-- One at a time for each card.
CREATE UNIQUE INDEX ca_card_print_open ON ca_card_print (card_id) WHERE state = 'printing';
CREATE INDEX ca_card_print_begun ON ca_card_print (begun_at) WHERE state = 'printing';
