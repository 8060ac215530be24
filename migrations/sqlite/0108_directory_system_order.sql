-- Systems of one kind in the order of their identifiers, as exports read them.
CREATE INDEX directory_system_kind ON directory_system (kind, folded);
