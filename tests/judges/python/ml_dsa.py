"""Verifies signatures by `cryptography`, which stands on an OpenSSL of its own that knows ML-DSA.

ml_dsa.py issuer.cer KIND file: the signature of a certificate, a revocation list or an OCSP answer (KIND is cert, crl or
ocsp). Of an answer the responder's certificate must come along, and be the issuer's.
"""

import json
import sys

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import ocsp


def check(issuer, kind, der):
    key = issuer.public_key()
    if kind == "cert":
        found = x509.load_der_x509_certificate(der)
        key.verify(found.signature, found.tbs_certificate_bytes)
        return found.signature_algorithm_oid.dotted_string
    if kind == "crl":
        found = x509.load_der_x509_crl(der)
        key.verify(found.signature, found.tbs_certlist_bytes)
        return found.signature_algorithm_oid.dotted_string
    found = ocsp.load_der_ocsp_response(der)
    responder = found.certificates[0]
    key.verify(responder.signature, responder.tbs_certificate_bytes)
    responder.public_key().verify(found.signature, found.tbs_response_bytes)
    return found.signature_algorithm_oid.dotted_string + " " + next(found.responses).certificate_status.name


def main():
    files = [open(name, "rb").read() for name in (sys.argv[1], sys.argv[3])]
    try:
        said = check(x509.load_der_x509_certificate(files[0]), sys.argv[2], files[1])
        print(said)
        print(json.dumps({"accepted": True}))
    except InvalidSignature:
        print(json.dumps({"accepted": False, "reason": "the signature does not verify"}))


main()
