-- The number of the change under which an organisation got the name that it has: its name alone stands with the people in it. Nothing
-- where that is not known; of those that are there now it is not before the last change that was told.
ALTER TABLE directory_organisation ADD COLUMN renamed_in BIGINT;
UPDATE directory_organisation SET renamed_in = (SELECT last FROM directory_counter WHERE name = 'change');
