//! A browser for checks: it keeps cookies by host, follows addresses, and sends the forms by which a client asks and the provider for
//! tests answers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Certificate, Response, StatusCode, Url};

use super::forms::{self, Form};
use super::plan::Plan;

/// How many addresses one sign-in may lead through.
const MOST: usize = 20;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of a page is read.
const LONGEST: usize = 1 << 20;

/// How browsers reach the client and the provider.
#[derive(Clone)]
pub(super) struct Net {
    /// To everybody but the provider.
    pub(super) http: reqwest::Client,
    provider: reqwest::Client,
    /// Where the provider is asked to have somebody sign in.
    authorise: Url,
}

impl Net {
    /// As the plan has it. An issuer that names no port, or the one that goes without saying, is found where the provider listens.
    pub(super) fn of(plan: &Plan, authorise: Url) -> anyhow::Result<Self> {
        let mut certificates = Vec::new();
        for file in [&plan.client.anchors, &plan.provider.certificate] {
            certificates.extend(anchors(file)?);
        }
        let builder = || {
            let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
            builder.timeout(PATIENCE).tls_certs_merge(certificates.clone())
        };
        let provider = match (authorise.host_str(), authorise.port()) {
            (Some(host), None) => builder().resolve(host, reachable(plan.provider.listen)),
            _ => builder(),
        };
        let made = "could not prepare a browser";
        Ok(Self {
            http: builder().build().context(made)?,
            provider: provider.build().context(made)?,
            authorise,
        })
    }

    fn to(&self, url: &Url) -> &reqwest::Client {
        if self.is_provider(url) { &self.provider } else { &self.http }
    }

    /// Whether an address is the provider's own.
    pub(super) fn is_provider(&self, url: &Url) -> bool {
        url.origin() == self.authorise.origin()
    }
}

fn anchors(file: &Path) -> anyhow::Result<Vec<Certificate>> {
    let read = crate::client::certificates(file)?;
    read.iter().map(|one| Certificate::from_der(one).context("a certificate does not read")).collect()
}

/// Where somebody on this machine reaches what listens there.
fn reachable(listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        ip if ip.is_unspecified() => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), listen.port()),
        _ => listen,
    }
}

/// Where a browser goes.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// To which address.
    pub(super) url: Url,
    /// With which form, and from which origin; none is a GET.
    form: Option<(Vec<(String, String)>, String)>,
}

impl Request {
    /// Somebody goes to an address.
    pub(super) fn to(url: &Url) -> Self {
        Self { url: url.clone(), form: None }
    }

    /// Whether it brings something with this name, in its address or its form.
    pub(super) fn brings(&self, name: &str) -> bool {
        let mut sent = self.form.iter().flat_map(|(fields, _)| fields);
        self.url.query_pairs().any(|(given, _)| given == name) || sent.any(|(given, _)| given == name)
    }

    /// Whether another site's page sends it. Everybody's provider is another site, even on this machine.
    fn crosses(&self) -> bool {
        let here = self.url.origin().ascii_serialization();
        self.form.as_ref().is_some_and(|(_, from)| *from != here)
    }

    /// What it leads to.
    fn redirected(&self, url: Url, status: StatusCode) -> Self {
        let kept = [StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT].contains(&status);
        Self { url, form: self.form.clone().filter(|_| kept) }
    }
}

/// Where it ended.
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) request: Request,
}

/// A cookie.
struct Cookie {
    value: String,
    /// Whether it goes with what another site's page posts.
    crosses: bool,
}

/// A window of its own.
pub(super) struct Browser {
    net: Net,
    /// By host and name.
    cookies: BTreeMap<(String, String), Cookie>,
}

impl Browser {
    /// One that has been nowhere.
    pub(super) fn new(net: &Net) -> Self {
        Self { net: net.clone(), cookies: BTreeMap::new() }
    }

    /// Goes somewhere and wherever that leads, unless `stop` says that it stays.
    pub(super) async fn go(
        &mut self,
        begun: Request,
        stop: impl Fn(&Request) -> bool,
    ) -> anyhow::Result<Page> {
        let mut request = begun;
        for _ in 0..MOST {
            if stop(&request) {
                return Ok(Page { status: StatusCode::OK, request });
            }
            let answer = self.send(&request).await?;
            self.keep(&request.url, &answer);
            let status = answer.status();
            match self.onward(&request, answer).await? {
                Some(next) => request = next,
                None => return Ok(Page { status, request }),
            }
        }
        bail!("the client leads a browser through more than {MOST} addresses")
    }

    async fn send(&self, request: &Request) -> anyhow::Result<Response> {
        let http = self.net.to(&request.url);
        let asked = match &request.form {
            None => http.get(request.url.clone()),
            Some((fields, from)) => {
                let mut body = url::form_urlencoded::Serializer::new(String::new());
                body.extend_pairs(fields);
                http.post(request.url.clone())
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .header(ORIGIN, from)
                    .body(body.finish())
            }
        };
        let cookies = self.shown(request);
        let asked = if cookies.is_empty() { asked } else { asked.header(COOKIE, cookies) };
        let answer = asked.header("accept", "text/html").send().await;
        answer.with_context(|| format!("{} does not answer", request.url.origin().ascii_serialization()))
    }

    /// The cookies that go with a request.
    fn shown(&self, request: &Request) -> String {
        let host = request.url.host_str().unwrap_or_default();
        let held = self
            .cookies
            .iter()
            .filter(|((at, _), cookie)| at == host && (cookie.crosses || !request.crosses()));
        held.map(|((_, name), cookie)| format!("{name}={}", cookie.value)).collect::<Vec<_>>().join("; ")
    }

