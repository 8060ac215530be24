//! `lanyard ca acme`: who may register by ACME, told to a running server.

use std::fmt::Display;

use axum::http::Method;
use ca::api::{ExternalAccountInfo, ExternalAccountKey, NewExternalAccount};

use super::ca::Form;
use crate::cli::{Acme, AddExternalAccount, Caller};
use crate::client::{Identity, Server};
use crate::terminal::line;

/// Where external accounts are.
const PATH: &str = "/ca/acme/external-accounts";

/// Runs one of them.
pub async fn run(command: &Acme, form: Form) -> anyhow::Result<()> {
    match command {
        Acme::Add(options) => add(options, form).await,
        Acme::List { caller } => {
            let accounts: Vec<ExternalAccountInfo> = server(caller)?.get(PATH).await?;
            form.each(&accounts, |account| {
                let state = account.ended_at.map_or_else(|| "open".to_owned(), |at| format!("ended {at}"));
                line(format_args!("{}  {state}  {}", account.id, account.name));
                line(format_args!("    {}", bounds(account)));
            })
        }
        Acme::End { account, caller } => {
            server(caller)?.tell(Method::DELETE, &format!("{PATH}/{account}"), &()).await?;
            form.one(&serde_json::json!({"id": account, "ended": true}), |_| {
                line(format_args!(
                    "ended {account}: nobody registers with it any more, and its accounts stop"
                ));
            })
        }
    }
}

async fn add(options: &AddExternalAccount, form: Form) -> anyhow::Result<()> {
    let new = NewExternalAccount {
        name: options.name.clone(),
        profiles: options.profiles.clone(),
        dns_suffixes: options.dns_suffixes.clone(),
        networks: options.networks.clone(),
        devices: options.devices.clone(),
        most_accounts: options.most_accounts,
    };
    let made: ExternalAccountKey = server(&options.caller)?.post(PATH, &new).await?;
    form.one(&made, |made| {
        line(format_args!("{}", bounds(&made.account)));
        line(format_args!("directory  {}", made.directory));
        line(format_args!("kid        {}", made.account.id));
        line(format_args!("hmac       {}", made.mac_key));
        line("The key is not shown again.");
    })
}

fn server(caller: &Caller) -> anyhow::Result<Server> {
    let identity = Identity { certificate: &caller.certificate, key: &caller.key };
    Server::new(&caller.server, &caller.root, Some(&identity))
}

/// What an account may have, in words.
fn bounds(account: &ExternalAccountInfo) -> String {
    let list = |name: &str, items: &[String]| match items {
        [] => String::new(),
        items => format!(", {name} {}", items.join(" ")),
    };
    let told: [&dyn Display; 4] = [
        &account.profiles.join(" "),
        &list("names", &account.dns_suffixes),
        &list("networks", &account.networks),
        &list("devices", &account.devices),
    ];
    told.map(ToString::to_string).concat()
}
