//! Where a tile lies: the path encoding of C2SP tlog-tiles.
//!
//! `tlog_tiles::Tile` spells the older form with the height in the path, and panics on a width of 0 or a level
//! above 63 in a path; these paths come from strangers, so they are parsed here.

use crate::tree::{TILE_WIDTH, TileId, width_at};

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// The hashes of a level.
    Hashes(u8),
    /// The leaves themselves: an entry bundle.
    Entries,
}

/// One tile or entry bundle as a path names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TilePath {
    /// Hashes of a level, or entries.
    pub(crate) kind: Kind,
    /// Counted from the left, from 0.
    pub(crate) index: u64,
    /// 1 to 256; less than 256 is a partial tile.
    pub(crate) width: usize,
}

impl TilePath {
    /// The path of a hash tile as it is in a tree of `size` leaves; none when the tree has no such tile.
    pub(crate) fn hashes(id: TileId, size: u64) -> Option<Self> {
        let width = width_at(id, size);
        (width > 0).then_some(Self { kind: Kind::Hashes(id.level), index: id.index, width })
    }

    /// The path of an entry bundle as it is in a tree of `size` leaves.
    pub(crate) fn entries(index: u64, size: u64) -> Option<Self> {
        let width = width_at(TileId { level: 0, index }, size);
        (width > 0).then_some(Self { kind: Kind::Entries, index, width })
    }

    /// Whether all 256 places are asked for, so that the answer can never change.
    pub(crate) fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Read what follows `tile/`: `<L>/<N>[.p/<W>]`. Only the one canonical spelling is accepted.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.split_once('/')?;
        let kind = match level {
            "entries" => Kind::Entries,
            level => Kind::Hashes(level.parse().ok().filter(|level| *level < 64)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => {
                (number, width.parse().ok().filter(|width| (1..TILE_WIDTH).contains(width))?)
            }
            None => (rest, TILE_WIDTH),
        };
        let mut index = 0_u64;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            if digits.len() != 3 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return None;
            }
            index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        let parsed = Self { kind, index, width };
        (parsed.to_string() == format!("tile/{path}")).then_some(parsed)
    }
}

impl std::fmt::Display for TilePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
            Kind::Entries => write!(f, "tile/entries/")?,
        }
        let mut groups = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        groups.reverse();
        f.write_str(&groups.join("/"))?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths are spelled as C2SP tlog-tiles shows, and every spelling reads back as the same tile.
    #[test]
    fn paths_are_those_of_the_specification() {
        let cases = [
            (Kind::Hashes(0), 0, 256, "tile/0/000"),
            (Kind::Hashes(0), 1_234_067, 256, "tile/0/x001/x234/067"),
            (Kind::Hashes(3), 1_234_067, 8, "tile/3/x001/x234/067.p/8"),
            (Kind::Entries, 1_000, 255, "tile/entries/x001/000.p/255"),
        ];
        for (kind, index, width, path) in cases {
            let tile = TilePath { kind, index, width };
            assert_eq!(tile.to_string(), path);
            assert_eq!(TilePath::parse(path.strip_prefix("tile/").unwrap()), Some(tile));
        }
    }

    /// Every other spelling, a width of 0 or 256, a level of 64 and an overflowing number are refused without a panic.
    #[test]
    fn other_spellings_are_refused() {
        for path in [
            "",
            "0",
            "0/",
            "0/0",
            "0/0000",
            "00/000",
            "+1/000",
            "0/x000/001",
            "0/001/002",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/+1",
            "64/000",
            "255/000",
            "data/000",
            "0/x018/x446/x744/x073/x709/x551/616",
            "0/000/",
            "0/../000",
            "entries/x0a1/000",
        ] {
            assert_eq!(TilePath::parse(path), None, "{path} was accepted");
        }
    }
}
