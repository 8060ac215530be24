"""A judgement on the XML signature of a prescription in HL7 V3, by libxml2 and OpenSSL: prescription.py DOCUMENT

Puts the signed fragments together by itself, has libxml2 write them as exclusive canonical XML, and compares the digest; then has libxml2
write SignedInfo as it stands in the document, and verifies the signature over that. Writes one line of JSON, {"accepted": true} or
{"accepted": false, "reason": "..."}.
"""

import base64
import copy
import hashlib
import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

NAMES = {"h": "urn:hl7-org:v3", "d": "http://www.w3.org/2000/09/xmldsig#"}


def canonical(element):
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


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


def judge(name):
    document = etree.parse(name, etree.XMLParser(resolve_entities=False, no_network=True)).getroot()
    (signature,) = document.xpath("//d:Signature", namespaces=NAMES)
    text = lambda path: "".join(signature.xpath(path + "//text()", namespaces=NAMES)).split()
    octets = lambda path: base64.b64decode("".join(text(path)), validate=True)
    found = hashlib.sha256(canonical(fragments(document))).digest()
    if found != octets("d:SignedInfo/d:Reference/d:DigestValue"):
        raise ValueError(f"the digest is {base64.b64encode(found).decode()}")
    certificate = x509.load_der_x509_certificate(octets("d:KeyInfo/d:X509Data/d:X509Certificate"))
    (info,) = signature.xpath("d:SignedInfo", namespaces=NAMES)
    value = octets("d:SignatureValue")
    certificate.public_key().verify(value, canonical(info), padding.PKCS1v15(), hashes.SHA256())


try:
    judge(sys.argv[1])
    verdict = {"accepted": True}
except Exception as refusal:  # whatever it raises is its reason
    verdict = {"accepted": False, "reason": f"{type(refusal).__name__}: {refusal}"}
print(json.dumps(verdict))
