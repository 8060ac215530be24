"""scim2-tester judges the SCIM endpoint: what it is asked, and every check that it makes.

Called with the address, the client's certificate and key, the root, and whether the values are those of a personnel system (`fit`) or
any texts (`any`), which the register must refuse.
"""

import json
import random
import sys
from urllib.parse import urlsplit

import requests
import scim2_tester.checkers.patch_add as patch_add
import scim2_tester.checkers.patch_remove as patch_remove
import scim2_tester.checkers.patch_replace as patch_replace
import scim2_tester.filling as filling
from scim2_client import BaseSyncSCIMClient
from scim2_models import ScimProvider
from scim2_tester import Status, check_server

BASE, CERTIFICATE, KEY, ROOT, VALUES = sys.argv[1:6]
LETTERS = "abcdefghijklmnopqrstuvwxyz"

# What the tester wants and the register does not do, each with its reason; each must be seen, or this list is wrong.
OTHERWISE = {
    ("check_remove_attribute", "active"): "nobody is neither there nor gone: without the word they are there",
    ("check_add_attribute", "lookedAt"): "it is said when somebody is announced, and has no meaning afterwards",
    ("check_add_attribute", "linkTo"): "it is said when somebody is announced, and has no meaning afterwards",
}


class Client(BaseSyncSCIMClient):
    """scim2-client over requests, with a client certificate."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.session = requests.Session()
        self.session.cert, self.session.verify = (CERTIFICATE, KEY), ROOT

    def _stays_under_base_url(self, endpoint):
        return not urlsplit(endpoint).scheme or endpoint.startswith(BASE)

    def _parse_json(self, response):
        return response.json()

    def request(self, method, url, **kwargs):
        if "content" in kwargs:
            kwargs["data"] = kwargs.pop("content")
        # An address that begins with a slash is below the server, as meta.location is.
        path = url if url.startswith("/directory/") else urlsplit(BASE).path + "/" + url.lstrip("/")
        root = BASE[: -len(urlsplit(BASE).path)]
        return self.session.request(method, root + path, timeout=20, allow_redirects=False, **kwargs)


def word(length):
    return "".join(random.choice(LETTERS) for _ in range(length))


def digits(length):
    return "".join(random.choice("0123456789") for _ in range(length))


anything = filling.generate_random_value


def fit(context, path, mutability=None, required=None):
    """The tester cannot know what a date of birth or a registration looks like: RFC 7643 has no words for it."""
    value = anything(context, path, mutability, required)
    if value is None:
        return None
    binding = path.resolve()
    if binding is None:
        # The whole extension: what is never answered, or said once, is not compared with what is.
        value.national_insurance_number = value.looked_at = value.link_to = None
        return value
    model = binding.target_model
    name = str(path).rsplit(":", 1)[-1].split(".")
    parts = {
        "givenName": lambda: word(9).title(),
        "familyName": lambda: word(12).title(),
        "active": lambda: True,
        "dateOfBirth": lambda: f"19{random.randint(60, 99)}-0{random.randint(1, 9)}-{random.randint(10, 28)}",
        "nationalInsuranceNumber": lambda: "AB" + digits(6) + random.choice("ABCD"),
        "country": lambda: "GB",
        "lookedAt": lambda: ["555021942107"],
        # Somebody who is made is nobody who is here.
        "linkTo": lambda: None if mutability else "555021942107",
    }
    if name[-1] in parts:
        return parts[name[-1]]()
    if name[-1] == "value" and model and "phone" in model.__name__.lower():
        return "+447700" + digits(6)
    if name[-1] == "body":
        return "GMC"
    if name[-1] == "number" and model and "registration" in model.__name__.lower():
        return digits(7)
    return value


def judge():
    client = Client(provider=ScimProvider())
    results = check_server(client)
    seen, wrong, good = set(), [], 0
    for result in results:
        if result.status in (Status.ERROR, Status.CRITICAL, Status.DEVIATION):
            attribute = (result.reason or "").split("'")[1].rsplit(":", 1)[-1] if "'" in (result.reason or "") else ""
            if (result.title, attribute) in OTHERWISE:
                seen.add((result.title, attribute))
            else:
                wrong.append(f"{result.title}: {result.reason}")
        elif result.status in (Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE):
            good += 1
        print(f"{result.status.name} {result.title}: {(result.reason or '')[:300]}")
    wrong += [f"{title} of {name} was not otherwise" for title, name in OTHERWISE.keys() - seen]
    if good < 45:
        wrong.append(f"only {good} checks were made")
    return wrong


if VALUES == "fit":
    for module in (filling, patch_add, patch_replace):
        module.generate_random_value = fit
wrong = judge()
print(json.dumps({"accepted": not wrong, "reason": "\n".join(wrong)}))
