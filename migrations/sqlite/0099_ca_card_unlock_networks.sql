-- From where somebody asked for a colleague to vouch for them, as the day's sweep leaves it: few of one network wait for one card.
ALTER TABLE ca_card_unlock ADD COLUMN network TEXT NOT NULL DEFAULT '';
