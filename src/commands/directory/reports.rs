//! `lanyard directory report`.

use std::path::Path;

use anyhow::Context as _;
use ca::api::percent_encoded;

use super::Desk;
use crate::terminal::line;

/// Below what a report is: what the register does not keep, those have who keep it.
fn place(report: &str) -> &'static str {
    match report {
        "smartcards" | "cardholders" => "/ca/reports",
        "authenticators" | "logins" => "/authn/reports",
        _ => "/directory/reports",
    }
}

/// The address of a report.
pub(super) fn path(report: &str, organisation: &str, filters: &[String]) -> anyhow::Result<String> {
    let mut path = format!(
        "{}/{}?organisation={}",
        place(report),
        percent_encoded(report),
        percent_encoded(organisation)
    );
    for filter in filters {
        let (name, value) =
            filter.split_once('=').with_context(|| format!("the filter {filter:?} is not NAME=VALUE"))?;
        path.extend(["&", &percent_encoded(name), "=", &percent_encoded(value)]);
    }
    Ok(path)
}

/// Writes a report as CSV.
pub(super) async fn write(desk: &Desk, path: &str, out: Option<&Path>) -> anyhow::Result<()> {
    let Some(out) = out else {
        desk.server.download_as(path, "text/csv", &mut std::io::stdout()).await?;
        return Ok(());
    };
    let mut file = std::fs::File::create_new(out)
        .with_context(|| format!("{} cannot be made, or is there already", out.display()))?;
    let octets = desk.server.download_as(path, "text/csv", &mut file).await?;
    line(format_args!("wrote {octets} octets to {}", out.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a person types stands in the address encoded; what is no filter is told.
    #[test]
    fn filters_are_encoded() {
        let filters = ["state=open".to_owned(), "job_role=S8000:G8000:R8000".to_owned()];
        assert_eq!(
            path("users", "RXX 01", &filters).unwrap(),
            "/directory/reports/users?organisation=RXX%2001&state=open&job_role=S8000%3AG8000%3AR8000"
        );
        assert_eq!(path("smartcards", "RXX", &[]).unwrap(), "/ca/reports/smartcards?organisation=RXX");
        assert_eq!(path("cardholders", "RXX", &[]).unwrap(), "/ca/reports/cardholders?organisation=RXX");
        assert_eq!(path("logins", "RXX", &[]).unwrap(), "/authn/reports/logins?organisation=RXX");
        assert!(path("users", "RXX", &["open".to_owned()]).is_err());
    }
}
