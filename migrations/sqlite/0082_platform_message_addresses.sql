-- How many messages went to an address is asked before another goes there, whomever they are about.
CREATE INDEX platform_message_address ON platform_message (address, made_at);
