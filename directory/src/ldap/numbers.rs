//! What the metrics say of requests.

use std::sync::OnceLock;

use metrics::Counter;

/// What requests are called in numbers.
const OPERATIONS: [&str; 7] = ["bind", "unbind", "search", "compare", "abandon", "extended", "write"];

/// How often each was asked. The metric of one is looked for when it is asked first, and kept.
#[derive(Default)]
pub(super) struct Numbers([OnceLock<Counter>; OPERATIONS.len()]);

impl Numbers {
    /// Counts a request by its tag.
    pub(super) fn count(&self, tag: u8) {
        let place = match tag {
            0x60 => 0,
            0x42 => 1,
            0x63 => 2,
            0x6e => 3,
            0x50 => 4,
            0x77 => 5,
            _ => 6,
        };
        let number = || metrics::counter!("ldap_requests_total", "operation" => OPERATIONS[place]);
        self.0[place].get_or_init(number).increment(1);
    }
}
