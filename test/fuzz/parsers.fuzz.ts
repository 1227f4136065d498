import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import { decompressed } from '../../src/compression/compression.js';
import { parseDigest } from '../../src/content/digest.js';
import { MANIFEST_MEDIA_TYPES } from '../../src/content/media-types.js';
import { parsePlatform } from '../../src/content/platform.js';
import { formatReference, parseReference } from '../../src/content/reference.js';
import { parseTagPattern } from '../../src/content/tag-pattern.js';
import { LadingError, messageOf } from '../../src/errors.js';
import { findInFile } from '../../src/find/find-in-file.js';
import { KINDS } from '../../src/find/kinds.js';
import { limitsOf } from '../../src/find/limits.js';
import { createFindings } from '../../src/find/report.js';
import { parseConfig } from '../../src/manifest/config.js';
import { fromSchema1, layersOfSchema1 } from '../../src/manifest/convert/from-schema1.js';
import { convertIndex } from '../../src/manifest/convert/index-of.js';
import { convertManifest } from '../../src/manifest/convert/manifest.js';
import { identifyDocument } from '../../src/manifest/identify.js';
import { parseJSON } from '../../src/manifest/json/json.js';
import { parseManifest, successors } from '../../src/manifest/manifest.js';
import {
  checkSchema1Signatures,
  signedPayload,
  verifySchema1Signatures,
} from '../../src/manifest/schema1/signature.js';
import { v1FoldersOf } from '../../src/manifest/v1/folders.js';
import { parseV1Image } from '../../src/manifest/v1/image.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { verify } from '../../src/operations/verify/verify.js';
import { parseChallenges } from '../../src/registry/auth/challenge.js';
import {
  contentLength,
  parseContentRange,
  parseNextLinks,
  parseRateLimit,
  parseRetryAfter,
  parseWarnings,
} from '../../src/registry/http/headers.js';
import { parseErrorBody } from '../../src/registry/http/response-error.js';
import { parseReferrers } from '../../src/registry/referrers.js';
import { parseRanges } from '../../src/server/read/range.js';
import { parseLocator } from '../../src/store/locator.js';
import { openTar } from '../../src/tar/read.js';
import { fixturePath } from '../support/fixtures.js';
import { makeTar } from '../support/tar-maker.js';
import { createRandom, mutate, type Random } from './mutate.js';

/** All of them together; each parser has an equal share. */
const SECONDS = Number(process.env.LADING_FUZZ_SECONDS ?? 20);
const SEED = Number(process.env.LADING_FUZZ_SEED ?? Date.now() % 2 ** 32);
/** No input of these sizes takes so long: more is an attack on time. */
const SLOW_MS = 5000;

interface Target {
  corpus: readonly Buffer[];
  /** Gives a value or throws a `LadingError`; anything else is a defect. */
  parse(bytes: Buffer, random: Random): unknown;
}

