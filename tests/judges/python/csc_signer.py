"""pyHanko's CSC signer, as a client of version 1 of the API, signs PDF files; pyHanko then verifies them.

csc_signer.py URL ROOT CERTIFICATE KEY CREDENTIAL PASSPHRASE [CRL]...   (PEM, but lists in DER)

Writes one line of JSON, {"accepted": true} or {"accepted": false, "reason": "..."}.
"""

import asyncio
import io
import json
import ssl
import sys
from pathlib import Path

import aiohttp
from asn1crypto import crl, pem, x509
from pyhanko.pdf_utils import generic, writer
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata, async_sign_pdf
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.csc_signer import (
    CSCAuthorizationManager,
    CSCServiceSessionInfo,
    CSCSigner,
    fetch_certs_in_csc_credential,
)
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext


class Authorising(CSCAuthorizationManager):
    """Authorises the very hashes that are to be signed, with the holder's passphrase."""

    def __init__(self, session, service, credential, passphrase):
        super().__init__(service, credential)
        self.session = session
        self.passphrase = passphrase

    async def authorize_signature(self, hash_b64s):
        body = self.format_csc_auth_request(pin=self.passphrase, hash_b64s=hash_b64s)
        url = self.csc_session_info.endpoint_url("credentials/authorize")
        async with self.session.post(url, json=body) as answer:
            if answer.status != 200:
                raise SigningError(await answer.text())
            return self.parse_csc_auth_response(await answer.json())


def page(text: str) -> io.BytesIO:
    """A PDF file with one page."""
    pdf = writer.PdfFileWriter()
    content = generic.StreamObject(stream_data=f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode())
    pdf.insert_page(writer.PageObject(contents=pdf.add_object(content), media_box=(0, 0, 595, 842)))
    out = io.BytesIO()
    pdf.write(out)
    out.seek(0)
    return out


async def signed(session, service, credential, passphrase, text: str) -> bytes:
    signer = CSCSigner(session, Authorising(session, service, credential, passphrase), batch_size=1)
    meta = PdfSignatureMetadata(field_name="Signature", md_algorithm="sha256")
    out = await async_sign_pdf(IncrementalPdfFileWriter(page(text)), meta, signer=signer)
    return out.getvalue()


async def holds(pdf: bytes, root: x509.Certificate, lists: list) -> bool:
    context = ValidationContext(
        trust_roots=[root], crls=lists, revocation_mode="require", allow_fetching=False
    )
    embedded = PdfFileReader(io.BytesIO(pdf)).embedded_signatures[0]
    status = await async_validate_pdf_signature(
        embedded, context, key_usage_settings=KeyUsageConstraints(key_usage={"non_repudiation"})
    )
    return bool(status.intact and status.valid and status.trusted and status.bottom_line)


async def judge(url, root_name, certificate, key, credential_id, passphrase, lists) -> None:
    """Raises or returns."""
    _, _, der = pem.unarmor(Path(root_name).read_bytes())
    root = x509.Certificate.load(der)
    read = [crl.CertificateList.load(Path(name).read_bytes()) for name in lists]
    context = ssl.create_default_context(cafile=root_name)
    context.load_cert_chain(certificate, key)
    service = CSCServiceSessionInfo(service_url=url, credential_id=credential_id)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        credential = await fetch_certs_in_csc_credential(session, service)
        if not credential.hash_pinning_required:
            raise ValueError("the server does not bind authorisations to hashes")
        try:
            await signed(session, service, credential, "another passphrase 1", "never signed")
        except SigningError:
            pass
        else:
            raise ValueError("a wrong passphrase signed")
        pdf = await signed(session, service, credential, passphrase, "A letter")
    if not await holds(pdf, root, read):
        raise ValueError("what was signed does not hold")
    changed = pdf.replace(b"A letter", b"B letter")
    if changed == pdf or await holds(changed, root, read):
        raise ValueError("a changed file holds")


def main() -> None:
    url, root, certificate, key, credential, passphrase, *lists = sys.argv[1:]
    try:
        asyncio.run(judge(url, root, certificate, key, credential, passphrase, lists))
        verdict = {"accepted": True}
    except Exception as refusal:  # whatever it raises is its reason
        verdict = {"accepted": False, "reason": f"{type(refusal).__name__}: {refusal}"}
    print(json.dumps(verdict))


if __name__ == "__main__":
    main()
