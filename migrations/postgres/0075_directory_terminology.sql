-- Organisations by when they changed, and what belongs to them by the ids of its own: as the terminology face asks for them.
CREATE INDEX directory_organisation_changed ON directory_organisation (last_change, ods);
CREATE INDEX directory_organisation_role_instance ON directory_organisation_role (instance, ods);
CREATE INDEX directory_organisation_relationship_instance ON directory_organisation_relationship (instance, ods);
CREATE INDEX directory_organisation_succession_instance ON directory_organisation_succession (instance, ods);
