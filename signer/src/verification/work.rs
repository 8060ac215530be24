//! What the verification of one structure may cost: a stranger may put as many certificates and time-stamps into it as it takes.

/// How many issuers are tried for all paths of a structure together.
const TRIES: usize = 1_024;

/// The work for one structure, or the part of it that one path has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    tries: usize,
}

impl Default for Work {
    fn default() -> Self {
        Self { tries: TRIES }
    }
}

impl Work {
    /// What each of so many paths may take of it.
    pub(super) fn shared_by(self, paths: usize) -> Self {
        Self { tries: self.tries / paths.max(1) }
    }

    /// How many issuers may be tried.
    pub(super) fn tries(self) -> usize {
        self.tries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All paths together take no more than one structure may, and each of the most that are sought has enough for a path through a few authorities.
    #[test]
    fn paths_share_the_work() {
        for paths in [0, 1, 17, 128] {
            let each = Work::default().shared_by(paths).tries();
            assert!((8..=TRIES).contains(&each) && each * paths <= TRIES, "{paths}: {each}");
        }
    }
}
