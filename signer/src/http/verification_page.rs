//! The report of a verification as a page: for a pharmacist, and whoever else has to decide by it.
//!
//! It holds all that it needs, so that a program that asked for it can show or print it wherever it is.

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use platform::problem::Problem;

use crate::verification::{Author, Finding, Form, Report, SignatureReport, Signer as Whose, Verdict, Weight};

/// What the page may do: show its own style, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html";
const JSON: &str = "application/json";

/// Whether a page is asked for rather than JSON: it is what stands first in `Accept` of the two. RFC 9110 12.5.1 has weights, which
/// nobody needs who names one of them; who weighs is taken by the order that they wrote.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(header::ACCEPT).iter().filter_map(|field| field.to_str().ok());
    let mut kinds = fields.flat_map(|field| field.split(',')).map(|kind| {
        let kind = kind.split_once(';').map_or(kind, |(kind, _)| kind);
        kind.trim().to_ascii_lowercase()
    });
    kinds.find(|kind| kind == HTML || kind == JSON || kind == "*/*").is_some_and(|kind| kind == HTML)
}

/// The page.
pub(super) fn page(report: &Report) -> Result<Response, Problem> {
    let text = ReportPage::of(report).render().map_err(Problem::internal)?;
    let fields = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept"),
    ];
    Ok((fields.map(|(name, value)| (name, HeaderValue::from_static(value))), text).into_response())
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage<'a> {
    title: &'static str,
    advice: &'static str,
    /// How the verdict looks.
    class: &'static str,
    form: &'static str,
    checked_at: String,
    findings: Vec<FindingRow<'a>>,
    signatures: Vec<SignatureRow<'a>>,
    eps: Option<&'a [String]>,
}

struct SignatureRow<'a> {
    verdict: &'static str,
    signer: Option<SignerRow<'a>>,
    author: Option<&'a Author>,
    claimed: String,
    trusted: String,
    chain: String,
    digest: &'a str,
    findings: Vec<FindingRow<'a>>,
}

struct SignerRow<'a> {
    subject: &'a str,
    issuer: &'a str,
    serial: &'a str,
    not_before: String,
    not_after: String,
}

struct FindingRow<'a> {
    weight: &'static str,
    sentence: &'a str,
    /// For whoever is asked by telephone.
    code: String,
}

impl<'a> ReportPage<'a> {
    fn of(report: &'a Report) -> Self {
        let (title, advice, class) = match report.verdict {
            Verdict::Valid => ("The signature is good", "Everything that was looked at holds.", "valid"),
            Verdict::Indeterminate => (
                "It is not known whether the signature is good",
                "Treat it as if there were no signature, until what is missing is known. Nothing was found that speaks against it.",
                "indeterminate",
            ),
            Verdict::Invalid => (
                "The signature is not good",
                "Do not act on it. Ask whoever is named as its author, by a way that you know.",
                "invalid",
            ),
        };
        Self {
            title,
            advice,
            class,
            form: match report.form {
                Form::Cms => "a document with a CMS signature",
                Form::Fhir => "a prescription as a FHIR message",
                Form::Hl7V3 => "a prescription as HL7 V3",
                Form::Evidence => "a bundle of evidence",
                Form::EvidenceRecord => "a document with its evidence record",
            },
            checked_at: time(&report.checked_at),
            findings: report.findings.iter().map(finding).collect(),
            signatures: report.signatures.iter().map(signature).collect(),
            eps: report.eps.as_deref(),
        }
    }
}

fn signature(signature: &SignatureReport) -> SignatureRow<'_> {
    SignatureRow {
        verdict: match signature.verdict {
            Verdict::Valid => "it holds",
            Verdict::Indeterminate => "not known whether it holds",
            Verdict::Invalid => "it does not hold",
        },
        signer: signature.signer.as_ref().map(signer),
        author: signature.author.as_ref(),
        claimed: signature.claimed_time.as_deref().map_or_else(|| "Nothing is said.".to_owned(), time),
        trusted: signature.trusted_time.as_deref().map_or_else(|| "Nothing proves it.".to_owned(), time),
        chain: signature.chain.join(", then "),
        digest: signature.digest.as_deref().unwrap_or_default(),
        findings: signature.findings.iter().map(finding).collect(),
    }
}

