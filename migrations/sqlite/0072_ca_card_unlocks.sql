-- Unlocking by the holder with a code, and off line by somebody who was told the unblocking key.

-- When the unblocking key of a card was told to somebody: at its next contact it gets another one before anything else is done.
ALTER TABLE ca_card ADD COLUMN puk_exposed_at BIGINT;

-- Codes that were sent to holders, or that they read out to a colleague. Of a code stands here what the token makes of it with a key that cannot leave it.
CREATE TABLE ca_card_unlock (
    unlock_id TEXT   NOT NULL PRIMARY KEY,
    card_id   TEXT   NOT NULL,
    user_id   TEXT   NOT NULL,
    code_mark TEXT   NOT NULL,
    tries     BIGINT NOT NULL,
    -- How its holder is known: `code`, by the code that was sent to them; `colleague`, by somebody to whom they read it out.
    known_by  TEXT NOT NULL,
    -- Who that is, for the record.
    approver  TEXT,
    -- The errand that was begun with it.
    errand_id TEXT,
    until     BIGINT NOT NULL,
    made_at   BIGINT NOT NULL
);
CREATE INDEX ca_card_unlock_user ON ca_card_unlock (user_id, made_at);
CREATE INDEX ca_card_unlock_made ON ca_card_unlock (made_at);
CREATE INDEX ca_card_unlock_card ON ca_card_unlock (card_id, unlock_id);
