//! Cards: stock, life, and what is done with one in a reader, on a virtual card through the relay.

mod broken_off;
mod described;
mod foreign;
mod issuing;
mod judges;
mod lasting;
mod rig;
mod stock;
mod unlocking;
