//! OpenSSL's command line, at its strictest.

use std::ffi::OsString;

use crate::{
    bench::{Bench, pem, run},
    evidence::{Content, Path, Signed, Verdict},
};

/// Nothing of the machine's own trust, every rule, and a CRL for every certificate.
const STRICT: [&str; 5] = ["-x509_strict", "-check_ss_sig", "-crl_check_all", "-no-CApath", "-no-CAstore"];

/// Path, extensions and revocation.
pub(crate) fn accepts_path(path: &Path) -> Verdict {
    verify(path, &[])
}

/// The same with delta CRLs among the CRLs of the path.
pub(crate) fn accepts_path_with_deltas(path: &Path) -> Verdict {
    verify(path, &["-extended_crl", "-use_deltas"])
}

fn verify(path: &Path, further: &[&str]) -> Verdict {
    let bench = Bench::new();
    let mut arguments = vec!["verify".into()];
    arguments.extend(STRICT.map(Into::into));
    arguments.extend(further.iter().map(Into::into));
    arguments.extend(["-CAfile".into(), bench.certificates("root.pem", [&path.root]).into_os_string()]);
    arguments
        .extend(["-untrusted".into(), bench.certificates("chain.pem", &path.intermediates).into_os_string()]);
    arguments.extend(["-CRLfile".into(), bench.crls("crls.pem", &path.crls).into_os_string()]);
    arguments.push(bench.certificates("leaf.pem", [&path.leaf]).into_os_string());
    run("openssl", arguments).map(drop)
}

/// The signature of a CRL.
pub(crate) fn accepts_crl(crl: &[u8], issuer: &[u8]) -> Verdict {
    let bench = Bench::new();
    let issuer = bench.certificates("issuer.pem", [&issuer.to_vec()]).into_os_string();
    let crl = bench.file("a.crl", crl).into_os_string();
    let arguments =
        ["crl", "-inform", "DER", "-noout", "-no-CApath", "-no-CAstore", "-CAfile"].map(OsString::from);
    let said = run("openssl", arguments.into_iter().chain([issuer, "-in".into(), crl]))?;
    // It ends well even when the signature is wrong; what counts is what it says.
    if said.err.contains("verify OK") { Ok(()) } else { Err(said.err) }
}

/// A CMS signature with its path and revocation, once as CMS and once as CAdES, and that the content comes out whole.
pub(crate) fn accepts_cms(signed: &Signed) -> Verdict {
    let bench = Bench::new();
    // `openssl cms` takes CRLs from the file of trusted certificates.
    let trusted = pem("CERTIFICATE", [&signed.path.root]) + &pem("X509 CRL", &signed.path.crls);
    let trusted = bench.file("trusted.pem", trusted);
    let cms = bench.file("a.p7s", &signed.cms);
    let out = bench.file("out", "");
    for format in [None, Some("-cades")] {
        let mut arguments =
            vec!["cms".into(), "-verify".into(), "-binary".into(), "-inform".into(), "DER".into()];
        arguments.extend(STRICT.map(Into::into));
        arguments.extend(format.map(Into::into));
        arguments.extend(["-CAfile".into(), trusted.clone().into_os_string()]);
        arguments.extend([
            "-in".into(),
            cms.clone().into_os_string(),
            "-out".into(),
            out.clone().into_os_string(),
        ]);
        let content = match &signed.content {
            Content::Inside(content) => content,
            Content::Beside(content) => {
                arguments.extend(["-content".into(), bench.file("content", content).into_os_string()]);
                content
            }
        };
        run("openssl", arguments)?;
        if std::fs::read(&out).expect("openssl wrote the content") != *content {
            return Err("openssl found other content".to_owned());
        }
    }
    Ok(())
}
