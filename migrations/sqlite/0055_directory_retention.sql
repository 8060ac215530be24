-- What is to be erased of people who left, until it was: so nobody is looked at twice.
CREATE TABLE directory_retention (
    user_id   TEXT NOT NULL,
    what      TEXT NOT NULL,
    closed_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, what)
);
CREATE INDEX directory_retention_due ON directory_retention (what, closed_at, user_id);
INSERT INTO directory_retention (user_id, what, closed_at)
    SELECT p.user_id, w.what, COALESCE(p.closed_at, 0)
    FROM directory_person p, (SELECT 'photo' AS what UNION ALL SELECT 'contacts' UNION ALL SELECT 'numbers') w
    WHERE p.state = 'closed';
