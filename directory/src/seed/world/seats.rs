//! The positions of the world.

use super::CHECKS_SMARTCARDS;
use super::places::{SURGERY, TRUST};

/// A position, with how many people are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// By what it is named here.
    pub key: &'static str,
    /// Its organisation.
    pub place: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// The job role, with category and group.
    pub job_role: &'static str,
    /// Areas of work.
    pub areas: &'static [&'static str],
    /// Activities beside those of the job role.
    pub activities: &'static [&'static str],
    /// The workgroup that its holders are in, below that of the organisation.
    pub workgroup: Option<&'static str>,
    /// Positions that its holders may assign, by their keys.
    pub assigns: &'static [&'static str],
    /// How many people are in it.
    pub people: usize,
    /// The body that registers its holders, if there is one.
    pub body: Option<&'static str>,
    /// How its holders are addressed.
    pub title: Option<&'static str>,
}

const MANAGER: &str = "S0080:G0450:R5080";
const AGENT: &str = "S0080:G0450:R5090";
const SUPPORT: &str = "S8002:G8003:R8008";
const RECEPTION: &str = "S8002:G8003:R8009";
const CLERICAL: &str = "S8002:G8003:R8011";
const CLINICIAN: &str = "S8000:G8000:R8000";
const NURSE: &str = "S8000:G8000:R8001";
const NURSE_MANAGER: &str = "S8000:G8000:R8002";
const SCIENTIST: &str = "S8000:G8000:R8005";
const MIDWIFE: &str = "S8000:G8000:R8016";
const MIDWIFE_MANAGER: &str = "S8000:G8000:R8017";
const PHARMACIST: &str = "S0030:G0210:R1290";

/// A position from which the others differ.
const SEAT: Seat = Seat {
    key: "",
    place: TRUST,
    name: "",
    job_role: SUPPORT,
    areas: &[],
    activities: &[],
    workgroup: None,
    assigns: &[],
    people: 1,
    body: None,
    title: None,
};

