//! Cards: stock, life, and what is done with one in a reader, on a virtual card through the relay.

mod agents;
mod attested;
mod batches;
mod broken_off;
mod described;
mod ending;
mod faces;
mod foreign;
mod issuing;
mod judges;
mod kinds;
mod lasting;
mod overlapping;
mod own_renewals;
mod printing;
mod rediversifying;
mod renewing;
mod replacing;
mod rig;
mod secured;
mod self_unlocking;
mod stock;
mod told;
mod twice;
mod unlocking;
