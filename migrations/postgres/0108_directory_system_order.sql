-- Systems come in the order of the octets of their identifiers, whichever language the database is ordered by: exports and LDAP go on
-- from the place where they were.
ALTER TABLE directory_system ALTER COLUMN folded TYPE TEXT COLLATE "C";
ALTER TABLE directory_system_key ALTER COLUMN folded TYPE TEXT COLLATE "C";

-- Those of one kind in this order, as exports read them.
CREATE INDEX directory_system_kind ON directory_system (kind, folded);
