//! A connection before it is secure: the root DSE is told, `StartTLS` is taken, and nothing else is done.

use std::io;

use ldap3_proto::proto::{LdapMsg, LdapOp, LdapResultCode as Code, LdapSearchScope};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::answer::{self, Refusal, success};
use super::config::LdapConfig;
use super::controls::Controls;
use super::dn::Dn;
use super::filter::{Filter, Matching, Truth};
use super::framing::{Messages, Received, Times, decode, encode};
use super::root::{START_TLS, of_the_server};
use super::select::{Selection, Show};

/// How many requests are answered before a connection is secure.
const MOST: usize = 16;
/// How large one of them may be.
const LARGEST: usize = 64 * 1024;

/// Answers until the other side asks for TLS; gives the connection, on which its handshake comes next. `None`: it has ended.
pub(super) async fn until_tls<S>(stream: S, config: &LdapConfig) -> Option<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limit = config.request_time_out();
    let mut messages = Messages::new(stream, LARGEST, Times { idle: limit, whole: limit });
    for _ in 0..MOST {
        let octets = messages.next().await.ok().flatten()?;
        let received = decode(octets, LARGEST).ok()?;
        let (answers, is_asked) = match &received.message.op {
            LdapOp::UnbindRequest => return None,
            LdapOp::AbandonRequest(_) => continue,
            LdapOp::ExtendedRequest(request) if request.name == START_TLS => {
                let (result, is_taken) = match Controls::demand_none(&received.critical) {
                    // What was sent before the handshake would be taken for something sent under its protection.
                    Ok(()) if messages.has_more() => return None,
                    Ok(()) => (success(), true),
                    Err(refusal) => (refusal.result(), false),
                };
                (vec![answer::extended(received.message.msgid, result, Some(START_TLS), None)], is_taken)
            }
            _ => (answered(&received), false),
        };
        for message in answers {
            let sent = timeout(limit, send(messages.reader(), message)).await;
            sent.ok()?.ok()?;
        }
        if is_asked {
            return Some(messages.into_reader());
        }
    }
    None
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, message: LdapMsg) -> io::Result<()> {
    stream.write_all(&encode(message)?).await?;
    stream.flush().await
}

fn answered(received: &Received) -> Vec<LdapMsg> {
    let (msgid, tag) = (received.message.msgid, received.tag);
    if let LdapOp::SearchRequest(request) = &received.message.op
        && Dn::parse(&request.base).is_ok_and(|dn| dn.0.is_empty())
        && request.scope == LdapSearchScope::Base
        && received.critical.is_empty()
        && let Some(root) = of_the_server(&Dn::default())
    {
        let found = Filter::compile(&request.filter, Matching::Strict)
            .is_ok_and(|filter| filter.of(&root) == Truth::True);
        let show = if request.typesonly { Show::TypesOnly } else { Show::Values };
        let shown = Selection::read(&request.attrs).of(&root, show, None);
        let entry = found.then(|| answer::message(msgid, LdapOp::SearchResultEntry(shown.into())));
        return entry.into_iter().chain([answer::done(msgid, success(), Vec::new())]).collect();
    }
    let sentence = "Ask for StartTLS first: nothing but the root DSE is told in clear.";
    let refusal = Refusal::new(Code::ConfidentialityRequired, sentence);
    answer::of(msgid, tag, refusal.result()).into_iter().collect()
}
