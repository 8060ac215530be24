"""pyHanko's judgement on a CMS signature.

judge.py CMS CONTENT ROOT [INTERMEDIATE | CRL]...   (DER files; CONTENT is "-" when it lies inside)

Writes one line of JSON, {"accepted": true} or {"accepted": false, "reason": "..."}.
"""

import asyncio
import json
import sys
from pathlib import Path

from asn1crypto import cms, crl, x509
from pyhanko.sign.validation.generic_cms import async_validate_cms_signature, async_validate_detached_cms
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import StandardCMSSignatureStatus
from pyhanko_certvalidator import ValidationContext


def read(name: str) -> bytes:
    return Path(name).read_bytes()


async def judge(cms_name: str, content: str, root: str, rest: list[str]) -> None:
    """Raises or returns; nothing is fetched, and each certificate needs a CRL."""
    context = ValidationContext(
        trust_roots=[x509.Certificate.load(read(root))],
        other_certs=[x509.Certificate.load(read(name)) for name in rest if not name.endswith(".crl")],
        crls=[crl.CertificateList.load(read(name)) for name in rest if name.endswith(".crl")],
        revocation_mode="require",
        allow_fetching=False,
    )
    usage = KeyUsageConstraints(key_usage={"non_repudiation"})
    signed = cms.ContentInfo.load(read(cms_name), strict=True)["content"]
    if content == "-":
        status = await async_validate_cms_signature(
            signed, StandardCMSSignatureStatus, validation_context=context, key_usage_settings=usage
        )
    else:
        status = await async_validate_detached_cms(
            read(content), signed, signer_validation_context=context, key_usage_settings=usage
        )
    if not (status.intact and status.valid and status.trusted and status.bottom_line):
        raise ValueError(status.summary())


def main() -> None:
    cms_name, content, root, *rest = sys.argv[1:]
    try:
        asyncio.run(judge(cms_name, content, root, rest))
        verdict = {"accepted": True}
    except Exception as refusal:  # whatever it raises is its reason
        verdict = {"accepted": False, "reason": f"{type(refusal).__name__}: {refusal}"}
    print(json.dumps(verdict))


if __name__ == "__main__":
    main()
