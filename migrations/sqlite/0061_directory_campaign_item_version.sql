-- How often an assignment in a campaign was written: its entity tag.
ALTER TABLE directory_campaign_item ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
