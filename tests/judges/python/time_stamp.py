"""pyHanko's judgement on time-stamps.

time_stamp.py client URL BUNDLE DOCUMENT ROOT REST...   asks the server, whose root is in the PEM
    file BUNDLE, for one as pyHanko's users do, and checks it
time_stamp.py signature CMS CONTENT ROOT REST...
    checks the time-stamp in a signature, and the signature

ROOT is a DER file, REST are certificates and revocation lists (.crl). Writes one line of JSON, {"accepted": true} or
{"accepted": false, "reason": "..."}.
"""

import asyncio
import hashlib
import json
import os
import sys
from pathlib import Path

from asn1crypto import cms, crl, x509
from pyhanko.sign.timestamps.requests_client import RequestsHTTPTimeStamper
from pyhanko.sign.validation.generic_cms import async_validate_detached_cms, validate_tst_signed_data
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext


def read(name: str) -> bytes:
    return Path(name).read_bytes()


def context(root: str, rest: list[str]) -> ValidationContext:
    """Nothing is fetched, and each certificate needs a CRL."""
    return ValidationContext(
        trust_roots=[x509.Certificate.load(read(root))],
        other_certs=[x509.Certificate.load(read(name)) for name in rest if not name.endswith(".crl")],
        crls=[crl.CertificateList.load(read(name)) for name in rest if name.endswith(".crl")],
        revocation_mode="require",
        allow_fetching=False,
    )


async def client(url: str, bundle: str, document: str, root: str, *rest: str) -> None:
    """Asks for a time-stamp with a nonce, which pyHanko compares itself."""
    os.environ["REQUESTS_CA_BUNDLE"] = bundle
    digest = hashlib.sha512(read(document)).digest()
    token = await RequestsHTTPTimeStamper(url, https=True).async_timestamp(digest, "sha512")
    trusted = context(root, list(rest))
    for certificate in token["content"]["certificates"]:
        trusted.certificate_registry.register(certificate.chosen)
    status = await validate_tst_signed_data(token["content"], trusted, lambda hash_name: digest)
    if not (status["intact"] and status["valid"] and status["trust_problem_indic"] is None):
        raise ValueError(str(status))


async def signature(name: str, content: str, root: str, *rest: str) -> None:
    """A signature whose time is proven, both by whom is trusted."""
    signed = cms.ContentInfo.load(read(name), strict=True)["content"]
    # What is signed is compared with the content beside it.
    inside = signed["encap_content_info"]
    if inside["content"].native is not None and bytes(inside["content"].contents) != read(content):
        raise ValueError("another content is inside")
    signed["encap_content_info"] = type(inside)({"content_type": inside["content_type"].native})
    status = await async_validate_detached_cms(
        read(content),
        signed,
        signer_validation_context=context(root, list(rest)),
        ts_validation_context=context(root, list(rest)),
        key_usage_settings=KeyUsageConstraints(key_usage={"non_repudiation"}),
    )
    stamp = status.timestamp_validity
    if stamp is None or not (stamp.intact and stamp.valid and stamp.trusted):
        raise ValueError("the time is not proven: " + ("no time-stamp" if stamp is None else stamp.summary()))
    if not (status.intact and status.valid and status.trusted and status.bottom_line):
        raise ValueError(status.summary())


def main() -> None:
    mode, *rest = sys.argv[1:]
    try:
        asyncio.run({"client": client, "signature": signature}[mode](*rest))
        verdict = {"accepted": True}
    except Exception as refusal:  # whatever it raises is its reason
        verdict = {"accepted": False, "reason": f"{type(refusal).__name__}: {refusal}"}
    print(json.dumps(verdict))


if __name__ == "__main__":
    main()
