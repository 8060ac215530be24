"""Asks a directory as a client does that checks the schema. Arguments: the port, the folder of the certificates, the secret."""

import ssl
import sys

import ldap3
from ldap3.core.exceptions import LDAPAttributeError, LDAPObjectClassError

port, folder, secret = int(sys.argv[1]), sys.argv[2], sys.argv[3]
tls = ldap3.Tls(
    local_private_key_file=f"{folder}/client.key",
    local_certificate_file=f"{folder}/client.pem",
    ca_certs_file=f"{folder}/server.pem",
    validate=ssl.CERT_REQUIRED,
)
server = ldap3.Server("localhost", port=port, use_ssl=True, tls=tls, get_info=ldap3.ALL)
connection = ldap3.Connection(server, auto_bind=True, check_names=True, raise_exceptions=True)

# What the server tells of itself.
assert server.info.naming_contexts == ["o=nhs", "cn=Changelog,o=nhs"], server.info.naming_contexts
assert "EXTERNAL" in server.info.supported_sasl_mechanisms
schema = server.schema
national = [one for one in schema.attribute_types.values() if one.oid.startswith("1.2.826.0.1285.")]
assert len(national) == 130, len(national)
classes = [one for one in schema.object_classes.values() if one.oid.startswith("1.2.826.0.1285.")]
assert len(classes) == 22, len(classes)
assert schema.attribute_types["nhsMHSPartyKey"].equality == ["caseIgnoreMatch"]
assert schema.attribute_types["nhsProductKey"].equality is None

# The check refuses what the schema lacks, so what passes it is in the schema.
for wrong, error in (("(nhsNothing=1)", LDAPAttributeError), ("(objectClass=nhsNothing)", LDAPObjectClassError)):
    try:
        connection.search("o=nhs", wrong)
    except error:
        pass
    else:
        raise AssertionError(f"{wrong} passed the check")

asked = [
    "uniqueIdentifier", "nhsIdCode", "nhsAsClient", "nhsMhsPartyKey", "nhsAsSvcIA", "nhsMhsManufacturerOrg",
    "nhsTempUid", "nhsIDCode", "nhsMhsCPAId", "nhsMHSEndPoint", "nhsMhsFQDN", "nhsMHsIN", "nhsMHSPartyKey",
    "nhsMHsSN", "nhsMhsSvcIA", "nhsMHSAckRequested", "nhsMHSRetries", "nhsMhsActor",
]
assert connection.search("ou=services,o=nhs", "(&(nhsIDCode=RXX) (objectClass=nhsAs))", attributes=asked)
entry = connection.entries[0]
assert entry.nhsMhsManufacturerOrg.value == "YGM", entry
assert len(entry.nhsAsSvcIA.values) == 2, entry
connection.search("ou=services,o=nhs", "(objectClass=nhsAs)", attributes=["*", "+"])
assert connection.entries[0].entry_dn.endswith(",ou=Services,o=nhs")

pages = connection.extend.standard.paged_search(
    "ou=services,o=nhs", "(objectClass=nhsAs)", attributes=["uniqueIdentifier"], paged_size=5, generator=False
)
assert len({one["dn"] for one in pages}) == 12, pages
assert connection.extend.standard.who_am_i() in (None, ""), connection.extend.standard.who_am_i()

external = ldap3.Connection(server, authentication=ldap3.SASL, sasl_mechanism=ldap3.EXTERNAL, sasl_credentials="", auto_bind=True)
assert external.extend.standard.who_am_i() == "u:pas", external.extend.standard.who_am_i()
account = ldap3.Connection(server, "cn=reader,o=nhs", secret, auto_bind=True)
assert account.compare("o=nhs", "o", "NHS") is True
account.modify("o=nhs", {"description": [(ldap3.MODIFY_REPLACE, ["x"])]})
assert account.result["description"] == "unwillingToPerform" and "/directory" in account.result["message"], account.result

print("taken")
