-- The card's own identifier, in hexadecimal, in the certificate by which it showed secure messaging first; absent: it has shown none.
ALTER TABLE ca_card ADD COLUMN secure_identifier TEXT;
