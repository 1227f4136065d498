import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isLadingError } from '../../src/errors.js';
import { parseConfig } from '../../src/manifest/config.js';
import { parseLayoutVersion, readLayoutIndex } from '../../src/manifest/layout-documents.js';
import { parseManifest } from '../../src/manifest/manifest.js';
import { validate } from '../../src/manifest/schema.js';
import { fixture } from '../support/fixtures.js';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const DESCRIPTOR = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: DIGEST, size: 1 };

describe('validate', () => {
  const manifest = (layer: object) => ({ schemaVersion: 2, config: DESCRIPTOR, layers: [DESCRIPTOR, layer] });
  const REFUSED: [title: string, layer: object, message: RegExp][] = [
    [
      'a digest in upper case',
      { digest: DIGEST.replaceAll('a', 'A') },
      /at \/layers\/1\/digest, expected a digest/,
    ],
    ['a digest of another length', { digest: DIGEST.slice(0, -1) }, /found "sha256:a{63}"$/],
    ['an algorithm that lading cannot compute', { digest: `blake3:${'a'.repeat(64)}` }, /found "blake3:/],
    ['a digest with a path in it', { digest: 'sha256:../../../etc/passwd' }, /found "sha256:\.\.\//],
    ['a digest of another algorithm’s length', { digest: `sha512:${'a'.repeat(64)}` }, /\/digest/],
    ['a digest with a line end', { digest: `${DIGEST}\n` }, /\/digest/],
    ['a size in text', { size: '1' }, /at \/layers\/1\/size, expected a number of bytes, .*found "1"$/],
    ['a negative size', { size: -1 }, /found -1$/],
    ['a size with a fraction', { size: 1.5 }, /found 1\.5$/],
    ['a size beyond 2^53-1', { size: 1e300 }, /found 1e\+300$/],
    ['a missing size', { size: undefined }, /at \/layers\/1, expected a member "size", found none$/],
    [
      'a media type without a subtype',
      { mediaType: 'gzip' },
      /expected a media type, TYPE\/SUBTYPE, found "gzip"$/,
    ],
    [
      'an annotation that is no text',
      { annotations: { a: 1 } },
      /at \/layers\/1\/annotations\/a, expected a string/,
    ],
    ['data that is not base64', { data: '*' }, /expected base64/],
    ['a platform without an os', { platform: { architecture: 'arm' } }, /expected a member "os"/],
  ];
  for (const [title, change, message] of REFUSED) {
    it(`refuses ${title}, saying where and what`, () => {
      assert.throws(() => validate('oci-manifest', manifest({ ...DESCRIPTOR, ...change }), DIGEST), {
        code: 'INVALID_MANIFEST',
        message,
      });
    });
  }

  it('names the document and its kind', () => {
    assert.throws(() => validate('oci-layout', { imageLayoutVersion: '2.0.0' }, '/tmp/x: oci-layout'), {
      code: 'INVALID_LAYOUT',
      message:
        '/tmp/x: oci-layout is not a valid oci-layout: at /imageLayoutVersion, expected "1.0.0", found "2.0.0"',
    });
  });

  it('keeps its message to one printable line, whatever was found', () => {
    const layer = { ...DESCRIPTOR, annotations: { [`\u001b${'k'.repeat(5000)}`]: null } };
    assert.throws(
      () => validate('oci-manifest', manifest(layer), DIGEST),
      (error: Error) => !error.message.includes('\u001b') && error.message.length < 600,
    );
  });

  it('accepts members that it does not know, at every place', () => {
    const extended = { ...manifest({ ...DESCRIPTOR, vendor: { x: [1] } }), 'x-vendor': null };
    assert.doesNotThrow(() => validate('oci-manifest', extended, DIGEST));
  });

  it('accepts sha384 and sha512', () => {
    for (const digest of [`sha384:${'0'.repeat(96)}`, `sha512:${'0'.repeat(128)}`])
      assert.doesNotThrow(() => validate('oci-manifest', manifest({ ...DESCRIPTOR, digest }), DIGEST));
  });

  it('accepts data of several megabytes', () => {
    const layer = { ...DESCRIPTOR, data: 'A'.repeat(4 * 1024 * 1024) };
    assert.doesNotThrow(() => validate('oci-manifest', manifest(layer), DIGEST));
  });
});

describe('the verdicts of image-spec’s schemas', () => {
  /** Valid by the schema, but refused by lading, which copies only what it can verify. */
  const STRICTER = new Set([
    'an algorithm with a plus',
    'an algorithm with a dot and a dash',
    'algorithms that nobody computes',
  ]);
  const PARSERS: Record<string, (document: string) => unknown> = {
    descriptor: (document) => readLayoutIndex(Buffer.from(`{"manifests":[${document}]}`), 'index.json'),
    manifest: (document) => parseManifest(Buffer.from(document)),
    index: (document) => parseManifest(Buffer.from(document)),
    config: (document) =>
      parseConfig(Buffer.from(document), 'config', { mediaType: 'application/vnd.oci.image.config.v1+json' }),
    layout: (document) => parseLayoutVersion(Buffer.from(document), 'oci-layout'),
  };

  for (const [name, parse] of Object.entries(PARSERS)) {
    it(`are lading’s for ${name} documents`, () => {
      const cases: { case: string; valid: boolean; document: string }[] = JSON.parse(
        fixture(`verdicts/${name}.json`).toString(),
      );
      const verdicts = cases.map((row) => [row.case, isValid(() => parse(row.document))]);
      const expected = cases.map((row) => [row.case, row.valid && !STRICTER.has(row.case)]);
      assert.deepEqual(verdicts, expected);
    });
  }
});

describe('the generated validators', () => {
  it('load nothing else, ajv least of all', () => {
    for (const room of ['manifest', 'lock']) {
      const source = readFileSync(new URL(`../../src/${room}/validators.ts`, import.meta.url), 'utf8');
      assert.doesNotMatch(source, /\brequire\(|^import /m);
    }
  });
});

/** True if a document is parsed without an error or a warning. */
function isValid(parse: () => unknown): boolean {
  try {
    const document = parse();
    return typeof document !== 'object' || document === null || !('irregular' in document);
  } catch (error) {
    assert.ok(isLadingError(error, 'INVALID_MANIFEST', 'INVALID_LAYOUT'), String(error));
    return false;
  }
}
