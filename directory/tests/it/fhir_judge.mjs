// Judges resources by npm's `fhir`: each has to be valid, and what is told in both forms has to say the same. What is judged stands in
// `resources.json`, and which kinds of resources there were is said at the end.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { Fhir } = createRequire(import.meta.url)('fhir');
const judge = new Fhir();

function faults(resource) {
  const { messages } = judge.validate(resource, { errorOnUnexpected: true });
  return messages.filter(({ severity }) => severity === 'error' || severity === 'fatal');
}

// A judge that accepts everything proves nothing.
for (const bad of [
  { resourceType: 'Practitioner', nonsense: true },
  { resourceType: 'Practitioner', name: [{ use: 'none' }] },
  { resourceType: 'Organization', active: 'yes' },
  { resourceType: 'OperationOutcome' },
  { resourceType: 'Endpoint', status: 'active' },
]) {
  assert.notEqual(faults(bad).length, 0, JSON.stringify(bad));
}

const kinds = new Set();
for (const { what, json, xml, same } of JSON.parse(readFileSync('resources.json', 'utf8'))) {
  assert.deepEqual(faults(json), [], `${what}: ${JSON.stringify(json)}`);
  kinds.add(json.resourceType);
  for (const entry of json.entry ?? []) {
    if (entry.resource) {
      kinds.add(entry.resource.resourceType);
      assert.deepEqual(faults(entry.resource), [], `${what}: ${JSON.stringify(entry.resource)}`);
    }
  }
  if (xml) {
    const read = JSON.parse(JSON.stringify(judge.xmlToObj(xml)));
    assert.deepEqual(faults(read), [], `${what} in XML: ${xml}`);
    if (same) assert.deepEqual(read, json, `${what} says something else in XML`);
  }
}
console.log([...kinds].sort().join(' '));
