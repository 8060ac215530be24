-- Up to which frame what a file of a journal of reads holds is in the record. Written in the transaction that records it, and gone after the file.
CREATE TABLE directory_reads_journal (
    journal     TEXT NOT NULL PRIMARY KEY,
    recorded_to BIGINT NOT NULL
);
