//! Whether a key that was certified before is certified again.

use crate::names::ProfileId;
use crate::profile::{KeyReuse, Profile};
use crate::store::keys::History;
use crate::subject_key::KeyRefused;

/// Refuses a key that is compromised, somebody else's, or used in a way that the profile does not take.
///
/// Keys of people are theirs alone and serve one profile: a key that signs documents must not also answer
/// challenges. What is no person may use one key under several profiles, but for the keys of our own responders.
pub(crate) fn judge(
    history: &History,
    profile: &Profile,
    kept_apart: &[ProfileId],
    user_id: Option<&str>,
) -> Result<(), KeyRefused> {
    if history.compromised {
        return Err(KeyRefused::Compromised);
    }
    if history.of_another {
        return Err(KeyRefused::OfAnother);
    }
    if profile.key_reuse == KeyReuse::Never && !history.own_profiles.is_empty() {
        return Err(KeyRefused::UsedBefore);
    }
    let foreign = history.own_profiles.iter().find(|known| known.as_str() != profile.id.as_str());
    if foreign.is_some_and(|known| kept_apart.iter().any(|apart| apart.as_str() == known)) {
        return Err(KeyRefused::OfAuthority);
    }
    match foreign {
        Some(foreign) if user_id.is_some() => Err(KeyRefused::OfAnotherProfile(foreign.clone())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profiles;

    const PERSON: Option<&str> = Some("555021942107");

    fn judged(history: &History, reuse: KeyReuse, user_id: Option<&str>) -> Result<(), KeyRefused> {
        let profiles = Profiles::built_in().unwrap();
        let mut profile = profiles.find("card-signing").unwrap().as_ref().clone();
        profile.key_reuse = reuse;
        judge(history, &profile, &profiles.responders(), user_id)
    }

    fn own(profile: &str) -> History {
        History { own_profiles: vec![profile.to_owned()], ..History::default() }
    }

    /// A key is certified again only for the same person under the same profile, where the profile takes that.
    #[test]
    fn reuse_is_the_profiles_to_allow() {
        use KeyReuse::{Never, Renewal};
        assert_eq!(judged(&History::default(), Never, PERSON), Ok(()));
        assert_eq!(judged(&own("card-signing"), Renewal, PERSON), Ok(()));
        assert_eq!(judged(&own("card-signing"), Never, PERSON), Err(KeyRefused::UsedBefore));
        let foreign = KeyRefused::OfAnotherProfile("card-authentication".to_owned());
        assert_eq!(judged(&own("card-authentication"), Renewal, PERSON), Err(foreign));
        assert_eq!(judged(&own("system-tls-server"), Renewal, None), Ok(()));
        let responders = Profiles::built_in().unwrap().responders();
        assert!(!responders.is_empty());
        for responder in responders.iter() {
            assert_eq!(judged(&own(responder.as_str()), Renewal, None), Err(KeyRefused::OfAuthority));
        }
    }

    /// Compromise counts before everything, for people and for others.
    #[test]
    fn compromised_and_foreign_keys_are_refused() {
        let compromised = History { compromised: true, ..own("card-signing") };
        let foreign = History { of_another: true, ..History::default() };
        for user_id in [PERSON, None] {
            assert_eq!(judged(&compromised, KeyReuse::Renewal, user_id), Err(KeyRefused::Compromised));
            assert_eq!(judged(&foreign, KeyReuse::Renewal, user_id), Err(KeyRefused::OfAnother));
        }
    }
}
