// Asks a directory as an application in Node.js does, with ldapts. Arguments: the ports of TLS and StartTLS, the folder of the
// certificates, the secret of the account.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AndFilter, Client, EqualityFilter, InvalidCredentialsError, NoSuchObjectError } from 'ldapts';

const [port, startTlsPort, folder, secret] = process.argv.slice(2);
const file = (name) => readFileSync(join(folder, name));
const shown = { ca: [file('server.pem')], cert: file('client.pem'), key: file('client.key') };
const url = `ldaps://127.0.0.1:${port}`;
const services = 'ou=services, o=nhs';

// What is not to be trusted is not.
const trusting = new Client({ url, tlsOptions: { ...shown, ca: [file('client.pem')] } });
await assert.rejects(trusting.search('', { scope: 'base' }), /certificate/i);

const client = new Client({ url, tlsOptions: shown });
const root = await client.search('', { scope: 'base', attributes: ['+'] });
assert.deepEqual(root.searchEntries[0].namingContexts, ['o=nhs', 'cn=Changelog,o=nhs']);

// A filter as text, and one that is put together.
const filter = '(&(nhsIDCode=RXX)(objectClass=nhsAs))';
const all = await client.search(services, { filter, attributes: ['uniqueIdentifier', 'nhsAsSvcIA'], paged: { pageSize: 5 } });
assert.equal(new Set(all.searchEntries.map((entry) => entry.dn)).size, 12);
assert.ok(all.searchEntries.every((entry) => entry.nhsAsSvcIA.length === 2));
const { dn, uniqueIdentifier } = all.searchEntries[0];
const both = new AndFilter({
  filters: [
    new EqualityFilter({ attribute: 'uniqueIdentifier', value: uniqueIdentifier }),
    new EqualityFilter({ attribute: 'objectClass', value: 'NHSAS' }),
  ],
});
const one = await client.search(services, { filter: both });
assert.deepEqual(one.searchEntries.map((entry) => entry.dn), [dn]);

await assert.rejects(client.search('ou=Nowhere,o=nhs'), NoSuchObjectError);
assert.equal(await client.compare(dn, 'nhsIDCode', 'RXX'), true);
assert.equal(await client.compare(dn, 'nhsIDCode', 'rxx'), false);
await assert.rejects(client.del(dn), /\/directory\/systems/);
await client.bind('EXTERNAL');
await client.unbind();

const account = new Client({ url: `ldap://127.0.0.1:${startTlsPort}` });
await account.startTLS({ ...shown, cert: undefined, key: undefined, host: 'localhost' });
await assert.rejects(account.bind('cn=reader,o=nhs', 'wrong'), InvalidCredentialsError);
await account.bind('cn=reader,o=nhs', secret);
const people = await account.search('ou=People,o=nhs', { scope: 'base' });
assert.equal(people.searchEntries.length, 1);
await account.unbind();
console.log('taken');
