import assert from 'node:assert/strict';
import { digestOf, encodedOf } from '../../src/content/digest.js';
import { fullName, nameKey, referrersTag } from '../../src/content/names.js';
import { fixture } from '../support/fixtures.js';

describe('nameKey', () => {
  it('is the full name, or the text that is none', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const names = [
      ...['app', 'app:1', 'library/app', 'docker.io/app', 'docker.io/app:1', 'docker.io/library/app:1'],
      ...['index.docker.io/app:1', 'index.docker.io/library/app', 'docker.io/team/app', 'docker.io/a/b/c:1'],
      ...['reg.test/app', 'reg.test/app:1', 'reg.test:5000/app', 'reg.test:5000/a/b:1', 'localhost/app:1'],
      ...[`reg.test/app@${digest}`, `docker.io/library/app:1@${digest}`, `app@${digest}`, digest],
      ...['Reg/app:1', 'reg.test/App:1', 'reg.test/app:', 'reg.test/app:1:2', 'reg.test//app:1', '/app:1'],
      ...['', '/', ':', '@', 'docker.io/', 'docker.io/:1', 'a.b/:1', 'a.b/c:1/d', 'v1', '<none>:<none>'],
    ];
    for (const name of names) assert.equal(nameKey(name), fullName(name) ?? name, name);
    assert.equal(nameKey('index.docker.io/library/app'), 'docker.io/library/app:latest');
  });

  it('is the full name of each name of the references that Docker parses', () => {
    const references: { input: string }[] = JSON.parse(fixture('references/references.json').toString());
    for (const { input } of references) assert.equal(nameKey(input), fullName(input) ?? input, input);
  });
});

describe('referrersTag', () => {
  it('names the subject, the encoded part of a long digest cut to 64 characters', () => {
    const digest = digestOf(Buffer.from('x'));
    assert.equal(referrersTag(digest), `sha256-${encodedOf(digest)}`);
    const long = digestOf(Buffer.from('x'), 'sha512');
    assert.equal(referrersTag(long), `sha512-${encodedOf(long).slice(0, 64)}`);
  });
});
