-- People by the first letters of their names, in the order of their ids: a page of a name that many have is read without gathering
-- everybody who has it.
CREATE INDEX directory_person_key_start ON directory_person_key (substr(key, 1, 3), user_id, key);
