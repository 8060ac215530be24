-- What an organisation was that another followed, and since when in practice.
ALTER TABLE directory_organisation_succession ADD COLUMN target_role TEXT;
ALTER TABLE directory_organisation_succession ADD COLUMN operational_day TEXT;
-- A succession is found from either side.
CREATE INDEX directory_organisation_succession_target ON directory_organisation_succession (target, kind, ods);
