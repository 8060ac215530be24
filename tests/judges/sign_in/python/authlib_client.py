"""Authlib signs somebody in; the person has an authenticator app, and a browser that runs no script."""

import base64
import hmac
import html
import json
import os
import pathlib
import re
import struct
import time
from urllib.parse import urljoin, urlparse, parse_qs

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

with open(os.environ["LANYARD_PLACE"]) as file:
    PLACE = json.load(file)
CALLBACK = "https://application.example/callback"
REALM = "/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare"
EMAIL, PASSWORD = "eve@mail.example.test", "violet harbour engine"


def desk(path, body):
    """The desk does something, and may."""
    certificate = (PLACE["desk"]["certificate"], PLACE["desk"]["key"])
    answer = requests.post(PLACE["systems"] + path, json=body, cert=certificate, timeout=20)
    assert answer.ok, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()


def register(name, **change):
    """Registers a relying party."""
    config = {
        "client_name": "Shared records",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "scopes": ["openid", "profile", "nhsperson", "selectedrole"],
        **change,
    }
    return desk("/authn/configs/judges", {"config_name": name, "client_config": config})


class App:
    """An authenticator app. Each code works once, so it goes on from the step before this one."""

    def __init__(self, seed):
        self.key = base64.b32decode(re.sub(r"\s", "", seed) + "=" * (-len(re.sub(r"\s", "", seed)) % 8))
        self.next = int(time.time()) // 30 - 1

    def code(self):
        tag = hmac.digest(self.key, struct.pack(">q", self.next), "sha1")
        self.next += 1
        at = tag[19] & 15
        return f"{(struct.unpack('>I', tag[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


class Browser:
    """A browser without script: it follows addresses and sends forms."""

    def __init__(self):
        self.session = requests.Session()
        self.page = None

    def go(self, address):
        self.take(self.session.get(address, allow_redirects=False, timeout=20))

    def send(self, **fields):
        """Sends the form of the page."""
        action = html.unescape(re.search(r'<form method="post" action="([^"]*)"', self.page.text).group(1))
        address = urljoin(self.page.url, action)
        headers = {"Origin": PLACE["issuer"]}
        self.take(self.session.post(address, data=fields, headers=headers, allow_redirects=False, timeout=20))

    def take(self, answer):
        while answer.is_redirect:
            address = urljoin(answer.url, answer.headers["location"])
            if address.startswith(CALLBACK):
                self.page, self.back = None, address
                return
            answer = self.session.get(address, allow_redirects=False, timeout=20)
        self.page = answer


def enrolled(browser):
    """Adds an authenticator app by a link."""
    made = desk(f"/authn/people/{PLACE['people']['app']}/enrolments", {"purpose": "issue"})
    browser.go(made["link"])
    browser.send()
    browser.go(made["link"] + "/app")
    app = App(re.search(r'class="lanyard-seed">([^<]+)<', browser.page.text).group(1))
    browser.send(name="phone", email=EMAIL, password=PASSWORD, code=app.code())
    assert "Show that the address is yours" in browser.page.text, browser.page.text
    browser.send(proof=sent_code())
    assert "It is added" in browser.page.text, browser.page.text
    return app


def sent_code():
    """The code that was sent to the address, when it has come: messages go into a folder."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for letter in pathlib.Path(PLACE["folder"], "mailbox").glob("*.eml"):
            found = re.search(r"Your code is ([0-9A-Z-]{14})\.", letter.read_text())
            if found:
                return found.group(1)
        time.sleep(0.05)
    raise AssertionError("no code came")


def main():
    browser = Browser()
    app = enrolled(browser)
    secret = register("authlib", token_endpoint_auth_method="client_secret_basic")["client_secret"]
    metadata = requests.get(PLACE["issuer"] + REALM + "/.well-known/openid-configuration", timeout=20).json()
    session = OAuth2Session(
        "authlib",
        secret,
        scope="openid profile nhsperson selectedrole",
        redirect_uri=CALLBACK,
        token_endpoint_auth_method="client_secret_basic",
        code_challenge_method="S256",
    )
    verifier, nonce = "v" * 64, "n-0S6_WzA2Mj"
    address, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce, acr_values="AAL2_ANY"
    )
    browser.go(address)
    browser.send(method="totp")
    browser.send(email=EMAIL, password=PASSWORD, code="000000")
    assert "Those details are not right" in browser.page.text and browser.page.status_code == 403
    browser.send(email=EMAIL, password=PASSWORD, code=app.code())
    assert parse_qs(urlparse(browser.back).query)["iss"] == [metadata["issuer"]]
    tokens = session.fetch_token(
        metadata["token_endpoint"], authorization_response=browser.back, state=state, code_verifier=verifier
    )

    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=20).json())
    token = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])
    options = {
        "iss": {"essential": True, "value": metadata["issuer"]},
        "aud": {"essential": True, "value": "authlib"},
        "at_hash": {"essential": True},
    }
    params = {"nonce": nonce, "client_id": "authlib", "access_token": tokens["access_token"]}
    claims = CodeIDToken(token.claims, token.header, options, params)
    claims.validate(leeway=0)
    assert claims["sub"] == PLACE["people"]["app"] and claims["amr"] == ["TOTP"], claims
    assert len(claims["selected_roleid"]) == 12, claims

    told = session.get(metadata["userinfo_endpoint"]).json()
    assert told["sub"] == claims["sub"] and told["family_name"] == "Stone", told
    old = tokens["refresh_token"]
    new = session.refresh_token(metadata["token_endpoint"], refresh_token=old)
    assert new["refresh_token"] != old
    # Until its successor is used it may be asked with once more: the answer may have been lost.
    session.refresh_token(metadata["token_endpoint"], refresh_token=new["refresh_token"])
    try:
        session.refresh_token(metadata["token_endpoint"], refresh_token=old)
        raise AssertionError("a refresh token was taken twice")
    except OAuthError as refused:
        assert refused.error == "invalid_grant", refused

    by_key(metadata)


def by_key(metadata):
    """A client that signs its assertions. Authlib's are good for an hour where nothing is said, which is too long."""
    key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
    register(
        "authlib-key",
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [key.as_dict(private=False)]},
        jwks_uri_signing_algorithm="ES256",
        grant_types=["client_credentials"],
        redirect_uris=[],
        scopes=["reports"],
    )

    def asked(**claims):
        method = PrivateKeyJWT(metadata["token_endpoint"], claims=claims or None, headers={"kid": "one"}, alg="ES256")
        session = OAuth2Session("authlib-key", key, token_endpoint_auth_method=method, scope="reports")
        return session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")

    try:
        asked()
        raise AssertionError("an assertion was taken that is good for an hour")
    except OAuthError as refused:
        assert refused.error == "invalid_client" and "30 minutes" in refused.description, refused
    now = int(time.time())
    assert asked(iat=now, exp=now + 300)["scope"] == "reports"


main()
