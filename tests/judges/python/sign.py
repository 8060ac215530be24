"""Signs as CMS by pyHanko: sign.py inside|beside CONTENT KEY CERTIFICATE ISSUER OUT"""

import asyncio
import sys
from datetime import datetime, timezone
from pathlib import Path

from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes

place, content, key, certificate, issuer, out = sys.argv[1:]
signer = SimpleSigner.load(key, certificate, ca_chain_files=[issuer])
signed = asyncio.run(
    signer.async_sign_general_data(
        Path(content).read_bytes(),
        "sha256",
        detached=place == "beside",
        signed_attr_settings=PdfCMSSignedAttributes(signing_time=datetime.now(timezone.utc)),
    )
)
Path(out).write_bytes(signed.dump(force=True))
