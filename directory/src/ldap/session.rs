//! One connection: what is asked is answered, several things at a time.
//!
//! Searches and comparisons that wait for something are tasks of their own, so that they can be abandoned. What they answer goes through
//! one short queue to one writer ([`super::out`]).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use ldap3_proto::proto::{LdapBindRequest, LdapExtendedRequest, LdapOp, LdapResultCode as Code};
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::{Chain, PeerAddress};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::answer::{self, Refusal, success};
use super::bind::bind;
use super::compare::compare;
use super::config::LdapConfig;
use super::controls::{Controls, cancelled};
use super::crowd::{Counted, Counts, Crowd, Seat, SortPlace, Sorts};
use super::event::LdapEvent;
use super::filter::Matching;
use super::framing::{Broken, Messages, Received, Times, decode};
use super::numbers::Numbers;
use super::out::{Gone, Out};
use super::root::{CANCEL, START_TLS, WHO_AM_I};
use super::running::Running;
use super::search::search;
use super::tail::{Place, Tail};
use super::tries::Tries;
use super::who::{Account, Viewer, Who};
use super::writes::refusal;
use crate::register::Register;
use crate::showing::{self, Showing};

/// The tag of a request to bind. RFC 4511 4.2.
const BIND: u8 = 0x60;

/// Finds out who has shown these certificates, the holder's own first; nobody who has shown none.
pub type Identify =
    Arc<dyn Fn(Chain, SocketAddr) -> BoxFuture<'static, Result<Option<Caller>, Problem>> + Send + Sync>;

/// What every connection shares.
pub(super) struct Shared {
    pub(super) config: LdapConfig,
    pub(super) register: Register,
    pub(super) accounts: Vec<Account>,
    pub(super) identify: Identify,
    /// Counts those who try secrets out, by address.
    pub(super) tries: Tries,
    /// The end of the change feed, for those who follow it.
    pub(super) tail: Tail,
    /// Connections of each address, and those of nobody who is known.
    pub(super) crowd: Crowd<IpAddr>,
    pub(super) strangers: Crowd<IpAddr>,
    /// Places for nobody who is known, from all addresses together. Who has just come and shakes hands takes none.
    pub(super) all_strangers: Arc<Semaphore>,
    /// Connections of each who is known, from all their addresses.
    pub(super) callers: Crowd<Counted>,
    /// Requests of each caller.
    pub(super) counts: Counts,
    /// Requests in the metrics.
    pub(super) numbers: Numbers,
    /// Places for what is put in order.
    pub(super) sorts: Sorts,
}

/// As whom a connection has bound.
#[derive(Debug, Clone)]
pub(super) enum Bound {
    /// As nobody in particular: what the connection has shown counts.
    Not,
    /// By the certificate of the connection.
    External,
    /// With a name and a secret.
    Account(Arc<Account>),
}

/// What a connection has shown, and as whom it has bound.
#[derive(Clone)]
struct Shown {
    shared: Arc<Shared>,
    chain: Chain,
    address: SocketAddr,
    bound: Bound,
}

impl Shown {
    /// Who that is now. A certificate is looked at each time, so that one that was revoked is worth nothing any more.
    async fn who(&self) -> Who {
        match &self.bound {
            Bound::Account(account) => Who::Account(account.clone()),
            Bound::Not => self.certificate().await,
            Bound::External => match self.certificate().await {
                Who::Transport(caller) => Who::Certified(caller),
                other => other,
            },
        }
    }

    /// The same with what is hidden from them.
    async fn viewer(&self) -> Viewer {
        Viewer::new(self.who().await, &self.shared.config.hidden)
    }

    async fn certificate(&self) -> Who {
        if self.chain.is_empty() {
            return Who::of_certificate(Ok(None));
        }
        Who::of_certificate((self.shared.identify)(self.chain.clone(), self.address).await)
    }
}

/// What a request is done with.
pub(super) struct Context {
    pub(super) register: Register,
    /// Who asked, when it was asked.
    pub(super) who: Viewer,
    shown: Shown,
    followers: Arc<Semaphore>,
}

impl Context {
    pub(super) fn limits(&self) -> &LdapConfig {
        &self.shown.shared.config
    }

    pub(super) fn matching(&self) -> Matching {
        if self.limits().lenient_matching { Matching::Lenient } else { Matching::Strict }
    }

