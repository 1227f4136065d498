import assert from 'node:assert/strict';
import {
  formatFamiliar,
  formatReference,
  isRegistry,
  isRepository,
  isTag,
  parseReference,
  withDefaultTag,
} from '../../src/content/reference.js';
import { LadingError } from '../../src/errors.js';
import { fixture } from '../support/fixtures.js';

/** The result of distribution/reference v0.6 for an input. */
interface Row {
  input: string;
  ok: boolean;
  domain?: string;
  path?: string;
  tag?: string;
  digest?: string;
  familiar?: string;
  withDefaultTag?: string;
}

const ROWS: Row[] = JSON.parse(fixture('references/references.json').toString());

/** False for results without a domain, which are a bug of the library: `exa_mple.com/foo` has an empty one. */
const isTaken = ({ ok, domain }: Row): boolean => ok && domain !== undefined && domain !== '';

describe('parseReference', () => {
  for (const row of ROWS.filter(isTaken)) {
    it(`normalises "${shorten(row.input)}" as Docker does`, () => {
      const reference = parseReference(row.input);
      const expected = { registry: row.domain, repository: row.path, tag: row.tag, digest: row.digest };
      assert.deepEqual({ tag: undefined, digest: undefined, ...reference }, expected);
      assert.equal(formatFamiliar(reference), row.familiar);
      assert.equal(formatReference(withDefaultTag(reference)), row.withDefaultTag);
      assert.deepEqual(
        parseReference(formatReference(reference)),
        reference,
        'its canonical text is the same',
      );
    });
  }

  for (const row of ROWS.filter((candidate) => !isTaken(candidate))) {
    it(`refuses "${shorten(row.input)}"`, () => {
      assert.throws(
        () => parseReference(row.input),
        (error) =>
          error instanceof LadingError && error.code === 'INVALID_REFERENCE' && error.hint !== undefined,
      );
    });
  }

  it('says what is wrong', () => {
    const hex = 'f'.repeat(64);
    const reasons: [input: string, reason: RegExp][] = [
      ['ghcr.io/org/App:v1', /"org\/App" must be lower case/],
      [hex, /image ID/],
      ['https://example.com/foo', /scheme/],
      [`example.com/${'a'.repeat(256)}`, /longer than 255/],
      [`foo@sha256:${hex.slice(1)}`, /64 characters, it has 63/],
      [`foo@md5:${hex.slice(32)}`, /"md5" is not supported/],
      ['foo:', /does not have the form/],
    ];
    for (const [input, message] of reasons) assert.throws(() => parseReference(input), { message });
  });

  it('keeps a name from breaking out of its line', () => {
    assert.throws(() => parseReference('foo\n\u001b[31mbar'), { message: /foo\\x0a\\x1b\[31mbar/ });
  });
});

describe('formatFamiliar', () => {
  it('leaves library/ away only where one name follows', () => {
    assert.equal(formatFamiliar({ registry: 'docker.io', repository: 'library/x', tag: '1' }), 'x:1');
    assert.equal(formatFamiliar({ registry: 'docker.io', repository: 'library/x/y' }), 'library/x/y');
    assert.equal(formatFamiliar({ registry: 'reg.test', repository: 'library/x' }), 'reg.test/library/x');
  });
});

describe('withDefaultTag', () => {
  it('adds latest only where neither tag nor digest is there', () => {
    const digest = `sha256:${'a'.repeat(64)}` as const;
    assert.equal(withDefaultTag(parseReference('x')).tag, 'latest');
    assert.equal(withDefaultTag(parseReference('x:1')).tag, '1');
    assert.equal(withDefaultTag(parseReference(`x@${digest}`)).tag, undefined);
  });
});

describe('the parts of a reference', () => {
  it('are told apart by their grammar', () => {
    for (const tag of ['1', '_a', 'A.b-c_d', 'x'.repeat(128)]) assert.ok(isTag(tag), tag);
    for (const tag of ['', '.a', '-a', 'a/b', 'a:b', 'x'.repeat(129)]) assert.ok(!isTag(tag), tag);
    for (const registry of [
      'localhost',
      'reg.test:5000',
      'reg.test:65535',
      '10.0.0.255',
      '[::1]:5000',
      'UPPER',
    ])
      assert.ok(isRegistry(registry));
    for (const registry of [
      ...['', 'a/b', 'reg.test:', 'reg.test:x', '-a', '[::1'],
      // No URL can name these.
      ...['reg.test:65536', '[::1]:99999', '[1::2::3]', '10.0.0.256', '1.2.3.4.5'],
    ])
      assert.ok(!isRegistry(registry));
    for (const repository of ['a', 'a/b__c/d--e']) assert.ok(isRepository(repository));
    for (const repository of ['', 'A', 'a//b', '/a', 'a/', '../a', 'a'.repeat(256)])
      assert.ok(!isRepository(repository));
  });
});

function shorten(text: string): string {
  return text.length > 90 ? `${text.slice(0, 80)}… (${text.length} characters)` : text;
}
