-- Issue by two persons, keys that their card attests, and cards that are issued together.

-- Who else said that an errand may be gone on with.
ALTER TABLE ca_card_errand ADD COLUMN approved_by TEXT COLLATE "C";
-- Of which keys the card attested that it made them, joined by commas.
ALTER TABLE ca_card_errand ADD COLUMN attested TEXT COLLATE "C" NOT NULL DEFAULT '';
-- The batch that it belongs to.
ALTER TABLE ca_card_errand ADD COLUMN batch_id TEXT COLLATE "C";
CREATE INDEX ca_card_errand_batch ON ca_card_errand (batch_id, errand_id) WHERE batch_id IS NOT NULL;

-- Cards that are issued together. How far they have come stands in their errands.
CREATE TABLE ca_card_batch (
    batch_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- Whose stock the cards are of.
    organisation TEXT COLLATE "C" NOT NULL,
    -- Who began it.
    subject      TEXT COLLATE "C" NOT NULL,
    cards        BIGINT NOT NULL,
    made_at      BIGINT NOT NULL
);
CREATE INDEX ca_card_batch_organisation ON ca_card_batch (organisation, batch_id);
