//! The people of the register, as rows: what they are told by is tried, not how they came in.

use std::path::Path;

use directory::{DocumentKey, Parts, Register, rbac, seed};
use platform::{
    clock::Clock,
    db::{Config, Db, Error, Tx},
    id::UserId,
};

/// Somebody.
pub(crate) struct Person {
    /// By which the scripts know them.
    pub(crate) word: &'static str,
    number: u64,
    pub(crate) given: &'static str,
    pub(crate) family: &'static str,
    /// In how many organisations they work.
    roles: u64,
}

impl Person {
    /// Their user id.
    pub(crate) fn user(&self) -> String {
        UserId::from_number(self.number).expect("the number is small").to_string()
    }
}

/// Everybody.
pub(crate) const PEOPLE: [Person; 5] = [
    Person { word: "one", number: 1, given: "Ada", family: "Okafor", roles: 1 },
    Person { word: "three", number: 2, given: "Bea", family: "Lark", roles: 3 },
    Person { word: "eight", number: 3, given: "Cal", family: "Moor", roles: 8 },
    Person { word: "none", number: 4, given: "Dan", family: "Reed", roles: 0 },
    Person { word: "app", number: 5, given: "Eve", family: "Stone", roles: 1 },
];

/// How many organisations there are.
const PLACES: u64 = 8;
/// Their names begin with one of these.
const NAMES: [&str; 8] = [
    "NORTHFIELD SURGERY",
    "LARKFIELD HEALTH CENTRE",
    "ST BRIDE’S HOSPITAL",
    "THE OLD MILL PRACTICE",
    "HARBOUR COMMUNITY CARE",
    "MOORSIDE PHARMACY",
    "KINGSWAY DENTAL",
    "WESTERN ISLES OUT OF HOURS CARE AND URGENT TREATMENT CENTRE",
];

fn uuid(number: u64) -> String {
    format!("01990000-0000-7000-8000-{number:012}")
}

/// Fills an empty register: national roles, organisations and people.
pub(crate) async fn fill(file: &Path) {
    let url = format!("sqlite:{}", file.display());
    let db = Db::connect(&Config::new(url), Clock::system()).await.expect("the database is there");
    let parts = Parts {
        config: directory::Config::default(),
        db: db.clone(),
        clock: Clock::system(),
        document_key: DocumentKey::new(&[7; 32]),
    };
    let register = Register::new(parts).expect("the register opens");
    let roles = seed::national_roles().expect("the fixtures read");
    let actor = audit::Actor::system("directory");
    rbac::import(&register, roles, rbac::Mode::Apply, &actor).await.expect("national roles come in");
    db.write(|tx| {
        Box::pin(async move {
            for number in 1..=PLACES {
                organisation(tx, number).await?;
            }
            for one in &PEOPLE {
                person(tx, one).await?;
                for number in 1..=one.roles {
                    assign(tx, one, number).await?;
                }
            }
            author(tx, &PEOPLE[0]).await?;
            Ok::<_, Error>(())
        })
    })
    .await
    .expect("the rows are those of the register");
    drop(register);
    db.close().await;
}

async fn organisation(tx: &mut Tx, number: u64) -> Result<(), Error> {
    let ods = format!("Z{number:05}");
    let name = usize::try_from(number - 1).map(|at| NAMES[at % NAMES.len()]).unwrap_or_default();
    let sql = "INSERT INTO directory_organisation (ods, name, status, version) VALUES ($1, $2, 'active', 1)";
    sqlx::query(sql).bind(ods.clone()).bind(name).execute(&mut *tx).await?;
    let sql = "INSERT INTO directory_position (position_id, organisation, name, name_key, state, version) \
               VALUES ($1, $2, 'Pharmacists', 'pharmacists', 'open', 1)";
    sqlx::query(sql).bind(uuid(number)).bind(ods.clone()).execute(&mut *tx).await?;
    let sql = "INSERT INTO directory_access_profile (access_profile_id, position_id, place, organisation, job_role, areas, \
               activities) VALUES ($1, $2, 0, $3, 'S0030:G0210:R1290', '', 'B0570')";
    sqlx::query(sql).bind(uuid(1000 + number)).bind(uuid(number)).bind(ods).execute(&mut *tx).await?;
    Ok(())
}

async fn person(tx: &mut Tx, one: &Person) -> Result<(), Error> {
    let sql = "INSERT INTO directory_person (user_id, kind, state, version, standing, assurance, title, given, family) \
               VALUES ($1, 'person', 'open', 1, 'verified', 'high', 'Dr', $2, $3)";
    sqlx::query(sql).bind(one.user()).bind(one.given).bind(one.family).execute(&mut *tx).await?;
    let sql = "INSERT INTO directory_contact (contact_id, user_id, channel, value, verified_at, tries, made_at) \
               VALUES ($1, $2, 'email', $3, 1, 0, 1)";
    let address = format!("{}@example.test", one.given.to_lowercase());
    sqlx::query(sql).bind(uuid(9000 + one.number)).bind(one.user()).bind(address).execute(&mut *tx).await?;
    Ok(())
}

/// The sample of a prescription was written in the role that somebody has at the first organisation.
async fn author(tx: &mut Tx, one: &Person) -> Result<(), Error> {
    let sql = "INSERT INTO directory_role_profile (user_id, access_profile_id, role_profile_id) VALUES ($1, $2, '555000000203')";
    sqlx::query(sql).bind(one.user()).bind(uuid(1001)).execute(&mut *tx).await?;
    Ok(())
}

async fn assign(tx: &mut Tx, one: &Person, number: u64) -> Result<(), Error> {
    let sql = "INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, state, via, \
               made_by, made_at, version) VALUES ($1, $2, $3, $4, '2026-01-01', 'live', 'cim', 'desk', 1, 1)";
    sqlx::query(sql)
        .bind(uuid(10_000 * one.number + number))
        .bind(one.user())
        .bind(uuid(number))
        .bind(format!("Z{number:05}"))
        .execute(&mut *tx)
        .await?;
    Ok(())
}
