-- Campaigns in which every assignment of an organisation and of those below it is confirmed or ended by a day.
CREATE TABLE directory_campaign (
    campaign_id  TEXT NOT NULL PRIMARY KEY,
    organisation TEXT NOT NULL,
    name         TEXT NOT NULL,
    by_day       TEXT NOT NULL,
    unconfirmed  TEXT NOT NULL,
    state        TEXT NOT NULL,
    made_by      TEXT NOT NULL,
    made_at      BIGINT NOT NULL,
    version      BIGINT NOT NULL
);
CREATE INDEX directory_campaign_state ON directory_campaign (state, by_day);

-- One assignment in a campaign.
CREATE TABLE directory_campaign_item (
    campaign_id   TEXT NOT NULL,
    assignment_id TEXT NOT NULL,
    state         TEXT NOT NULL,
    decided_by    TEXT,
    decided_at    BIGINT,
    notes         TEXT,
    PRIMARY KEY (campaign_id, assignment_id)
);
CREATE INDEX directory_campaign_item_state ON directory_campaign_item (campaign_id, state, assignment_id);