    /// The end of the change feed.
    pub(super) fn tail(&self) -> &Tail {
        &self.shown.shared.tail
    }

    /// A place to follow it.
    pub(super) fn place(&self) -> Result<Place, Refusal> {
        self.tail().place(&self.followers)
    }

    /// A place to put something in order, as soon as there is one.
    pub(super) async fn ordering(&self) -> Result<SortPlace, Refusal> {
        let caller = Counted::new(&self.who, PeerAddress(self.shown.address));
        self.shown.shared.sorts.place(caller).await
    }

    /// Who asks now: a search that goes on may outlive what was shown.
    pub(super) async fn who_now(&self) -> Viewer {
        self.shown.viewer().await
    }

    /// Records an event of this caller's, as [`showing::record`] does.
    pub(super) async fn record(&self, event: LdapEvent) -> Result<(), Refusal> {
        Ok(showing::record(&self.register, self.who.actor(), Showing::Ldap(event)).await?)
    }
}

/// Whether a connection goes on.
enum Flow {
    On,
    /// It ends, and this is said before.
    End(Option<Refusal>),
}

/// A connection that is secure.
pub(super) struct Session {
    shown: Shown,
    out: Out,
    /// The places among strangers, those of the address and of all, until it is known who it is.
    stranger: Option<Seat<IpAddr>>,
    unknown: Option<OwnedSemaphorePermit>,
    /// The place of who was known last.
    known: Option<Seat<Counted>>,
    /// Places for searches that go on.
    followers: Arc<Semaphore>,
    /// Requests that are being done.
    running: Running,
}

/// Serves a connection to its end. The certificates are those whose key the other side has shown to hold.
pub(super) async fn serve<S>(
    shared: Arc<Shared>,
    stream: S,
    chain: Chain,
    (address, stranger): (SocketAddr, Seat<IpAddr>),
    stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, writer) = tokio::io::split(stream);
    let (out, writing) = Out::over(writer, shared.config.stall_time_out());
    let times =
        Times { idle: shared.config.stranger_idle_time_out(), whole: shared.config.request_time_out() };
    let messages = Messages::new(reader, shared.config.request_bytes, times);
    let mut session = Session {
        followers: Arc::new(Semaphore::new(shared.config.followers_per_connection)),
        shown: Shown { shared, chain, address, bound: Bound::Not },
        out,
        stranger: Some(stranger),
        unknown: None,
        known: None,
        running: Running::default(),
    };
    if let Some(last) = session.run(messages, stopped).await {
        session.running.stop_all().await;
        let _gone = session.out.send(answer::disconnection(last)).await;
    }
    // Whatever still ran is abandoned with it.
    drop(session);
    let _ended = writing.await;
}

impl Session {
    /// Answers until the connection ends; what is to be said last.
    async fn run<R>(
        &mut self,
        mut messages: Messages<R>,
        mut stopped: watch::Receiver<bool>,
    ) -> Option<Refusal>
    where
        R: AsyncRead + Unpin,
    {
        let out = self.out.clone();
        let who = self.shown.who().await;
        if let Err(refusal) = self.meet(&who) {
            return Some(refusal);
        }
        loop {
            if self.stranger.is_none() {
                messages.be_idle_for(self.shown.shared.config.idle_time_out());
            }
            let received = tokio::select! {
                biased;
                _told = stopped.wait_for(|stop| *stop) => {
                    return Some(Refusal::new(Code::Unavailable, "The server stops. Connect again."));
                }
                () = out.closed() => return None,
                Some(()) = self.running.next_end() => {
                    messages.wait_anew();
                    continue;
                }
                received = messages.next() => received,
            };
            let octets = match received {
                Ok(Some(octets)) => octets,
                Ok(None) | Err(Broken::Gone(_)) => return None,
                // Who waits for an answer is not idle.
                Err(Broken::Idle) if !self.running.is_empty() => {
                    messages.wait_anew();
                    continue;
                }
                Err(broken) => {
                    let code = match broken {
                        Broken::Idle | Broken::Slow => Code::Unavailable,
                        _ => Code::ProtocolError,
                    };
                    return Some(Refusal::new(code, format!("The connection ends: {broken}.")));
                }
            };
            let flow = match decode(octets, self.shown.shared.config.request_bytes) {
                Ok(received) => self.take(received).await,
                Err(unreadable) => self.unreadable(unreadable.head).await,
            };
            match flow {
                Ok(Flow::On) => {}
                Ok(Flow::End(last)) => return last,
                Err(Gone) => return None,
            }
        }
    }

