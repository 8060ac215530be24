-- Errands that end with their card, and renewals that broke off.

-- Why the card was cancelled with which the errand ends: its certificates are revoked for the same reason.
ALTER TABLE ca_card_errand ADD COLUMN ended_for TEXT;
-- Since when the keys of a card may be others than those of its certificates: a renewal has begun to make them.
ALTER TABLE ca_card ADD COLUMN keys_changed_at BIGINT;
