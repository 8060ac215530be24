-- What is to be known of a temporary access card or a robot: who looks after it, and where.
ALTER TABLE directory_person ADD COLUMN notes TEXT;