    fn keep(&mut self, url: &Url, answer: &Response) {
        for field in answer.headers().get_all(SET_COOKIE).iter().filter_map(|field| field.to_str().ok()) {
            self.take(url.host_str().unwrap_or_default(), field);
        }
    }

    fn take(&mut self, host: &str, field: &str) {
        let (pair, said) = field.split_once(';').unwrap_or((field, ""));
        let Some((name, value)) = pair.trim().split_once('=') else { return };
        let says = |wanted: &str| said.split(';').any(|part| part.trim().eq_ignore_ascii_case(wanted));
        let key = (host.to_owned(), name.to_owned());
        if says("max-age=0") || value.is_empty() {
            self.cookies.remove(&key);
        } else {
            let crosses = !says("samesite=lax") && !says("samesite=strict");
            self.cookies.insert(key, Cookie { value: value.to_owned(), crosses });
        }
    }

    /// Where an answer leads.
    async fn onward(&self, request: &Request, answer: Response) -> anyhow::Result<Option<Request>> {
        let status = answer.status();
        if status.is_redirection() {
            let next = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let Some(next) = next else { return Ok(None) };
            let url = request.url.join(next).with_context(|| format!("{} leads to {next:?}", request.url))?;
            return Ok(Some(request.redirected(url, status)));
        }
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if status != StatusCode::OK || !kind.is_some_and(|kind| kind.starts_with("text/html")) {
            return Ok(None);
        }
        Ok(self.sent_by(&request.url, &page(answer).await?))
    }

    /// What a page has the browser send: an answer by form, or a client's request by one.
    fn sent_by(&self, at: &Url, page: &str) -> Option<Request> {
        let Form { action, fields } = forms::posted(page)?;
        let url = at.join(&action).ok()?;
        let asks = url.origin() == self.net.authorise.origin() && url.path() == self.net.authorise.path();
        let from = at.origin().ascii_serialization();
        (asks || self.net.is_provider(at)).then_some(Request { url, form: Some((fields, from)) })
    }
}

/// The text of a page.
async fn page(answer: Response) -> anyhow::Result<String> {
    let mut answer = answer;
    let mut octets = Vec::new();
    while let Some(part) = answer.chunk().await.context("a page broke off")? {
        octets.extend_from_slice(&part);
        if octets.len() > LONGEST {
            bail!("{} is a page of more than {LONGEST} octets", answer.url());
        }
    }
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn browser() -> Browser {
        let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = || reqwest::Client::builder().build().unwrap();
        let authorise = url("https://id.example/authorize");
        Browser::new(&Net { http: http(), provider: http(), authorise })
    }

    fn posted(to: &str, from: &str) -> Request {
        Request { url: url(to), form: Some((Vec::new(), from.to_owned())) }
    }

    /// What another site's page posts brings no cookie that says `Lax` or `Strict`; everything else does.
    #[test]
    fn cookies_cross_as_they_say() {
        let mut browser = browser();
        for field in
            ["a=1; SameSite=Lax", "b=2; Secure; samesite=strict", "c=3; SameSite=None; Secure", "d=4; Path=/"]
        {
            browser.take("rp.example", field);
        }
        let shown = |request: &Request| browser.shown(request);
        assert_eq!(shown(&posted("https://rp.example/back", "https://id.example")), "c=3; d=4");
        assert_eq!(shown(&posted("https://rp.example/back", "https://rp.example:8443")), "c=3; d=4");
        assert_eq!(shown(&posted("https://rp.example/back", "https://rp.example")), "a=1; b=2; c=3; d=4");
        assert_eq!(shown(&Request::to(&url("https://rp.example/back?code=x"))), "a=1; b=2; c=3; d=4");
        assert_eq!(shown(&Request::to(&url("https://other.example/"))), "");
        browser.take("rp.example", "a=; Max-Age=0");
        assert_eq!(browser.shown(&Request::to(&url("https://rp.example/"))), "b=2; c=3; d=4");
    }

    /// A browser sends the answer of the provider and a client's request to it, and no other form that it comes by.
    #[test]
    fn forms_are_sent_where_they_belong() {
        let browser = browser();
        let page =
            |action: &str| format!("<form method=post action=\"{action}\"><input name=code value=x></form>");
        let answered =
            browser.sent_by(&url("https://id.example/authorize"), &page("https://rp.example/back")).unwrap();
        assert!(answered.brings("code") && !answered.brings("state") && answered.crosses());
        let asked = browser.sent_by(&url("https://rp.example/in"), &page("https://id.example/authorize"));
        assert_eq!(asked.unwrap().url, url("https://id.example/authorize"));
        for elsewhere in ["https://id.example/end-session", "https://rp.example/search", ""] {
            assert!(
                browser.sent_by(&url("https://rp.example/in"), &page(elsewhere)).is_none(),
                "{elsewhere}"
            );
        }
    }

    /// A form goes on where the answer says that it does, and is a GET otherwise.
    #[test]
    fn redirects_keep_a_form_or_drop_it() {
        let form = Request {
            url: url("https://rp.example/back"),
            form: Some((vec![("code".to_owned(), "x".to_owned())], "https://id.example".to_owned())),
        };
        let next = |status| form.redirected(url("https://rp.example/next"), status).brings("code");
        assert!(
            next(StatusCode::TEMPORARY_REDIRECT) && !next(StatusCode::SEE_OTHER) && !next(StatusCode::FOUND)
        );
    }
}
