//! `ca_card…`: cards, where they are kept, what happened to them, and what is being done with them.

mod acts;
mod batches;
mod errands;
mod locations;
mod masters;
mod once;
mod prints;
mod rows;
mod unlocks;

pub(crate) use acts::{CardAct, acts, insert_act};
pub(crate) use batches::{BatchRow, KeptBatch, batch, batch_rows, insert_batch, marked_of_batch};
pub(crate) use errands::{
    ErrandRow, Passcode, RunTime, approve_errand, by_ticket, close_errand, closed_errands, due, errand,
    insert_errand, keep_step, mark_done, mark_ended, open_errand, set_fault, set_ticket, start_run,
    take_over,
};
pub(crate) use locations::{Location, insert_location, location, locations};
pub(crate) use masters::{KeyCount, key_counts, of_other_masters};
pub(crate) use once::{find, keep, sweep};
pub(crate) use prints::{PrintRow, end_print, insert_print, print, prints_from_before};
pub(crate) use rows::{
    Card, Filter, Serials, by_id, by_id_in, by_serial_in, expose_puk, held_by, insert, keep as keep_card,
    page, set_keys,
};
pub(crate) use unlocks::{
    KnownBy, SentCode, approve_unlock, end_unlocks, insert_unlock, keep_newest_waiting, sendings_since,
    set_unlock_errand, sweep_unlocks, try_unlock, unlock, vouchings_since, waiting_unlocks,
};
