-- An unblocking key that went by a workstation is told from one that somebody was told.

-- When the unblocking key of a card went to a workstation in an errand that was not done: at its next contact it gets another one before
-- anything else is done, as after it was told to somebody (puk_exposed_at). Unlike that, it may still be told once.
ALTER TABLE ca_card ADD COLUMN puk_seen_at BIGINT;

-- The marks of before were of both kinds. One that is as old as a telling of the card's key is of that, and stays. Any other was written by
-- an unlock: it is of this kind, and where a key of the card was ever told it is of both, since that is in doubt. With both, the key is told to
-- nobody, the card gets another one at its next contact, and its counter does not say whether its holder opened it.
UPDATE ca_card SET puk_seen_at = puk_exposed_at, puk_exposed_at = CASE WHEN EXISTS (
    SELECT 1 FROM ca_card_act
    WHERE ca_card_act.card_id = ca_card.card_id AND ca_card_act.act = 'release-unblocking-key'
) THEN puk_exposed_at END
WHERE puk_exposed_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM ca_card_act
    WHERE ca_card_act.card_id = ca_card.card_id AND ca_card_act.act = 'release-unblocking-key'
        AND ca_card_act.at = ca_card.puk_exposed_at
);
