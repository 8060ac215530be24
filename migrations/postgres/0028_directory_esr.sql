-- Positions of a personnel system, and the positions here that they stand for. A row stays when the link has ended.
CREATE TABLE directory_feed_link (
    link_id        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- The employer for whom the personnel system speaks.
    organisation   TEXT COLLATE "C" NOT NULL,
    their_position TEXT COLLATE "C" NOT NULL,
    position_id    TEXT COLLATE "C" NOT NULL,
    how            TEXT NOT NULL,
    approver       TEXT NOT NULL,
    made_by        TEXT NOT NULL,
    made_at        BIGINT NOT NULL,
    ended_by       TEXT,
    ended_at       BIGINT,
    version        BIGINT NOT NULL
);
CREATE UNIQUE INDEX directory_feed_link_in_force ON directory_feed_link (organisation, their_position)
    WHERE ended_at IS NULL;
CREATE INDEX directory_feed_link_organisation ON directory_feed_link (organisation, link_id);

-- What personnel systems have told, and what became of it. `sent` is the event as it came, `done` what it did, both JSON.
CREATE TABLE directory_feed_event (
    feed_event_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    client        TEXT COLLATE "C" NOT NULL,
    their_id      TEXT COLLATE "C" NOT NULL,
    fingerprint   TEXT NOT NULL,
    organisation  TEXT COLLATE "C" NOT NULL,
    employee      TEXT COLLATE "C" NOT NULL,
    sequence      BIGINT NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    sent          TEXT NOT NULL,
    state         TEXT COLLATE "C" NOT NULL,
    reason        TEXT,
    sentence      TEXT,
    done          TEXT NOT NULL,
    received_at   BIGINT NOT NULL,
    settled_by    TEXT,
    settled_at    BIGINT,
    discarded_why TEXT,
    version       BIGINT NOT NULL
);
CREATE UNIQUE INDEX directory_feed_event_theirs ON directory_feed_event (client, their_id);
CREATE INDEX directory_feed_event_employee ON directory_feed_event (client, employee, state, sequence);
CREATE INDEX directory_feed_event_organisation ON directory_feed_event (organisation, state, feed_event_id);
