//! The organisations of the world. Their codes are nobody's, in the shape of the prescription that the demonstration signs.

/// An organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its code.
    pub code: &'static str,
    /// What it is called, as releases write it.
    pub name: &'static str,
    /// Its primary role.
    pub role: &'static str,
    /// Its other role, if it has one.
    pub other_role: Option<&'static str>,
    /// The organisation that operates it or commissions it, with the relationship.
    pub related: Option<(&'static str, &'static str)>,
    /// Whose registration authority acts for it.
    pub host: Option<&'static str>,
    /// The first line of its address.
    pub street: &'static str,
}

/// The trust, to which everything here belongs.
pub(crate) const TRUST: &str = "Z99";
/// The surgery.
pub(crate) const SURGERY: &str = "Z99901";

const OPERATED: &str = "RE6";
const COMMISSIONED: &str = "RE4";

const fn site(code: &'static str, name: &'static str, street: &'static str) -> Place {
    let related = Some((OPERATED, TRUST));
    Place { code, name, role: "RO198", other_role: None, related, host: Some(TRUST), street }
}

const fn branch(code: &'static str, name: &'static str, street: &'static str) -> Place {
    let related = Some((OPERATED, "Z9P"));
    Place { code, name, role: "RO182", other_role: None, related, host: Some("Z9P"), street }
}

/// All of them, those above first.
pub(super) const PLACES: &[Place] = &[
    Place {
        code: "99Z",
        name: "NHS NOWHERE INTEGRATED CARE BOARD",
        role: "RO318",
        other_role: None,
        related: None,
        host: None,
        street: "1 NOWHERE ROW",
    },
    Place {
        code: TRUST,
        name: "NOWHERE UNIVERSITY HOSPITALS NHS TRUST",
        role: "RO197",
        other_role: Some("RO24"),
        related: Some(("RE5", "99Z")),
        host: None,
        street: "INFIRMARY WALK",
    },
    site("Z9901", "NOWHERE GENERAL: EMERGENCY DEPARTMENT", "INFIRMARY WALK"),
    site("Z9902", "NOWHERE GENERAL: WARD 7", "INFIRMARY WALK"),
    site("Z9903", "NOWHERE GENERAL: MATERNITY UNIT", "INFIRMARY WALK"),
    site("Z9904", "NOWHERE GENERAL: PATHOLOGY", "LABORATORY LANE"),
    site("Z9905", "NOWHERE GENERAL: OUTPATIENTS", "INFIRMARY WALK"),
    site("Z9906", "NOWHERE GENERAL: PHARMACY", "INFIRMARY WALK"),
    Place {
        code: SURGERY,
        name: "LANYARD LANE SURGERY",
        role: "RO177",
        other_role: Some("RO76"),
        related: Some((COMMISSIONED, "99Z")),
        host: Some(TRUST),
        street: "2 NOWHERE ROW",
    },
    Place {
        code: "Z9P",
        name: "MORTAR AND PESTLE CHEMISTS LIMITED",
        role: "RO181",
        other_role: None,
        related: None,
        host: Some(TRUST),
        street: "30 MARKET PLACE",
    },
    branch("FZ901", "MORTAR AND PESTLE, NOWHERE ROW", "4 NOWHERE ROW"),
    branch("FZ902", "MORTAR AND PESTLE, MARKET PLACE", "30 MARKET PLACE"),
    branch("FZ903", "MORTAR AND PESTLE, STATION APPROACH", "7 STATION APPROACH"),
];
