//! A stream of chance that can be had again.

/// Numbers that follow from one number: `SplitMix64` (Steele, Lea and Flood, 2014). For invented data, and for nothing that
/// is to be secret.
#[derive(Debug, Clone)]
pub struct Chance(u64);

/// What the state is moved on by.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Chance {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own for the part with this number, however much was taken from others.
    #[must_use]
    pub fn part(seed: u64, part: u64) -> Self {
        Self(mixed(seed ^ mixed(part.wrapping_add(1).wrapping_mul(STEP))))
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0)
    }

    /// A number below this one; nothing is below 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.draw() % bound }
    }

    /// One of these, of which there is one at least.
    pub fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.place(all.len())]
    }

    /// A place in a list of this length.
    pub fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap_or(u64::MAX))).unwrap_or(0)
    }

    /// So many digits, the first of which is not 0.
    pub fn digits(&mut self, many: u32) -> String {
        let first = 10_u64.pow(many.saturating_sub(1));
        (first + self.below(9 * first)).to_string()
    }
}

fn mixed(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stream is that of the published algorithm, and the same each time.
    #[test]
    fn the_stream_is_the_published_one() {
        let mut chance = Chance::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| chance.draw()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    /// Parts differ from each other, stay within their bounds, and do not depend on what others took.
    #[test]
    fn parts_are_streams_of_their_own() {
        assert_eq!(Chance::part(1, 5).draw(), Chance::part(1, 5).draw());
        assert_ne!(Chance::part(1, 5).draw(), Chance::part(1, 6).draw());
        assert_ne!(Chance::part(1, 5).draw(), Chance::part(2, 5).draw());
        let mut chance = Chance::new(7);
        assert!((0..1000).all(|_| chance.below(3) < 3 && chance.digits(4).len() == 4));
        assert_eq!(chance.below(0), 0);
    }
}
