//! `lanyard ca secrets`: shared secrets for a first certificate, told to a running server.

use axum::http::Method;
use ca::api::{EnrolmentSecret, EnrolmentSecretInfo, NewEnrolmentSecret};

use super::{Desk, Form, time};
use crate::cli::Secrets;
use crate::terminal::line;

/// Where they are.
const PATH: &str = "/ca/enrolment-secrets";

/// Runs one of them.
pub(super) async fn run(command: &Secrets, form: Form) -> anyhow::Result<()> {
    match command {
        Secrets::Add { connection, road, organisation, uses, valid, client } => {
            let new = NewEnrolmentSecret {
                road: road.clone(),
                client: client.clone(),
                organisation: organisation.clone(),
                uses: Some(*uses),
                valid_seconds: Some(*valid),
            };
            let desk = Desk::new(connection, form)?;
            let made: EnrolmentSecret = desk.server.post(PATH, &new).await?;
            form.one(&made, told)
        }
        Secrets::List { connection } => {
            let secrets: Vec<EnrolmentSecretInfo> = Desk::new(connection, form)?.server.get(PATH).await?;
            form.each(&secrets, show)
        }
        Secrets::End { connection, reference } => {
            let path = format!("{PATH}/{}", ca::api::percent_encoded(reference));
            Desk::new(connection, form)?.server.tell(Method::DELETE, &path, &()).await?;
            if form == Form::Text {
                line(format_args!("ended {reference}: nothing is asked for with it any more"));
            }
            Ok(())
        }
    }
}

fn told(made: &EnrolmentSecret) {
    show(&made.info);
    line(format_args!("reference  {}", made.info.reference));
    line(format_args!("secret     {}", made.secret));
    line("The secret is not shown again.");
}

fn show(secret: &EnrolmentSecretInfo) {
    let EnrolmentSecretInfo { reference, road, client, uses_left, expires_at, ended_at, .. } = secret;
    let state = match ended_at {
        Some(at) => format!("ended {}", time(*at)),
        None => format!("{uses_left} left until {}", time(*expires_at)),
    };
    line(format_args!("{reference}  {road}  {client}  {state}"));
}
