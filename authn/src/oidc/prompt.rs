//! What a request says about asking people: `prompt` and `max_age`.

use std::time::Duration;

use platform::clock::Millis;
use serde::{Deserialize, Serialize};

use super::parameters::Parameters;
use super::refusal::{Code, Refusal};
use crate::api::{ClientConfig, DefaultPrompt};

/// Whether people may or must be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Prompt {
    /// As it is needed.
    #[default]
    AsNeeded,
    /// Nothing may be asked.
    Nothing,
    /// They sign in anew.
    Anew,
}

/// Reads `prompt` and `max_age`: whether people may be asked, and since when a sign-in counts.
pub(crate) fn read(
    parameters: &Parameters,
    config: &ClientConfig,
    now: Millis,
) -> Result<(Prompt, Option<Millis>), Refusal> {
    let words = parameters.list("prompt");
    let bad = |sentence: &str| Err(Refusal::new(Code::InvalidRequest, sentence));
    if let Some(word) =
        words.iter().find(|word| !["none", "login", "select_account", "consent"].contains(*word))
    {
        return bad(&format!("There is no prompt {:?}.", word.chars().take(40).collect::<String>()));
    }
    if words.contains(&"none") && words.len() > 1 {
        return bad("prompt=none stands alone.");
    }
    // Nobody is asked for consent here: terms that people sign give it.
    let asked = words.contains(&"login") || words.contains(&"select_account");
    // A browser can change what stands in its address: what is registered is the least, whatever the request says.
    let anew =
        asked || matches!(config.default_prompt, Some(DefaultPrompt::Login | DefaultPrompt::SelectAccount));
    let prompt = match (words.contains(&"none"), anew) {
        (true, _) => Prompt::Nothing,
        (false, true) => Prompt::Anew,
        (false, false) => Prompt::AsNeeded,
    };
    let age = match parameters.get("max_age").map(str::parse::<u32>) {
        Some(Ok(seconds)) => Some(config.default_max_age.map_or(seconds, |least| least.min(seconds))),
        Some(Err(_)) => return bad("max_age is a number of seconds."),
        None => config.default_max_age,
    };
    let since = age.map(|seconds| now.minus(Duration::from_secs(u64::from(seconds))));
    Ok((prompt, if anew { Some(now) } else { since }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(change: &serde_json::Value) -> ClientConfig {
        let mut config = json!({"client_name": "x", "token_endpoint_auth_method": "client_secret_basic"});
        for (name, value) in change.as_object().unwrap() {
            config[name] = value.clone();
        }
        serde_json::from_value(config).unwrap()
    }

    /// Each combination asks as it should, and what is registered for a client is the least, whatever the request says.
    #[test]
    fn prompts_are_read() {
        let now = Millis(1_000_000);
        let check = |query: &str, defaults: serde_json::Value, expected: Option<(Prompt, Option<i64>)>| {
            let parameters = Parameters::parse(query.as_bytes()).unwrap();
            let found = read(&parameters, &config(&defaults), now).ok();
            assert_eq!(
                found.map(|(prompt, since)| (prompt, since.map(|at| at.0))),
                expected,
                "{query} {defaults}"
            );
        };
        check("", json!({}), Some((Prompt::AsNeeded, None)));
        check("max_age=300", json!({}), Some((Prompt::AsNeeded, Some(700_000))));
        check("max_age=0", json!({}), Some((Prompt::AsNeeded, Some(1_000_000))));
        check("prompt=login&max_age=300", json!({}), Some((Prompt::Anew, Some(1_000_000))));
        check("prompt=select_account", json!({}), Some((Prompt::Anew, Some(1_000_000))));
        check("prompt=none", json!({"default_prompt": "login"}), Some((Prompt::Nothing, Some(1_000_000))));
        check("prompt=consent", json!({"default_prompt": "login"}), Some((Prompt::Anew, Some(1_000_000))));
        check("max_age=300", json!({"default_max_age": 240}), Some((Prompt::AsNeeded, Some(760_000))));
        check("max_age=60", json!({"default_max_age": 240}), Some((Prompt::AsNeeded, Some(940_000))));
        check("", json!({"default_prompt": "login"}), Some((Prompt::Anew, Some(1_000_000))));
        check("", json!({"default_max_age": 240}), Some((Prompt::AsNeeded, Some(760_000))));
        check("prompt=consent", json!({}), Some((Prompt::AsNeeded, None)));
        for wrong in ["prompt=none+login", "prompt=create", "max_age=-1", "max_age=x"] {
            check(wrong, json!({}), None);
        }
    }
}
