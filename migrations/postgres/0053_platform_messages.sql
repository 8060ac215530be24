-- Messages to people, by e-mail and as text messages: written in the transaction of the act that they tell of, sent after it.
-- What is said stands here until it was sent or is of no use any more; what became of it stays for a while.
CREATE TABLE platform_message (
    message_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    module     TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    -- Whom or what it is about, as the module knows it.
    about      TEXT COLLATE "C" NOT NULL,
    channel    TEXT COLLATE "C" NOT NULL,
    address    TEXT COLLATE "C" NOT NULL,
    subject    TEXT NOT NULL,
    body       TEXT,
    -- due, sent, given-up, out-of-date, withdrawn
    state      TEXT COLLATE "C" NOT NULL,
    attempts   BIGINT NOT NULL,
    due_at     BIGINT NOT NULL,
    until      BIGINT NOT NULL,
    outcome    TEXT,
    made_at    BIGINT NOT NULL,
    settled_at BIGINT
);
CREATE INDEX platform_message_due ON platform_message (channel, due_at) WHERE state = 'due';
CREATE INDEX platform_message_until ON platform_message (until) WHERE state = 'due';
CREATE INDEX platform_message_about ON platform_message (module, about, message_id);
CREATE INDEX platform_message_settled ON platform_message (settled_at) WHERE settled_at IS NOT NULL;

-- Codes that a former version left in the register's own rows: they are good for a quarter of an hour, and nobody sends them.
UPDATE directory_message SET code = NULL WHERE code IS NOT NULL;
