"""A judgement on the XML signature of a prescription in HL7 V3, by signxml: prescription.py DOCUMENT [SIGNATURE]

Puts the signed fragments together by itself and gives them to signxml as what the reference without an address is about: nothing else can
find them. The signature is the one in the document, or the one in SIGNATURE, as the Provenance of the same prescription in FHIR has it.
Everything else is signxml's: the schema, the transforms, the digest, the form of SignedInfo that is signed, and the value under the certificate's
key. With --sha1 it takes RSA with SHA-1 alone, and otherwise RSA with SHA-256 alone. Writes one line of JSON, {"accepted": true} or
{"accepted": false, "reason": "..."}.
"""

import base64
import copy
import json
import sys

from cryptography import x509
from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod, XMLVerifier

NAMES = {"h": "urn:hl7-org:v3", "d": "http://www.w3.org/2000/09/xmldsig#"}


def fragment(root, *parts):
    holder = etree.SubElement(root, "Fragment")
    for part in parts:
        holder.append(copy.deepcopy(part))


def fragments(document):
    root = etree.Element("FragmentsToBeHashed")
    (author,) = document.xpath("//h:pertinentPrescription/h:author", namespaces=NAMES)
    one = lambda path, start: start.xpath(path, namespaces=NAMES)[0]
    fragment(root, one("h:time", author), one("../h:id", author))
    fragment(root, one("h:AgentPerson", author))
    fragment(root, one("//h:ParentPrescription/h:recordTarget", document))
    for item in document.xpath("//h:pertinentInformation2/h:pertinentLineItem", namespaces=NAMES):
        fragment(root, item)
    for gone in root.xpath("//h:pertinentLineItem/h:pertinentInformation4 | //h:repeatNumber/h:low", namespaces=NAMES):
        gone.getparent().remove(gone)
    for element in root.iter():
        element.tail = None
        if element.text is not None and not element.text.strip():
            element.text = None
    etree.cleanup_namespaces(root)
    return root


class Verifier(XMLVerifier):
    """With the fragments as what the one reference is about. XML-Signature 4.4.3: without an address the application knows."""

    def __init__(self, signed):
        super().__init__()
        self.signed = signed

    def _resolve_reference(self, doc_root, reference, uri_resolver=None):
        if reference.get("URI") is not None:
            raise ValueError("the reference has an address")
        return copy.deepcopy(self.signed)


def read(name):
    return etree.parse(name, etree.XMLParser(resolve_entities=False, no_network=True)).getroot()


def judge(method, digest, document, signature=None):
    document = read(document)
    if signature is None:
        (signature,) = document.xpath("//d:Signature", namespaces=NAMES)
    else:
        signature = read(signature)
    (certificate,) = signature.xpath("d:KeyInfo/d:X509Data/d:X509Certificate", namespaces=NAMES)
    config = SignatureConfiguration(
        location="./", signature_methods=frozenset([method]), digest_algorithms=frozenset([digest])
    )
    # Whom to trust is not asked here.
    certificate = x509.load_der_x509_certificate(base64.b64decode(certificate.text))
    # As it stands by itself, without what was declared around it.
    alone = etree.fromstring(etree.tostring(signature, method="c14n", exclusive=True, with_comments=False))
    Verifier(fragments(document)).verify(alone, x509_cert=certificate, expect_config=config)


files = sys.argv[1:]
old = "--sha1" in files
if old:
    files.remove("--sha1")
wanted = (
    (SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA1) if old else (SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA256)
)
try:
    judge(*wanted, *files)
    verdict = {"accepted": True}
except Exception as refusal:  # whatever it raises is its reason
    verdict = {"accepted": False, "reason": f"{type(refusal).__name__}: {refusal}"}
print(json.dumps(verdict))