    /// Whoever is known takes no place of strangers but one of their own, and has their time.
    fn meet(&mut self, who: &Who) -> Result<(), Refusal> {
        let shared = &self.shown.shared;
        if !who.is_known() {
            if self.stranger.is_some() && self.unknown.is_none() {
                let place = Arc::clone(&shared.all_strangers).try_acquire_owned();
                let sentence = "Too many are connected who have not shown who they are. Show a client certificate, or try again.";
                self.unknown = Some(place.map_err(|_| refused("all-strangers", sentence))?);
            }
            return Ok(());
        }
        if self.seated(who).is_none() {
            let caller = Counted::new(who, PeerAddress(self.shown.address));
            let sentence = "You have too many connections to this server. Close some, or use another one.";
            self.known = Some(shared.callers.seat(caller).ok_or_else(|| refused("caller", sentence))?);
        }
        (self.stranger, self.unknown) = (None, None);
        Ok(())
    }

    /// As whom somebody is counted who has the place that was taken last.
    fn seated(&self, who: &Who) -> Option<&Counted> {
        let address = PeerAddress(self.shown.address);
        self.known.as_ref().map(Seat::whose).filter(|caller| caller.is(who, address))
    }

    /// Counts a request, or refuses it.
    fn counted(&self, who: &Who) -> Result<(), Refusal> {
        let counts = &self.shown.shared.counts;
        match self.seated(who) {
            Some(caller) => counts.count_known(caller),
            None => counts.count(who, PeerAddress(self.shown.address)),
        }
    }

    /// A request that cannot be read is refused if it can be told which one it is; otherwise the connection ends, and so it does when
    /// there are too many. RFC 4511 5.3.
    async fn unreadable(&mut self, head: Option<(i32, u8)>) -> Result<Flow, Gone> {
        if head.is_some_and(|(_, tag)| tag == BIND) {
            self.be_nobody().await;
        }
        let who = self.shown.who().await;
        if let Err(refusal) = self.counted(&who) {
            return Ok(Flow::End(Some(refusal)));
        }
        let refusal = Refusal::new(Code::ProtocolError, "The request cannot be read, or nests too deep.");
        match head.and_then(|(msgid, tag)| answer::of(msgid, tag, refusal.clone().result())) {
            Some(message) => self.out.send(message).await.map(|()| Flow::On),
            None => Ok(Flow::End(Some(refusal))),
        }
    }

    async fn take(&mut self, received: Received) -> Result<Flow, Gone> {
        let (msgid, tag) = (received.message.msgid, received.tag);
        self.shown.shared.numbers.count(tag);
        if tag == BIND {
            self.be_nobody().await;
        }
        let who = match &received.message.op {
            LdapOp::UnbindRequest => return Ok(Flow::End(None)),
            LdapOp::AbandonRequest(which) => {
                // With a control that is critical and not known nothing is done: RFC 4511 4.1.11.
                if Controls::demand_none(&received.critical).is_ok() {
                    self.running.abandon(*which);
                }
                return Ok(Flow::On);
            }
            // Whom they bind as is not known yet.
            LdapOp::BindRequest(_) => self.shown.certificate().await,
            _ => self.shown.who().await,
        };
        if let Err(refusal) = self.counted(&who) {
            return self.refuse(msgid, tag, refusal).await;
        }
        match &received.message.op {
            LdapOp::BindRequest(request) => self.bind(&received, &who, request).await,
            LdapOp::SearchRequest(_) | LdapOp::CompareRequest(_) => self.begin(received, who).await,
            LdapOp::ExtendedRequest(request) => match Controls::demand_none(&received.critical) {
                Ok(()) => self.extended(msgid, &who, request).await.map(|()| Flow::On),
                Err(refusal) => self.refuse(msgid, tag, refusal).await,
            },
            op => match refusal(op) {
                Some(refusal) => self.refuse(msgid, tag, refusal).await,
                None => Ok(Flow::End(Some(Refusal::new(Code::ProtocolError, "That is no request.")))),
            },
        }
    }

