//! Issuers and their revocation lists.

use ca::api::{CrlInfo, IssuerInfo, ListInfo, percent_encoded};

use super::{Desk, Form, pem, query, time};
use crate::terminal::line;

pub(super) async fn list(desk: &Desk) -> anyhow::Result<()> {
    let issuers: Vec<IssuerInfo> = desk.server.get("/ca/issuers").await?;
    desk.form.each(&issuers, |issuer| {
        let (signing, until) = (if issuer.signing { "signs" } else { "lists only" }, time(issuer.not_after));
        line(format_args!("{}\t{}\t{signing}\tuntil {until}", issuer.id, issuer.subject));
    })
}

pub(super) async fn show(desk: &Desk, id: &str) -> anyhow::Result<()> {
    let issuer: IssuerInfo = desk.server.get(&format!("/ca/issuers/{}", percent_encoded(id))).await?;
    if desk.form == Form::Json {
        return desk.form.one(&issuer, |_| ());
    }
    pem("CERTIFICATE", &issuer.certificate)?;
    issuer.chain.iter().try_for_each(|certificate| pem("CERTIFICATE", certificate))
}

pub(super) async fn crl(desk: &Desk, issuer: &str, shard: Option<u32>, delta: bool) -> anyhow::Result<()> {
    let (shard, delta) = (shard.map(|shard| shard.to_string()), delta.then(|| "true".to_owned()));
    let query = query(&[("shard", &shard), ("delta", &delta)]);
    let path = format!("/ca/issuers/{}/crl?{query}", percent_encoded(issuer));
    let list: CrlInfo = desk.server.get(&path).await?;
    match desk.form {
        Form::Text => pem("X509 CRL", &list.crl),
        Form::Json => desk.form.one(&list, |_| ()),
    }
}

pub(super) async fn lists(desk: &Desk, issuer: &str) -> anyhow::Result<()> {
    let path = format!("/ca/issuers/{}/lists", percent_encoded(issuer));
    let lists: Vec<ListInfo> = desk.server.get(&path).await?;
    desk.form.each(&lists, |list| {
        let kind = if list.delta { "delta" } else { "complete" };
        let until = time(list.next_update);
        line(format_args!("{kind}\t{}\t{} entries\tuntil {until}\t{}", list.number, list.entries, list.url));
    })
}