/// All of them.
#[rustfmt::skip]
pub(super) const SEATS: &[Seat] = &[
    Seat { key: "managers", name: "Registration authority managers", job_role: MANAGER, people: 2, ..SEAT },
    Seat { key: "advanced", name: "Registration authority agents, advanced", job_role: AGENT,
        activities: &["B0272", "B0274"], people: 2, ..SEAT },
    Seat { key: "agents", name: "Registration authority agents", job_role: AGENT, activities: &["B0274"], people: 2, ..SEAT },
    Seat { key: "checkers", name: "Identity checkers", activities: &["B0267"], people: 2, ..SEAT },
    Seat { key: "administrators", name: "Local smartcard administrators", activities: &[CHECKS_SMARTCARDS], people: 2, ..SEAT },
    Seat { key: "caldicott", name: "Caldicott Guardian", job_role: "S0080:G0450:R5105", activities: &["B0015"],
        title: Some("Dr"), body: Some("GMC"), ..SEAT },
    Seat { key: "privacy", name: "Privacy officer", job_role: "S0080:G0450:R0001", activities: &["B0011", "B0015", "B0017"],
        ..SEAT },

    Seat { key: "emergency-doctors", place: "Z9901", name: "Consultants in emergency medicine", job_role: CLINICIAN,
        areas: &["P0010:Q0110:T0120"], activities: &["B0168", "B0420"], workgroup: Some("Emergency team"), people: 2,
        title: Some("Dr"), body: Some("GMC"), ..SEAT },
    Seat { key: "emergency-nurses", place: "Z9901", name: "Nurses in emergency care", job_role: NURSE,
        areas: &["P0010:Q0110:T0120"], workgroup: Some("Emergency team"), people: 2, body: Some("NMC"), ..SEAT },
    Seat { key: "emergency-desk", place: "Z9901", name: "Reception of the emergency department", job_role: RECEPTION, ..SEAT },
    Seat { key: "emergency-sponsor", place: "Z9901", name: "Manager of the emergency department", job_role: NURSE_MANAGER,
        activities: &["B1300"], assigns: &["emergency-nurses", "emergency-desk"], body: Some("NMC"), ..SEAT },
    Seat { key: "ward-nurses", place: "Z9902", name: "Nurses of ward 7", job_role: NURSE, areas: &["P0010:Q0120:T0130"],
        workgroup: Some("Ward 7 nursing"), people: 3, body: Some("NMC"), ..SEAT },
    Seat { key: "ward-clerks", place: "Z9902", name: "Clerks of ward 7", ..SEAT },
    Seat { key: "ward-sponsor", place: "Z9902", name: "Manager of ward 7", job_role: NURSE_MANAGER, activities: &["B1300"],
        workgroup: Some("Ward 7 nursing"), assigns: &["ward-nurses", "ward-clerks"], body: Some("NMC"), ..SEAT },
    Seat { key: "midwives", place: "Z9903", name: "Midwives", job_role: MIDWIFE, areas: &["P0010:Q0130:T0140"], people: 2,
        body: Some("NMC"), ..SEAT },
    Seat { key: "maternity-sponsor", place: "Z9903", name: "Head of midwifery", job_role: MIDWIFE_MANAGER,
        activities: &["B1300"], assigns: &["midwives"], body: Some("NMC"), ..SEAT },
    Seat { key: "scientists", place: "Z9904", name: "Biomedical scientists", job_role: SCIENTIST,
        areas: &["P0020:Q0300:T0640"], people: 2, body: Some("HCPC"), ..SEAT },
    Seat { key: "outpatients", place: "Z9905", name: "Clerks of outpatients", job_role: CLERICAL, activities: &["B0825"], ..SEAT },
    Seat { key: "hospital-pharmacists", place: "Z9906", name: "Hospital pharmacists", job_role: PHARMACIST,
        activities: &["B0570"], body: Some("GPhC"), ..SEAT },

    Seat { key: "partners", place: SURGERY, name: "Partners", job_role: CLINICIAN, areas: &["P0030:Q0400:T0410"],
        activities: &["B0420", "B0825"], workgroup: Some("Doctors"), people: 2, title: Some("Dr"), body: Some("GMC"), ..SEAT },
    Seat { key: "practice-nurses", place: SURGERY, name: "Practice nurses", job_role: NURSE,
        areas: &["P0030:Q0400:T0410"], body: Some("NMC"), ..SEAT },
    Seat { key: "nurse-prescribers", place: SURGERY, name: "Nurses who prescribe", job_role: NURSE,
        areas: &["P0030:Q0400:T0410"], activities: &["B0420"], people: 0, body: Some("NMC"), ..SEAT },
    Seat { key: "practice-desk", place: SURGERY, name: "Reception of the surgery", job_role: RECEPTION, people: 2, ..SEAT },
    Seat { key: "practice-sponsor", place: SURGERY, name: "Practice manager", job_role: CLERICAL, activities: &["B1300"],
        assigns: &["practice-nurses", "practice-desk"], ..SEAT },

    Seat { key: "superintendent", place: "Z9P", name: "Superintendent pharmacist", job_role: PHARMACIST,
        activities: &["B0572", "B1300"], assigns: &["pharmacists-row", "pharmacists-market", "pharmacists-station"],
        body: Some("GPhC"), ..SEAT },
    Seat { key: "pharmacists-row", place: "FZ901", name: "Pharmacists, Nowhere Row", job_role: PHARMACIST,
        activities: &["B0572"], body: Some("GPhC"), ..SEAT },
    Seat { key: "pharmacists-market", place: "FZ902", name: "Pharmacists, Market Place", job_role: PHARMACIST,
        activities: &["B0572"], body: Some("GPhC"), ..SEAT },
    Seat { key: "pharmacists-station", place: "FZ903", name: "Pharmacists, Station Approach", job_role: PHARMACIST,
        activities: &["B0572"], body: Some("GPhC"), ..SEAT },
];
