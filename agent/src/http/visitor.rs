//! Whose program is at the other end of a connection: several people may be at one machine, and each has an agent that answers to
//! them alone. A page looks at all the ports at which agents are found, and takes the one that answers.

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;

use super::door::Door;
use crate::system::Person;

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visitor(pub(super) Person);

impl Connected<IncomingStream<'_, Door>> for Visitor {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        *stream.remote_addr()
    }
}