    /// Refuses a request; what has no answer is none.
    async fn refuse(&mut self, msgid: i32, tag: u8, refusal: Refusal) -> Result<Flow, Gone> {
        match answer::of(msgid, tag, refusal.result()) {
            Some(message) => self.out.send(message).await.map(|()| Flow::On),
            None => Ok(Flow::End(Some(Refusal::new(Code::ProtocolError, "That is no request.")))),
        }
    }

    /// Whoever asks to bind is nobody in particular until that was done, whatever becomes of it: RFC 4513 4. What was asked before is
    /// not done as somebody else, and nothing of it comes behind the answer: RFC 4511 4.2.1.
    async fn be_nobody(&mut self) {
        self.running.stop_all().await;
        self.shown.bound = Bound::Not;
    }

    async fn bind(
        &mut self,
        received: &Received,
        who: &Who,
        request: &LdapBindRequest,
    ) -> Result<Flow, Gone> {
        let result = if let Err(refusal) = Controls::demand_none(&received.critical) {
            refusal.result()
        } else {
            let (bound, result) = bind(&self.shown.shared, who, PeerAddress(self.shown.address), request);
            self.shown.bound = bound;
            let who = self.shown.who().await;
            if let Err(refusal) = self.meet(&who) {
                return Ok(Flow::End(Some(refusal)));
            }
            result
        };
        self.out.send(answer::bound(received.message.msgid, result)).await.map(|()| Flow::On)
    }

    /// Begins a search or a comparison, beside those that are being done.
    async fn begin(&mut self, received: Received, who: Who) -> Result<Flow, Gone> {
        let (msgid, tag) = (received.message.msgid, received.tag);
        if let Err(refusal) = self.meet(&who) {
            return Ok(Flow::End(Some(refusal)));
        }
        if self.running.has(msgid) {
            let sentence = "A request with this number is being done.";
            return self.refuse(msgid, tag, Refusal::new(Code::ProtocolError, sentence)).await;
        }
        if self.running.many() >= self.shown.shared.config.operations {
            let sentence = "Too much is asked at the same time over this connection. Wait for answers.";
            return self.refuse(msgid, tag, Refusal::new(Code::Busy, sentence)).await;
        }
        let who = Viewer::new(who, &self.shown.shared.config.hidden);
        let context = Context {
            register: self.shown.shared.register.clone(),
            who,
            shown: self.shown.clone(),
            followers: self.followers.clone(),
        };
        let out = self.out.clone();
        self.running.begin((msgid, tag), async move {
            let _gone = match received.message.op {
                LdapOp::SearchRequest(_) => search(&context, received, &out).await,
                _ => compare(&context, received, &out).await,
            };
        });
        Ok(Flow::On)
    }

    async fn extended(&mut self, msgid: i32, who: &Who, request: &LdapExtendedRequest) -> Result<(), Gone> {
        let refused =
            |code, sentence: &str| answer::extended(msgid, Refusal::new(code, sentence).result(), None, None);
        let message = match request.name.as_str() {
            WHO_AM_I => match (&self.shown.bound, who) {
                (Bound::External, Who::Undecided(refusal)) => {
                    answer::extended(msgid, refusal.clone().result(), None, None)
                }
                _ => answer::extended(msgid, success(), None, Some(who.authorization().into_bytes())),
            },
            // RFC 4511 4.14.1.
            START_TLS => refused(Code::OperationsError, "The connection is secure already."),
            CANCEL => match request.value.as_deref().and_then(cancelled) {
                None => refused(Code::ProtocolError, "Say the number of the request to be cancelled."),
                // RFC 3909 3: what was cancelled has its own answer, and nothing of it comes behind that.
                Some(which) => match self.running.stop(which).await {
                    None => refused(Code::NoSuchOperation, "No request with this number is being done."),
                    Some(tag) => {
                        let ended = Refusal::new(Code::Canceled, "It was cancelled.").result();
                        if let Some(ended) = answer::of(which, tag, ended) {
                            self.out.send(ended).await?;
                        }
                        answer::extended(msgid, success(), None, None)
                    }
                },
            },
            _ => refused(Code::ProtocolError, "This extended operation is not known."),
        };
        self.out.send(message).await
    }
}

/// A connection that is not taken or not kept, counted, with what is said.
fn refused(limit: &'static str, sentence: &str) -> Refusal {
    metrics::counter!("ldap_connections_refused_total", "limit" => limit).increment(1);
    Refusal::new(Code::Busy, sentence)
}
