//! Nobody changes what they hold.

use platform::db::Tx;

use crate::acting::Doing;
use crate::authority::Refusal;
use crate::error::Error;
use crate::ids::PositionId;
use crate::store::assignments;

/// Refuses to change what any of these positions gives, or lets its holders assign, if whoever acts holds one, or will: that would be giving it to oneself.
pub(super) async fn not_ones_own(tx: &mut Tx, doing: &Doing, positions: &[&PositionId]) -> Result<(), Error> {
    let Some(person) = doing.person() else { return Ok(()) };
    let held = assignments::open_of_person(tx, person, None, doing.today()).await?;
    if held.iter().any(|one| positions.contains(&&one.position)) {
        return Err(Refusal::Self_.into());
    }
    Ok(())
}
