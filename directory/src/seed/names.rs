//! Names of nobody.

use super::chance::Chance;

/// Given names, with what their bearers write for their gender.
pub(super) const GIVEN: [&str; 96] = [
    "Adaeze",
    "Agnes",
    "Aisling",
    "Alban",
    "Alda",
    "Ambrose",
    "Anwen",
    "Arun",
    "Aster",
    "Azra",
    "Barnaby",
    "Basil",
    "Bel",
    "Beatrix",
    "Blodwen",
    "Bronagh",
    "Caspian",
    "Catrin",
    "Cecily",
    "Chidi",
    "Clement",
    "Cosima",
    "Dafydd",
    "Delphine",
    "Desmond",
    "Dilys",
    "Edmund",
    "Eilidh",
    "Elowen",
    "Emeka",
    "Esme",
    "Eunice",
    "Fabian",
    "Farida",
    "Fenella",
    "Fergus",
    "Gethin",
    "Giles",
    "Greta",
    "Gwendolen",
    "Harjit",
    "Hettie",
    "Hugo",
    "Ianthe",
    "Idris",
    "Imogen",
    "Ingrid",
    "Isolde",
    "Jago",
    "Jasleen",
    "Jocasta",
    "Kamal",
    "Keziah",
    "Kwame",
    "Lachlan",
    "Leofric",
    "Lettice",
    "Lowri",
    "Mabel",
    "Magnus",
    "Marguerite",
    "Meera",
    "Merryn",
    "Mungo",
    "Nadia",
    "Nerys",
    "Niamh",
    "Obadiah",
    "Odette",
    "Olwen",
    "Oswin",
    "Parveen",
    "Perpetua",
    "Piers",
    "Quentin",
    "Ravi",
    "Rosalind",
    "Rowan",
    "Rufus",
    "Sabiha",
    "Saoirse",
    "Selwyn",
    "Sidony",
    "Sunita",
    "Tamsin",
    "Tariq",
    "Thea",
    "Torquil",
    "Ursula",
    "Verity",
    "Wilfred",
    "Winifred",
    "Xanthe",
    "Yewande",
    "Ysolde",
    "Zebedee",
];

/// Beginnings and ends of family names; put together they are nobody's.
const BEGINNINGS: [&str; 48] = [
    "Abber", "Alder", "Amble", "Apple", "Barley", "Beck", "Birken", "Bramble", "Brindle", "Cinder", "Clover",
    "Copper", "Crumble", "Dapple", "Drizzle", "Elder", "Fallow", "Feather", "Fiddle", "Flax", "Gander",
    "Gorse", "Hazel", "Heather", "Hobble", "Jasper", "Juniper", "Kettle", "Lantern", "Larch", "Lichen",
    "Marrow", "Mizzle", "Nettle", "Otter", "Pebble", "Pepper", "Plover", "Quill", "Rumble", "Saffron",
    "Sorrel", "Tamar", "Thistle", "Thorn", "Umber", "Whistle", "Yarrow",
];
const ENDS: [&str; 32] = [
    "banks", "beck", "bourne", "bury", "by", "combe", "cote", "croft", "dale", "den", "field", "ford",
    "garth", "gate", "grove", "ham", "hill", "holm", "hurst", "ley", "low", "mere", "more", "ness", "ridge",
    "shaw", "stead", "thorpe", "ton", "wick", "wold", "worth",
];

/// A given name.
pub(super) fn given(chance: &mut Chance) -> &'static str {
    chance.pick(&GIVEN)
}

/// A family name, of which there are 1,536; one in sixteen is two of them.
pub(super) fn family(chance: &mut Chance) -> String {
    let one = |chance: &mut Chance| format!("{}{}", chance.pick(&BEGINNINGS), chance.pick(&ENDS));
    let first = one(chance);
    if chance.below(16) == 0 { format!("{first}-{}", one(chance)) } else { first }
}

/// A date of birth of somebody who works, from 1960 to 2001.
pub(super) fn birth(chance: &mut Chance) -> String {
    format!("{}-{:02}-{:02}", 1960 + chance.below(42), 1 + chance.below(12), 1 + chance.below(28))
}

/// A mobile number of the range that the regulator keeps for stories.
pub(super) fn mobile(chance: &mut Chance) -> String {
    format!("+447700900{:03}", chance.below(1000))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Names are many, and each list has none twice.
    #[test]
    fn names_are_many() {
        assert_eq!(GIVEN.iter().collect::<BTreeSet<_>>().len(), GIVEN.len());
        assert_eq!(BEGINNINGS.iter().collect::<BTreeSet<_>>().len(), BEGINNINGS.len());
        assert_eq!(ENDS.iter().collect::<BTreeSet<_>>().len(), ENDS.len());
        let mut chance = Chance::new(1);
        let families: BTreeSet<String> = (0..1000).map(|_| family(&mut chance)).collect();
        assert!(families.len() > 700, "{}", families.len());
    }
}
