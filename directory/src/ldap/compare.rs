//! Compare: RFC 4511 4.10.

use ldap3_proto::proto::{
    LdapCompareRequest, LdapFilter, LdapMsg, LdapOp, LdapResult, LdapResultCode as Code,
};

use super::answer::{self, Refusal};
use super::controls::{ASSERTION, Controls, MANAGE_DSA_IT};
use super::dn::Dn;
use super::event::LdapEvent;
use super::filter::{Filter, Truth};
use super::framing::Received;
use super::out::{Gone, Out};
use super::root::{is_of_the_server, of_the_server};
use super::schema::attribute;
use super::session::Context;
use super::tree::is_of_people;
use super::walk::{self, Freshness};

/// The controls that it knows.
const KNOWN: [&str; 2] = [ASSERTION, MANAGE_DSA_IT];

/// Answers whether an entry has a value.
pub(super) async fn compare(context: &Context, received: Received, out: &Out) -> Result<(), Gone> {
    let LdapMsg { msgid, op: LdapOp::CompareRequest(request), ctrl } = received.message else {
        return Ok(());
    };
    let controls = Controls::read(ctrl, &received.critical, &KNOWN, context.matching());
    let compared = match controls {
        Ok(controls) => compared(context, &request, controls.assertion.as_ref()).await,
        Err(refusal) => Err(refusal),
    };
    let result = compared.unwrap_or_else(Refusal::result);
    out.send(answer::message(msgid, LdapOp::CompareResult(result))).await
}

async fn compared(
    context: &Context,
    request: &LdapCompareRequest,
    assertion: Option<&Filter>,
) -> Result<LdapResult, Refusal> {
    let dn = Dn::parse(&request.dn)
        .map_err(|error| Refusal::new(Code::InvalidDNSyntax, format!("The name: {error}.")))?;
    let entry = if is_of_the_server(&dn) {
        of_the_server(&dn)
    } else {
        context.who.sees_anything()?;
        let freshness = assertion.map_or(Freshness::Quick, Freshness::of);
        walk::find(&context.register, &context.who, &dn, freshness).await?
    };
    let Some(entry) = entry else {
        return Err(Refusal::no_such(&walk::nearest(&context.register, &context.who, &dn).await));
    };
    // Before anything is asked of it: that an assertion fails tells of somebody too.
    if is_of_people(&entry) {
        let event =
            LdapEvent::PeopleShown { base: entry.dn.to_string(), scope: "compare".to_owned(), entries: 1 };
        context.record(event).await?;
    }
    if assertion.is_some_and(|assertion| assertion.of(&entry) != Truth::True) {
        return Err(Refusal::new(Code::AssertionFailed, "What was asserted of the entry is not true."));
    }
    let Some(one) = attribute(&request.atype) else {
        return Err(Refusal::new(Code::UndefinedAttributeType, "The schema has no such attribute."));
    };
    if !entry.has(one) {
        return Err(Refusal::new(Code::NoSuchAttribute, "The entry has no such attribute."));
    }
    let value = String::from_utf8_lossy(&request.val).into_owned();
    let asked = Filter::compile(&LdapFilter::Equality(request.atype.clone(), value), context.matching());
    let code = match asked.map(|asked| asked.of(&entry)) {
        Ok(Truth::True) => Code::CompareTrue,
        Ok(Truth::False) => Code::CompareFalse,
        _ => {
            let sentence =
                "The schema has no rule by which this attribute is compared, or this is no value of it.";
            return Err(Refusal::new(Code::InappropriateMatching, sentence));
        }
    };
    Ok(Refusal::new(code, "").result())
}