const FIXTURES = fixturePath('');
const filesIn = (folder: string, end: RegExp): Buffer[] =>
  readdirSync(join(FIXTURES, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => end.test(name))
    .sort()
    .map((name) => readFileSync(join(FIXTURES, folder, name)));
const documents = [
  ...['manifests', 'schema1', 'conversion', 'archives'].flatMap((folder) => filesIn(folder, /\.json$/)),
  ...[{ imageLayoutVersion: '1.0.0' }, [{ Config: 'a.json', RepoTags: ['a:1'], Layers: ['l.tar'] }]].map(
    jsonOf,
  ),
  jsonOf({ busybox: { latest: 'a'.repeat(64) } }),
  jsonOf({ schemaVersion: 2, manifests: null }),
];
const texts = (...lines: string[]): Buffer[] => lines.map((line) => Buffer.from(line));
const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

const JSON_TARGETS: Record<string, Target> = {
  JSON: { corpus: documents, parse: (bytes) => parseJSON(bytes, { what: 'it', repeated: new Set() }) },
  manifests: {
    corpus: documents,
    parse(bytes, random) {
      const mediaType = random.below(2) === 0 ? undefined : random.pick(MANIFEST_MEDIA_TYPES);
      return successors(parseManifest(bytes, { mediaType }));
    },
  },
  'documents of every kind': {
    corpus: documents,
    parse: (bytes, random) => identifyDocument(bytes, 'it', random.pick(['index.json', 'repositories', 'x'])),
  },
  configs: {
    corpus: documents,
    parse: (bytes) => [parseConfig(bytes, 'it'), v1FoldersOf(bytes, 'it')],
  },
  'v1 images': {
    corpus: [
      jsonOf({
        id: 'a'.repeat(64),
        parent: 'b'.repeat(64),
        created: '2014-01-01T00:00:00Z',
        config: { Cmd: ['a'] },
      }),
      jsonOf({
        id: 'a'.repeat(64),
        container_config: { Cmd: ['/bin/sh', '-c', '#(nop) CMD'] },
        throwaway: true,
      }),
    ],
    parse: (bytes) => parseV1Image(bytes, 'it'),
  },
  'schema1 signatures': {
    corpus: filesIn('schema1', /\.json$/),
    parse(bytes) {
      signedPayload(bytes);
      checkSchema1Signatures(bytes);
      verifySchema1Signatures(bytes);
    },
  },
  'conversions of manifests': {
    corpus: documents,
    parse(bytes, random) {
      const target = random.pick(['oci', 'docker'] as const);
      const manifest = parseManifest(bytes);
      if (manifest.format === 'docker-schema1') {
        const digests = layersOfSchema1(manifest);
        const layer = { size: 1, diffID: digests[0] ?? parseDigest(DIGEST), uncompressed: false };
        return fromSchema1(manifest, new Map(digests.map((digest) => [digest, layer])), 'it');
      }
      return 'manifests' in manifest ? convertIndex(bytes, target) : convertManifest(bytes, target);
    },
  },
  'bodies of registries': {
    corpus: [...documents, jsonOf({ errors: [{ code: 'DENIED', message: 'no', detail: {} }] })],
    parse: (bytes) => [parseErrorBody(bytes), parseReferrers(parseJSON(bytes, { what: 'it' }), 'it')],
  },
};

const TEXT_TARGETS: Record<string, Target> = {
  'references, locators, platforms, digests': {
    corpus: texts(
      ...[
        'busybox',
        'reg.test:5000/a/b:1',
        `a@${DIGEST}`,
        'docker://a/b:1',
        'oci:C:\\a:b',
        'linux/arm/v7',
        DIGEST,
      ],
    ),
    parse(bytes, random) {
      const text = bytes.toString('utf8');
      const parse = random.pick<(text: string) => unknown>([
        (name) =>
          assert.deepEqual(parseReference(formatReference(parseReference(name))), parseReference(name)),
        parseLocator,
        parsePlatform,
        parseDigest,
      ]);
      return parse(text);
    },
  },
  'challenges and headers': {
    corpus: texts(
      'Bearer realm="https://auth.test/token",service="a",scope="repository:a:pull,push"',
      'Basic realm="a b", Bearer realm=x, error="a\\"b"',
      '<https://reg.test/v2/_catalog?n=1&last=a>; rel="next"',
      '299 - "a warning" "Wed, 21 Oct 2015 07:28:00 GMT"',
      ...['bytes 0-1/2', 'bytes=0-,5-9', '100;w=21600', '120', 'Wed, 21 Oct 2015 07:28:00 GMT'],
    ),
    parse(bytes) {
      const text = bytes.toString('latin1');
      const headers = Object.fromEntries(
        ['link', 'warning', 'ratelimit-limit', 'ratelimit-remaining', 'content-length', 'content-range'].map(
          (name) => [name, text],
        ),
      );
      parseRetryAfter(text);
      return [
        parseChallenges([text, text]),
        parseNextLinks(headers),
        parseWarnings(headers),
        parseRateLimit(headers),
        contentLength(headers),
        parseContentRange(text),
        parseRanges(text, 100),
      ];
    },
  },
};

// Made with `zstd -c` 1.5.4: "hello " ten times, and "world" fifty times.
const ZSTD = [
  '28b52ffd04586500003068656c6c6f200100cb598a8168c7f0',
  '28b52ffd045865000028776f726c6401007250450b4b9c57b1',
];

const BYTE_TARGETS: Record<string, Target> = {
  'compressed content': {
    corpus: [
      ...ZSTD.map((text) => Buffer.from(text, 'hex')),
      gzipSync('hello '.repeat(1000)),
      Buffer.concat([gzipSync('one'), gzipSync('two'), Buffer.alloc(9)]),
    ],
    async parse(bytes) {
      const open = async (): Promise<Readable> => Readable.from([bytes], { objectMode: false });
      for await (const _ of await decompressed(open, { limits: { maxBytes: 1024 * 1024 } }));
    },
  },
  tars: {
    corpus: [
      makeTar(
        { name: 'a', body: 'text' },
        { name: 'b', type: '2', linkName: 'a' },
        { name: 'd/', type: '5' },
      ),
      makeTar({ name: 'PaxHeader', type: 'x', body: '12 path=abc\n' }, { name: 'x', body: 'y' }),
      makeTar(
        { name: '././@LongLink', type: 'L', body: `${'n'.repeat(120)}\0`, magic: 'gnu' },
        { name: 'n' },
      ),
    ],
    parse: async (bytes) => {
      const path = await inFile(bytes);
      const view = await openTar(path);
      try {
        for (const { path: name } of await view.list()) await view.read(name, 10_000);
      } finally {
        await view.close();
      }
    },
  },
  'documents with names of images': {
    corpus: filesIn('find/open', /(?<!expected)\.(?:ya?ml|json|txt|list|env)$|Dockerfile$/).filter(
      ({ length }) => length < 20_000,
    ),
    parse: async (bytes, random) => {
      const file = random.pick([
        'a.yaml',
        'b.json',
        'values.yaml',
        'Dockerfile',
        '.env',
        'list.txt',
        'kustomization.yaml',
      ]);
      const findings = createFindings();
      const as = random.below(4) === 0 ? random.pick(KINDS) : undefined;
      const limits = limitsOf({ maxNodes: 100_000 });
      await findInFile(bytes, { file, as, limits, findings, readBeside: async () => bytes });
      for (const { image } of findings.places) parseReference(image);
      for (const { pattern } of findings.patterns) parseTagPattern(pattern);
      return findings;
    },
  },
  'archives of every tool': {
    corpus: [...filesIn('archives', /\.tar$/), ...filesIn('layouts', /\.tar(\.gz)?$/).map(unzipped)].filter(
      ({ length }) => length < 100_000,
    ),
    parse: async (bytes) => {
      const path = await inFile(bytes);
      await verify(path, { concurrency: 1 });
      await inspect(path);
    },
  },
};

let folder: string;

describe(`parsers, with LADING_FUZZ_SEED=${SEED} for ${SECONDS} seconds`, () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-fuzz-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const targets = Object.entries({ ...JSON_TARGETS, ...TEXT_TARGETS, ...BYTE_TARGETS });
  for (const [place, [name, target]] of targets.entries()) {
    it(`give a value or a LadingError for ${name}`, async () => {
      const random = createRandom(SEED + place);
      const end = performance.now() + (SECONDS * 1000) / targets.length;
      let [values, refusals] = [0, 0];
      const judge = async (input: Buffer): Promise<void> => {
        if (await isTaken(target, input, random)) values++;
        else refusals++;
      };
      for (const document of target.corpus) await judge(document);
      assert.ok(values > 0, 'nothing of what is right was taken');
      while (performance.now() < end) await judge(mutate(random, target.corpus));
      console.log(`      ${values + refusals} inputs: ${values} values, ${refusals} refusals`);
    });
  }
});

/** Whether the input gave a value; throws where it gave neither that nor a refusal. */
async function isTaken({ parse }: Target, input: Buffer, random: Random): Promise<boolean> {
  const start = performance.now();
  try {
    await parse(input, random);
    return true;
  } catch (error) {
    if (error instanceof LadingError) return false;
    throw new Error(
      `${messageOf(error)}; the input in base64: ${input.toString('base64').slice(0, 100_000)}`,
      {
        cause: error,
      },
    );
  } finally {
    assert.ok(
      performance.now() - start < SLOW_MS,
      `took too long: ${input.toString('base64').slice(0, 100_000)}`,
    );
  }
}

async function inFile(bytes: Buffer): Promise<string> {
  const path = join(folder, 'input');
  await writeFile(path, bytes);
  return path;
}

function unzipped(bytes: Buffer): Buffer {
  return bytes[0] === 0x1f ? gunzipSync(bytes) : bytes;
}

function jsonOf(document: unknown): Buffer {
  return Buffer.from(JSON.stringify(document));
}
