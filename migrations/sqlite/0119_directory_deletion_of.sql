-- What an organisation had and has no more, by the organisation: whoever follows changes is told.
CREATE INDEX directory_deletion_of ON directory_deletion (list, ods, instance);