fn signer(signer: &Whose) -> SignerRow<'_> {
    SignerRow {
        subject: &signer.subject,
        issuer: &signer.issuer,
        serial: &signer.serial,
        not_before: time(&signer.not_before),
        not_after: time(&signer.not_after),
    }
}

fn finding(finding: &Finding) -> FindingRow<'_> {
    FindingRow {
        weight: match finding.weight {
            Weight::Note => "To know",
            Weight::Open => "Not known",
            Weight::Fails => "Wrong",
        },
        sentence: &finding.sentence,
        code: serde_json::to_value(finding.code)
            .ok()
            .and_then(|code| code.as_str().map(str::to_owned))
            .unwrap_or_default(),
    }
}

/// A time for people: to the second, in UTC.
fn time(text: &str) -> String {
    text.get(..19).map_or_else(|| text.to_owned(), |second| format!("{} UTC", second.replace('T', " at ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verification::Code;

    fn sample() -> Report {
        let finding = |code, weight, sentence: &str| Finding { code, weight, sentence: sentence.to_owned() };
        Report {
            verdict: Verdict::Invalid,
            form: Form::Hl7V3,
            checked_at: "2026-11-29T17:00:00.000Z".to_owned(),
            findings: Vec::new(),
            signatures: vec![SignatureReport {
                verdict: Verdict::Invalid,
                signer: Some(Whose {
                    subject: "CN=<b>Signer</b>".to_owned(),
                    issuer: "CN=Root".to_owned(),
                    serial: "02".to_owned(),
                    not_before: "2020-01-01T00:00:00.000Z".to_owned(),
                    not_after: "2089-01-01T00:00:00.000Z".to_owned(),
                }),
                author: Some(Author {
                    name: "DR <i>Author</i>".to_owned(),
                    role_profile: "555000000203".to_owned(),
                    organisation: "SURGERY".to_owned(),
                }),
                digest: Some("00ff".to_owned()),
                claimed_time: Some("2026-11-29T16:00:00.000Z".to_owned()),
                trusted_time: None,
                chain: vec!["CN=Signer".to_owned(), "CN=Root".to_owned()],
                findings: vec![finding(Code::DigestMismatch, Weight::Fails, "it is another prescription")],
            }],
            eps: Some(vec!["Signature doesn't match prescription".to_owned()]),
        }
    }

    /// The page says what holds in words, who signed, the claimed and the proven time apart, every reason, and what the service of today
    /// says; what came from outside is text.
    #[test]
    fn a_report_is_readable() {
        let text = ReportPage::of(&sample()).render().unwrap();
        for said in [
            "The signature is not good",
            "Do not act on it",
            "a prescription as HL7 V3, on 2026-11-29 at 17:00:00 UTC",
            "<dt>When, as the signer says</dt><dd>2026-11-29 at 16:00:00 UTC</dd>",
            "<dt>When it was there already, as a time-stamp proves</dt><dd>Nothing proves it.</dd>",
            "Wrong: it is another prescription <span class=\"small\">(digest-mismatch)</span>",
            "CN=Signer, then CN=Root",
            "<dt>In the name of</dt><dd>DR &#60;i&#62;Author&#60;/i&#62;, SURGERY (role 555000000203)</dd>",
            "Signature doesn&#39;t match prescription",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
        assert!(!text.contains("<b>Signer") && !text.contains("Nothing speaks against it"));
        let mut good = sample();
        (good.verdict, good.eps) = (Verdict::Valid, None);
        let text = ReportPage::of(&good).render().unwrap();
        assert!(text.contains("The signature is good") && !text.contains("Electronic Prescription Service"));
    }

    /// A page is for whoever asks for one before JSON.
    #[test]
    fn what_is_accepted_decides() {
        for (accept, wanted) in [
            (None, false),
            (Some("application/json"), false),
            (Some("*/*"), false),
            (Some("text/html"), true),
            (Some("Text/HTML;q=0.9, application/json"), true),
            (Some("application/json, text/html"), false),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), true),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(is_wanted(&headers), wanted, "{accept:?}");
        }
    }
}
