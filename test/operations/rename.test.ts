import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { formatReference } from '../../src/content/reference.js';
import { readRenameRules } from '../../src/operations/rename.js';
import { parseDestination, renamed } from '../../src/transfer/registry/registry-names.js';
import { useFolder } from '../support/temporary.js';

const A = `sha256:${'a'.repeat(64)}` as const;

describe('the destination of a load', () => {
  it('is a host, with or without a prefix', () => {
    assert.deepEqual(parseDestination('reg.local:5000'), { registry: 'reg.local:5000', prefix: '' });
    assert.deepEqual(parseDestination('reg.local/a/b/'), { registry: 'reg.local', prefix: 'a/b' });
    assert.deepEqual(parseDestination('docker://reg.local/a'), { registry: 'reg.local', prefix: 'a' });
  });

  it('is refused when it is none', () => {
    for (const text of ['', '/a', 'reg local', 'reg.local/A', 'reg.local/a:1', 'https://reg.local'])
      assert.throws(() => parseDestination(text), { code: 'USAGE' }, text);
  });
});

describe('the name of a loaded image', () => {
  const to = { registry: 'reg.local:5000', prefix: 'mirror' };
  const nameOf = (...args: Parameters<typeof renamed>) => formatReference(renamed(...args));

  it('keeps its path under the prefix', () => {
    assert.equal(nameOf('docker.io/library/busybox:1', to), 'reg.local:5000/mirror/library/busybox:1');
    assert.equal(nameOf('ghcr.io/a/b:1', { ...to, prefix: '' }), 'reg.local:5000/a/b:1');
    assert.equal(nameOf('a.b/c:1', { registry: 'registry', prefix: '' }), 'registry/c:1');
  });

  it('keeps its host where that is asked for, its port with a dash', () => {
    assert.equal(nameOf('ghcr.io/a:1', { ...to, keepHost: true }), 'reg.local:5000/mirror/ghcr.io/a:1');
    assert.equal(nameOf('h.io:5000/a:1', { ...to, keepHost: true }), 'reg.local:5000/mirror/h.io-5000/a:1');
  });

  it('has a digest instead of a tag when it had no tag', () => {
    assert.equal(nameOf(`ghcr.io/a@${A}`, to), `reg.local:5000/mirror/a@${A}`);
  });

  const rules = {
    maxDepth: undefined,
    rules: [
      { type: 'exact', from: 'ghcr.io/a/b:1', to: 'exact/name:stable' },
      { type: 'prefix', from: 'docker.io/library/', to: 'base/' },
      { type: 'regex', from: /^quay\.io\/([^/]+)\/(.*)$/u, to: 'q/$1-$2' },
    ],
  } as const;
  const ruled = { ...to, rules: { ...rules, rules: [...rules.rules] } };

  it('is what the first rule makes of it that fits', () => {
    assert.equal(nameOf('ghcr.io/a/b:1', ruled), 'reg.local:5000/mirror/exact/name:stable');
    assert.equal(nameOf('ghcr.io/a/b:2', ruled), 'reg.local:5000/mirror/a/b:2');
    assert.equal(nameOf('docker.io/library/alpine:3', ruled), 'reg.local:5000/mirror/base/alpine:3');
    assert.equal(nameOf('quay.io/org/app:1', ruled), 'reg.local:5000/mirror/q/org-app:1');
  });

  it('is no deeper than the rules allow', () => {
    const flat = { ...to, rules: { rules: [], maxDepth: 2 } };
    assert.equal(nameOf('ghcr.io/a/b/c:1', flat), 'reg.local:5000/mirror/a-b-c:1');
    assert.equal(nameOf('ghcr.io/a:1', flat), 'reg.local:5000/mirror/a:1');
  });

  it('is refused when a rule makes no name of it', () => {
    const bad = {
      ...to,
      rules: { maxDepth: undefined, rules: [{ type: 'prefix', from: 'ghcr.io/', to: 'UPPER/' } as const] },
    };
    assert.throws(() => renamed('ghcr.io/a:1', bad), {
      code: 'USAGE',
      message: /which is not a valid image name/,
    });
  });
});

describe('a file of rules', () => {
  const path = useFolder();
  const read = async (text: string) => {
    await writeFile(path('rules.yaml'), text);
    return readRenameRules(path('rules.yaml'));
  };

  it('has exact, prefix and regular-expression rules, and a depth', async () => {
    const { rules, maxDepth } = await read(
      'maxDepth: 3\nrules:\n  - exact: a.io/b:1\n    to: c:2\n  - prefix: a.io/\n    to: x/\n  - regex: "^(.*)$"\n    to: $1\n',
    );
    assert.deepEqual(
      rules.map(({ type }) => type),
      ['exact', 'prefix', 'regex'],
    );
    assert.equal(maxDepth, 3);
  });

  it('may be empty of rules', async () => {
    assert.deepEqual(await read('{}'), { rules: [], maxDepth: undefined });
  });

  it('is refused with the place of what is wrong', async () => {
    for (const [text, message] of [
      ['- a', /not an object/],
      ['rules: x', /rules is not a list/],
      ['rules:\n  - prefix: a', /rule 1: it has no `to`/],
      ['rules:\n  - to: a', /rule 1: it needs one of/],
      ['rules:\n  - to: a\n    exact: b\n    prefix: c', /rule 1: it needs one of/],
      ['rules:\n  - to: a\n    regex: "("', /rule 1: Invalid regular expression/],
      ['maxDepth: 0', /maxDepth/],
      ['rule: []', /member "rule"/],
      ['a: [', /is not YAML/],
    ] as const)
      await assert.rejects(read(text), { code: 'USAGE', message }, text);
    await assert.rejects(readRenameRules(path('none.yaml')), { code: 'NOT_FOUND' });
  });
});
