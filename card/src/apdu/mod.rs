//! Commands to cards and their answers. ISO/IEC 7816-4.

mod command;
mod exchange;
mod response;
mod status;

pub use command::{Answer, Command, MalformedCommand};
pub use exchange::{ExchangeError, exchange};
pub use response::{MalformedResponse, Response};
pub use status::Status;
