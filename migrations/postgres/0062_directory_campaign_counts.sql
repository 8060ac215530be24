-- How many assignments of a campaign are in each state: kept as they change, so that nobody counts them to read one campaign.
CREATE TABLE directory_campaign_count (
    campaign_id TEXT COLLATE "C" NOT NULL,
    state       TEXT COLLATE "C" NOT NULL,
    many        BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, state)
);
INSERT INTO directory_campaign_count (campaign_id, state, many)
    SELECT campaign_id, state, COUNT(*) FROM directory_campaign_item GROUP BY campaign_id, state;
