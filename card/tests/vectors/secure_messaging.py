#!/usr/bin/env python3
"""Computes the transcripts of PIV secure messaging in card/src/piv/secure/vectors.rs with pyca/cryptography, apart from our code.

NIST SP 800-73-5 part 2, 4.1 and 4.2. Every key is a counted octet string; the two signatures are made anew at each run, and the rest with them.
"""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HOST = b"lanyard\0"
GUID = bytes(range(0x20, 0x30))
ISSUER = bytes(range(0x40, 0x48))


def tlv(tag, value):
    tag = bytes.fromhex(tag)
    if len(value) < 0x80:
        return tag + bytes([len(value)]) + value
    if len(value) < 0x100:
        return tag + b"\x81" + bytes([len(value)]) + value
    return tag + b"\x82" + len(value).to_bytes(2, "big") + value


def point(key):
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def cmac(key, data):
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def ecb(key, block):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def cbc(key, counter, data):
    data = data + b"\x80"
    data += bytes(-len(data) % 16)
    encryptor = Cipher(algorithms.AES(key), modes.CBC(ecb(key, counter))).encryptor()
    return encryptor.update(data) + encryptor.finalize()


class Side:
    def __init__(self, mac, enc, rmac):
        self.mac, self.enc, self.rmac = mac, enc, rmac
        self.command_chain = self.response_chain = bytes(16)
        self.counter = 1

    def command(self, header, data, le):
        body = b""
        if data:
            body += tlv("87", b"\x01" + cbc(self.enc, self.counter.to_bytes(16, "big"), data))
        if le:
            body += b"\x97\x01\x00"
        self.command_chain = cmac(self.mac, self.command_chain + b"\x0c" + header + b"\x80" + bytes(11) + body)
        body += tlv("8E", self.command_chain[:8])
        return b"\x0c" + header + bytes([len(body)]) + body + b"\0"

    def response(self, data, status):
        counter = b"\x80" + self.counter.to_bytes(16, "big")[1:]
        body = tlv("87", b"\x01" + cbc(self.enc, counter, data)) if data else b""
        body += tlv("99", status)
        self.response_chain = cmac(self.rmac, self.response_chain + body)
        self.counter += 1
        return body + tlv("8E", self.response_chain[:8]) + b"\x90\0"


def transcript(curve, algorithm, digest, key_length, nonce_length, octet, curve_oid, signature_oid):
    size = curve.key_size // 8
    private = lambda first: ec.derive_private_key(int.from_bytes(bytes((first + at) % 251 for at in range(size)), "big"), curve)
    host, card, signer = private(1), private(101), private(51)
    body = tlv("5F29", b"\x80") + tlv("42", ISSUER) + tlv("5F20", GUID)
    body += tlv("7F49", tlv("06", bytes.fromhex(curve_oid)) + tlv("86", point(card))) + tlv("5F4C", b"\0")
    signature = signer.sign(body, ec.ECDSA(digest))
    signature = tlv("30", tlv("30", tlv("06", bytes.fromhex(signature_oid))) + tlv("03", b"\0" + signature))
    certificate = tlv("7F21", body + tlv("5F37", signature))
    nonce = bytes(range(0x60, 0x60 + nonce_length))
    identity = hashlib.sha256(certificate).digest()[:8]
    bare = point(host)[1:]
    info = b"\x04" + bytes([octet]) * 4 + b"\x08" + HOST + b"\x01\0" + b"\x10" + bare[:16] + b"\x08" + identity
    info += bytes([nonce_length]) + nonce + b"\x01\0"
    shared = card.exchange(ec.ECDH(), host.public_key())
    assert shared == host.exchange(ec.ECDH(), card.public_key())
    keys = ConcatKDFHash(algorithm=digest, length=4 * key_length, otherinfo=info).derive(shared)
    confirm, mac, enc, rmac = (keys[at * key_length : (at + 1) * key_length] for at in range(4))
    proof = cmac(confirm, b"KC_1_V" + identity + HOST + bare)
    asked = tlv("7C", tlv("81", b"\0" + HOST + point(host)) + tlv("82", b""))
    side = Side(mac, enc, rmac)
    print("suite", algorithm)
    print("signer", point(signer).hex())
    print("asked ", asked.hex())
    print("answer", tlv("7C", tlv("82", b"\0" + nonce + proof + certificate)).hex())
    print("keys  ", keys.hex())
    print("unlock", side.command(bytes.fromhex("2c0080"), b"8765432124681012", False).hex())
    print("done  ", side.response(b"", b"\x90\0").hex())
    print("read  ", side.command(bytes.fromhex("cb3fff"), bytes.fromhex("5c035fc102"), True).hex())
    print("said  ", side.response(bytes.fromhex("530401020304"), b"\x90\0").hex())
    print("tries ", side.command(bytes.fromhex("200080"), b"", False).hex())
    print("left  ", side.response(b"", b"\x63\xc2").hex())


transcript(ec.SECP256R1(), "27", hashes.SHA256(), 16, 16, 0x09, "2a8648ce3d030107", "2a8648ce3d040302")
transcript(ec.SECP384R1(), "2e", hashes.SHA384(), 32, 24, 0x0D, "2b81040022", "2a8648ce3d040303")


def intermediate():
    """A content signer with RSA, an intermediate certificate by it, and a card's certificate by that: 4.1.5."""
    signer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    below, card = (ec.derive_private_key(number, ec.SECP256R1()) for number in (0x1234567, 0x7654321))
    subject = hashlib.sha1(point(below)).digest()[:8]

    def certificate(issuer, name, key, role, algorithm, sign):
        body = tlv("5F29", b"\x80") + tlv("42", issuer) + tlv("5F20", name)
        body += tlv("7F49", tlv("06", bytes.fromhex("2a8648ce3d030107")) + tlv("86", point(key))) + tlv("5F4C", role)
        signature = tlv("30", tlv("30", algorithm) + tlv("03", b"\0" + sign(body)))
        return tlv("7F21", body + tlv("5F37", signature))

    rsa_sha256 = tlv("06", bytes.fromhex("2a864886f70d01010b")) + b"\x05\x00"
    ecdsa_sha256 = tlv("06", bytes.fromhex("2a8648ce3d040302"))
    by_rsa = lambda body: signer.sign(body, padding.PKCS1v15(), hashes.SHA256())
    by_below = lambda body: below.sign(body, ec.ECDSA(hashes.SHA256()))
    print("rsa   ", signer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex())
    print("above ", certificate(ISSUER, subject, below, b"\x12", rsa_sha256, by_rsa).hex())
    print("card  ", certificate(subject, GUID, card, b"\x00", ecdsa_sha256, by_below).hex())


intermediate()
