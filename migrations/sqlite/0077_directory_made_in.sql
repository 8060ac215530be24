-- For which organisation a profile was made: of people who never held anything their registration authority. Nobody's, where it was brought in.
ALTER TABLE directory_person ADD COLUMN made_in TEXT;
