-- At the end of a word sigma has another form, which is the same letter to whoever searches.
INSERT INTO directory_person_key (key, user_id)
SELECT REPLACE(key, 'ς', 'σ'), user_id FROM directory_person_key WHERE key LIKE '%ς%' ON CONFLICT DO NOTHING;
DELETE FROM directory_person_key WHERE key LIKE '%ς%';
