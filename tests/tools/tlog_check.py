"""An independent reader of a copied audit log.

It shares no code with Lanyard: hashes by hashlib, Ed25519 by `cryptography`. It recomputes the root from the leaves,
checks every tile against the hashes below it, checks the signed note, and opens every entry that is present.

    python tlog_check.py DIRECTORY VERIFIER_KEY

Prints one line of JSON and exits with 0, or says what is wrong and exits with 1.
"""

import base64
import hashlib
import json
import pathlib
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Wrong(Exception):
    pass


def sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def leaf_hash(leaf):
    return sha256(b"\x00", leaf)


def root_of(hashes):
    """RFC 6962 2.1, on hashes of leaves: the largest power of two smaller than n on the left."""
    if not hashes:
        return sha256()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return sha256(b"\x01", root_of(hashes[:split]), root_of(hashes[split:]))


def tile_path(kind, index, width):
    """C2SP tlog-tiles: three digits a group, an x before all but the last."""
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    path = f"tile/{kind}/" + "/".join(groups)
    return path if width == 256 else f"{path}.p/{width}"


def read_note(text, key):
    """C2SP signed-note and tlog-checkpoint: origin, size and root, signed by the key."""
    name, key_hash, material = key.split("+", 2)
    material = base64.b64decode(material, validate=True)
    if material[0] != 1 or len(material) != 33:
        raise Wrong("the verifier key is not an Ed25519 key")
    if sha256(name.encode(), b"\n", material)[:4].hex() != key_hash:
        raise Wrong("the verifier key's hash does not fit")
    body, signatures = text.rsplit("\n\n", 1)
    body += "\n"
    public = Ed25519PublicKey.from_public_bytes(material[1:])
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if dash == "\u2014" and signer == name and signature[:4].hex() == key_hash:
            public.verify(signature[4:], body.encode())
            break
    else:
        raise Wrong("the note is not signed by the key")
    origin, size, root = body.splitlines()[:3]
    if origin != name:
        raise Wrong("the origin is not the name of the key")
    return origin, int(size), base64.b64decode(root, validate=True)


def read_tiles(directory, size):
    """All leaf hashes, with every tile above compared to what is computed from the tiles below."""
    below = None
    leaves = []
    level = 0
    while size >> (8 * level):
        count = size >> (8 * level)
        hashes = []
        for index in range((count + 255) // 256):
            width = min(256, count - 256 * index)
            path = tile_path(level, index, width)
            data = (directory / path).read_bytes()
            if len(data) != 32 * width:
                raise Wrong(f"{path} has {len(data)} octets")
            hashes += [data[at : at + 32] for at in range(0, len(data), 32)]
        if below is None:
            leaves = hashes
        else:
            wanted = [root_of(below[256 * at : 256 * at + 256]) for at in range(count)]
            if wanted != hashes:
                raise Wrong(f"a tile of level {level} is not the hash of what is below it")
        below = hashes
        level += 1
    return leaves


def read_bundles(directory, leaves):
    """The leaves themselves where they were copied; each behind its length."""
    checked = 0
    for index in range((len(leaves) + 255) // 256):
        width = min(256, len(leaves) - 256 * index)
        path = directory / tile_path("entries", index, width)
        if not path.exists():
            continue
        data = path.read_bytes()
        for place in range(width):
            length = int.from_bytes(data[:2], "big")
            leaf, data = data[2 : 2 + length], data[2 + length :]
            if leaf_hash(leaf) != leaves[256 * index + place]:
                raise Wrong(f"{path}: leaf {place} is not in the tree")
            checked += 1
        if data:
            raise Wrong(f"{path} is longer than its leaves")
    return checked


def read_entries(directory, leaves):
    """Salt and canonical record must open the leaf: SHA-256 of one after the other."""
    path = directory / "entries.jsonl"
    names = []
    if not path.exists():
        return names
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        record = json.dumps(entry["record"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        salt = base64.b64decode(entry["salt"], validate=True)
        if leaf_hash(sha256(salt, record.encode())) != leaves[entry["position"]]:
            raise Wrong(f"entry {entry['position']} does not open its leaf")
        names.append(entry["record"]["name"])
    return names


def main(directory, key):
    directory = pathlib.Path(directory)
    origin, size, root = read_note((directory / "checkpoint").read_text(), key)
    leaves = read_tiles(directory, size)
    if root_of(leaves) != root:
        raise Wrong("the leaves give another root than the signed one")
    bundled = read_bundles(directory, leaves)
    names = read_entries(directory, leaves)
    print(json.dumps({"origin": origin, "size": size, "leaves": bundled, "entries": len(names)}))


if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    try:
        main(*sys.argv[1:])
    except (Wrong, InvalidSignature, OSError, ValueError, KeyError, IndexError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
