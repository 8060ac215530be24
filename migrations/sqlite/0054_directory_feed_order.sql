-- Up to which event of an employee everything was done, where the events themselves were erased since.
CREATE TABLE directory_feed_order (
    client   TEXT NOT NULL,
    employee TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (client, employee)
);
-- Events that are settled, by when they were: what retention erases.
CREATE INDEX directory_feed_event_over ON directory_feed_event ((COALESCE(settled_at, received_at)))
    WHERE state <> 'quarantined';

-- How many people each system knows, so that a list need not count them.
CREATE TABLE directory_link_total (
    source TEXT NOT NULL PRIMARY KEY,
    many   BIGINT NOT NULL
);
INSERT INTO directory_link_total (source, many)
    SELECT source, COUNT(*) FROM directory_person_link GROUP BY source;
