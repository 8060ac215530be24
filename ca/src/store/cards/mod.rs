//! `ca_card…`: cards, where they are kept, what happened to them, and what is being done with them.

mod acts;
mod errands;
mod locations;
mod once;
mod rows;

pub(crate) use acts::{CardAct, acts, insert_act};
pub(crate) use errands::{
    ErrandRow, Passcode, by_ticket, close_errand, due, errand, insert_errand, keep_step, mark_done,
    mark_ended, set_fault, set_ticket, start_run,
};
pub(crate) use locations::{Location, insert_location, location, locations};
pub(crate) use once::{find, keep, sweep};
pub(crate) use rows::{Card, Filter, by_id, by_id_in, insert, keep as keep_card, page, set_keys};
