-- An unblocking key that went by a workstation is told from one that somebody was told.

-- When the unblocking key of a card went to a workstation in an errand that was not done: at its next contact it gets another one before
-- anything else is done, as after it was told to somebody (puk_exposed_at). Unlike that, it may still be told once.
ALTER TABLE ca_card ADD COLUMN puk_seen_at BIGINT;

-- The marks of before were of both kinds. Where no key of a card was ever told, it is of this one.
UPDATE ca_card SET puk_seen_at = puk_exposed_at, puk_exposed_at = NULL
WHERE puk_exposed_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM ca_card_act
    WHERE ca_card_act.card_id = ca_card.card_id AND ca_card_act.act = 'release-unblocking-key'
);
