//! Both ends of the relay, without the way between them: [`Carrier`] is the agent's, [`Relayed`] the server's.

mod carrier;
mod gate;
mod relayed;

pub use carrier::{AskPasscode, Carrier, Over};
pub use gate::{Gate, NotExpected};
pub use relayed::{Line, PasscodeNotChosen, PasscodeNotEntered, Relayed};
