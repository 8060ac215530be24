-- Under which key the numbers of documents are hashed that this register has: one row, which shows the key again and does not give it away.
CREATE TABLE directory_document_key (
    number BIGINT NOT NULL PRIMARY KEY,
    -- HMAC-SHA-256 of a fixed text under the key, hexadecimal.
    proof  TEXT NOT NULL
);
