"""Verifies signatures by `cryptography`, which stands on an OpenSSL of its own that knows ML-DSA.

ml_dsa.py issuer.cer KIND file: the signature of a certificate, a revocation list or an OCSP answer (KIND is cert, crl or
ocsp). Of an answer the responder's certificate must come along, and be the issuer's.

ml_dsa.py issuer.cer cms file [document]: the one signature of a CMS (RFC 9882), read by `asn1crypto`. The signer's
certificate must come along, and be the issuer's; the document is the one beside it, or the one inside.
"""

import hashlib
import json
import sys

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import ocsp


class Refused(Exception):
    pass


def check_cms(issuer, der, document):
    info = cms.ContentInfo.load(der, strict=True)
    if info["content_type"].native != "signed_data":
        raise Refused("it is no SignedData")
    signed = info["content"]
    (signer,) = signed["signer_infos"]
    inside = signed["encap_content_info"]["content"].native
    if (inside is None) == (document is None):
        raise Refused("the document is missing, or there are two")
    content = document if inside is None else inside
    attributes = {attribute["type"].native: attribute["values"] for attribute in signer["signed_attrs"]}
    (digest,) = attributes["message_digest"].native
    (kind,) = attributes["content_type"].native
    if kind != signed["encap_content_info"]["content_type"].native:
        raise Refused("the attribute names another type of content")
    if digest != hashlib.new(signer["digest_algorithm"]["algorithm"].native, content).digest():
        raise Refused("the document is not the one that was signed")
    certificates = [x509.load_der_x509_certificate(one.chosen.dump()) for one in signed["certificates"]]
    who = signer["sid"].chosen
    (leaf,) = [
        one
        for one in certificates
        if one.serial_number == who["serial_number"].native and one.issuer.public_bytes() == who["issuer"].dump()
    ]
    issuer.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes)
    # RFC 5652 5.4: signed as a SET OF and not as the [0] that stands there.
    octets = b"\x31" + signer["signed_attrs"].dump()[1:]
    leaf.public_key().verify(signer["signature"].native, octets)
    return signer["signature_algorithm"]["algorithm"].dotted


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
    issuer, der, *document = [open(name, "rb").read() for name in [sys.argv[1]] + sys.argv[3:]]
    issuer = x509.load_der_x509_certificate(issuer)
    try:
        if sys.argv[2] == "cms":
            said = check_cms(issuer, der, document[0] if document else None)
        else:
            said = check(issuer, sys.argv[2], der)
        print(said)
        print(json.dumps({"accepted": True}))
    except InvalidSignature:
        print(json.dumps({"accepted": False, "reason": "the signature does not verify"}))
    except Refused as refused:
        print(json.dumps({"accepted": False, "reason": str(refused)}))


main()
