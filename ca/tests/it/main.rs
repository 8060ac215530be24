//! The authority through its router, with a real token and a real database.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod acme;
mod across;
mod cards;
mod ceremonies;
mod ceremony_kills;
mod child;
mod clock;
mod cmp;
mod cmp_client;
mod cmp_secrets;
mod cmp_vendors;
mod crashes;
mod database_gone;
mod describing;
mod elsewhere;
mod enrol_kills;
mod enrol_mutations;
mod est;
mod expiring;
mod followed;
mod full;
mod issuing;
mod judges;
mod keys;
mod kills;
mod lists;
mod naming;
mod ocsp;
mod outage;
mod own_profiles;
mod profiles;
mod refused_store;
mod reports;
mod restoring;
mod revoking;
mod rewrapping;
mod roads;
mod rollover;
mod searching;
mod several;
mod shards;
mod watching;
mod weak_keys;
mod world;
