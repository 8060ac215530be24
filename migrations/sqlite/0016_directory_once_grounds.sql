-- What allowed an act whose answer is kept for its idempotency key, beside `directory_once`: it is asked again before the answer is
-- given again, so that nobody reads what they may do and see no more.
CREATE TABLE directory_once_ground (
    caller  TEXT NOT NULL,
    key     TEXT NOT NULL,
    grounds TEXT NOT NULL,
    PRIMARY KEY (caller, key)
);
