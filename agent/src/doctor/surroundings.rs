//! What the facts about everything around the card mean: the reader's driver, the server and its clock, the dialog, ports and pages.

use super::Finding;
use super::facts::{Facts, ServerFacts, ServerState};
use crate::system::ADVICE;

const SECOND_MS: i64 = 1_000;

/// A clock that is further from the server's makes challenges too old and signatures that seem to be of another time.
const MOST_APART_MS: i64 = 60 * SECOND_MS;

/// What is wrong where the system's service has no reader.
pub(super) fn without_reader(plugged_in: usize) -> Finding {
    if plugged_in == 0 {
        Finding::bad(
            "No card reader is connected.",
            "Plug the reader in. If it is plugged in, try another socket; one that is built into a keyboard or an older laptop may need \
             what its maker offers.",
        )
    } else {
        Finding::bad("A card reader is connected, but there is no driver for it.", ADVICE.no_driver)
    }
}

/// What the facts about everything around the card mean.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(facts.server.as_ref().map(server));
    let (program, is_there) = &facts.dialog;
    findings.push(if *is_there {
        Finding::good("The passcode can be asked for.")
    } else {
        Finding::bad(
            format!("The program that asks for the passcode, {}, is not there.", program.display()),
            ADVICE.no_dialog,
        )
    });
    findings.push(if facts.has_port {
        Finding::good("Browsers can find the agent.")
    } else {
        Finding::warning(
            "Every port at which browsers look for the agent is taken.",
            "If the agent is running, all is well. Otherwise another program answers in its place: close NHS Credential Management, \
             or ask your IT desk which program it is.",
        )
    });
    if !facts.has_origins {
        findings.push(Finding::warning(
            "No web page may ask for signatures.",
            "Write the addresses of your prescribing systems into `origins` of the configuration.",
        ));
    }
    findings
}

fn server(ServerFacts { name, state }: &ServerFacts) -> Finding {
    match state {
        ServerState::Reached => Finding::good(format!("The server {name} takes connections.")),
        ServerState::InTime(ahead_ms) if ahead_ms.abs() <= MOST_APART_MS => Finding::good(format!(
            "The server {name} takes connections, and its clock says what this one does."
        )),
        ServerState::InTime(ahead_ms) => {
            let seconds = ahead_ms.abs() / SECOND_MS;
            let way = if *ahead_ms > 0 { "fast" } else { "slow" };
            Finding::bad(
                format!(
                    "This machine's clock is {seconds} seconds {way}, by the clock of the server {name}."
                ),
                ADVICE.clock,
            )
        }
        ServerState::Unnamed => Finding::bad(
            format!("The server {name} cannot be reached: its name is not known here."),
            "Look whether other pages open. If they do not, the network is gone: look at cable and wireless network. If they do, ask your \
             IT desk whether `server` of the configuration is right.",
        ),
        ServerState::Unreached => Finding::bad(
            format!("The server {name} cannot be reached."),
            "Look whether other pages open. If they do, ask your IT desk whether the network lets this address through.",
        ),
        ServerState::Untrusted => Finding::bad(
            format!(
                "What answers as {name} is not vouched for by the certificates that this agent was given."
            ),
            "Look at the clock and the date of this machine. If they are right, ask your IT desk: the certificates in `server_roots` of \
             the configuration are not the server's, or something between reads what is said.",
        ),
        ServerState::NoRoots(path) => Finding::bad(
            format!(
                "The certificates in {} cannot be read, or are not those that the configuration says.",
                path.display()
            ),
            "Ask your IT desk for the file that `server_roots` of the configuration names.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn with(state: ServerState) -> Finding {
        server(&ServerFacts { name: "care.example:443".to_owned(), state })
    }

    /// Each state of the server, and a clock that is fast or slow, is named with what to do; nothing is to be done where all is well.
    #[test]
    fn servers_are_judged() {
        for (state, severity, words) in [
            (ServerState::Reached, Severity::Good, "takes connections"),
            (ServerState::InTime(-60_000), Severity::Good, "says what this one does"),
            (ServerState::InTime(60_001), Severity::Bad, "60 seconds fast"),
            (ServerState::InTime(-3_600_000), Severity::Bad, "3600 seconds slow"),
            (ServerState::Unnamed, Severity::Bad, "its name is not known here"),
            (ServerState::Unreached, Severity::Bad, "care.example:443 cannot be reached"),
            (ServerState::Untrusted, Severity::Bad, "not vouched for"),
            (ServerState::NoRoots("/x.pem".into()), Severity::Bad, "/x.pem cannot be read"),
        ] {
            let finding = with(state);
            assert_eq!(finding.severity, severity, "{finding}");
            assert!(finding.what.contains(words), "{finding}");
            assert_eq!(finding.mend.is_some(), severity == Severity::Bad, "{finding}");
        }
    }

    /// A reader without a driver is told from none at all; port, pages and dialog are named.
    #[test]
    fn what_surrounds_the_card_is_named() {
        assert!(without_reader(0).what.contains("No card reader"));
        let finding = without_reader(1);
        assert!(
            finding.what.contains("no driver") && finding.mend.is_some_and(|mend| mend.contains("libccid"))
        );
        let facts = Facts {
            readers: Ok(Vec::new()),
            plugged_in: 0,
            server: None,
            dialog: ("no-such-dialog".into(), false),
            has_port: false,
            has_origins: false,
        };
        let said: Vec<String> = findings(&facts).iter().map(ToString::to_string).collect();
        let said = said.join("\n");
        for words in ["no-such-dialog, is not there", "is taken", "No web page"] {
            assert!(said.contains(words), "{said}");
        }
    }
}
