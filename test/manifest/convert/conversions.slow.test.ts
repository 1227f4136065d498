import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Digest, digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { type HistoryEntry, parseConfig } from '../../../src/manifest/config.js';
import { fromSchema1, layersOfSchema1 } from '../../../src/manifest/convert/from-schema1.js';
import { convertManifest } from '../../../src/manifest/convert/manifest.js';
import { createSigningKey, signSchema1 } from '../../../src/manifest/convert/sign-schema1.js';
import { toSchema1 } from '../../../src/manifest/convert/to-schema1.js';
import { goJSON, RawJSON, rawMembers } from '../../../src/manifest/json/go-json.js';
import { foldName } from '../../../src/manifest/json/shape.js';
import { parseManifest } from '../../../src/manifest/manifest.js';
import type { Schema1Manifest } from '../../../src/manifest/schema1/schema1.js';
import { verifySchema1Signatures } from '../../../src/manifest/schema1/signature.js';
import { json } from '../../support/fixtures.js';

/** True for strings without lone surrogates: I-JSON does not have them, and `parseJSON` refuses them. */
const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const time = fc
  .date({ min: new Date('1970-01-01T00:00:00Z'), max: new Date('2100-01-01T00:00:00Z'), noInvalidDate: true })
  .map((date) => date.toISOString());
const digest = fc.nat({ max: 20 }).map((seed) => digestOf(Buffer.from(`layer ${seed}`)));
/** Any JSON, without integers that a number cannot hold. */
const value = fc.anything({
  key: text,
  values: [text, fc.integer(), fc.double({ min: -1, max: 1, noNaN: true }), fc.boolean(), fc.constant(null)],
  maxDepth: 3,
});
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const step = fc.record({
  created: optional(time),
  created_by: optional(text),
  author: optional(text),
  comment: optional(text),
  empty_layer: optional(fc.boolean()),
});
const containerConfig = fc.record(
  {
    Env: fc.array(text),
    Cmd: fc.option(fc.array(text)),
    Labels: fc.dictionary(text, text),
    Memory: fc.nat(),
  },
  { requiredKeys: [] },
);

/** A config, its layers (base first), and the indentation to write it with. */
const image = fc
  .record({
    history: fc.array(step, { minLength: 1, maxLength: 8 }),
    config: containerConfig,
    architecture: fc.constantFrom('amd64', 'arm', ''),
    created: optional(time),
    // Names that differ only in case are refused.
    extra: fc
      .dictionary(
        text.map((name) => `x-${name}`),
        value,
      )
      .filter((members) => {
        const names = Object.keys(members);
        return new Set(names.map(foldName)).size === names.length;
      }),
    seeds: fc.array(digest, { minLength: 8, maxLength: 8 }),
    indent: fc.constantFrom(0, 2, 3),
  })
  .map(({ history, seeds, indent, extra, ...members }) => {
    const layers = seeds.slice(0, history.filter((entry) => entry.empty_layer !== true).length);
    const rootfs = { type: 'layers', diff_ids: layers.map(diffIDOf) };
    const document = { ...extra, ...members, os: 'linux', rootfs, history };
    return { config: Buffer.from(JSON.stringify(document, null, indent)), layers };
  });

function diffIDOf(layer: Digest): Digest {
  return digestOf(Buffer.from(`diffID of ${layer}`));
}

function schema1Of({ config, layers }: { config: Buffer; layers: Digest[] }) {
  const { payload, lost } = toSchema1({ name: 'n', tag: 't', config, layers });
  const manifest = parseManifest(payload);
  assert(manifest.format === 'docker-schema1');
  return { manifest, payload, lost };
}

function back(manifest: Schema1Manifest, layers: readonly Digest[]) {
  return fromSchema1(manifest, new Map(layers.map((blob) => [blob, { size: 1, diffID: diffIDOf(blob) }])));
}

/** Returns the meaning of a step: an empty string equals a missing one, and Go's zero time a missing time. */
function meaning({ created = '0001-01-01T00:00:00Z', empty_layer, ...texts }: HistoryEntry) {
  const said = Object.entries(texts).filter(([, value]) => value !== '');
  return { ...Object.fromEntries(said), created: Date.parse(created), isEmpty: empty_layer === true };
}

describe('conversions of any image', () => {
  it('keep what the config means, but for the last step, from schema2 to schema1 and back', () => {
    fc.assert(
      fc.property(image, (original) => {
        const { manifest } = schema1Of(original);
        const { config } = back(manifest, original.layers);
        const before = parseConfig(original.config, 'before');
        const after = parseConfig(config.bytes, 'after');
        assert.deepEqual({ ...after, history: [] }, { ...before, history: [] });
        assert.deepEqual(after.history.slice(0, -1).map(meaning), before.history.slice(0, -1).map(meaning));
        assert.equal(after.history.at(-1)?.empty_layer ?? false, before.history.at(-1)?.empty_layer ?? false);
      }),
    );
  });

  it('keep every other member of the config as it was spelled', () => {
    fc.assert(
      fc.property(image, (original) => {
        const { config } = back(schema1Of(original).manifest, original.layers);
        const [before, after] = [original.config, config.bytes].map((bytes) => rawMembers(bytes.toString()));
        for (const members of [before, after]) {
          members?.delete('history');
          members?.delete('rootfs');
        }
        assert.equal(goJSON(after ?? null), goJSON(before ?? null));
      }),
    );
  });

  it('name exactly what the last step loses', () => {
    fc.assert(
      fc.property(image, (original) => {
        const { manifest, lost } = schema1Of(original);
        const { config } = back(manifest, original.layers);
        const [before, after] = [original.config, config.bytes].map((bytes) =>
          meaning(parseConfig(bytes, 'config').history.at(-1) ?? {}),
        );
        // Additional values are not a loss: the time and the author of the image.
        const gone = Object.entries(before ?? {}).filter(
          ([name, value]) => new Map(Object.entries(after ?? {})).get(name) !== value,
        );
        const names = gone.map(([name]) => name).filter((name) => name !== 'created');
        for (const name of names)
          assert(
            lost.some((line) => line.startsWith(`${name} of the last`)),
            name,
          );
        assert(lost.every((line) => /^(?:created_by|created|author|comment) of the last/.test(line)));
      }),
    );
  });

  it('come to the same schema1 again', () => {
    fc.assert(
      fc.property(image, (original) => {
        const { manifest } = schema1Of(original);
        assert.deepEqual(layersOfSchema1(manifest), original.layers);
        const once = back(manifest, original.layers);
        const again = schema1Of({ config: once.config.bytes, layers: original.layers });
        assert.deepEqual(again.manifest.fsLayers, manifest.fsLayers);
        const twice = back(again.manifest, original.layers);
        assert.deepEqual(twice.config.bytes, once.config.bytes);
        assert.deepEqual(twice.manifest.bytes, once.manifest.bytes);
      }),
    );
  });

  it('sign what verifies', () => {
    const key = createSigningKey();
    fc.assert(
      fc.property(image, (original) => {
        const { manifest, payload } = schema1Of(original);
        const signed = signSchema1(payload, key);
        assert.equal(verifySchema1Signatures(signed).length, 1);
        const { signed: _, mediaType: __, ...read } = parseManifest(signed) as Schema1Manifest; // signed above
        assert.deepEqual(read, { ...read, fsLayers: manifest.fsLayers, history: manifest.history });
      }),
      { numRuns: 30 },
    );
  });
});

const dockerLayer = fc.record({
  mediaType: fc.constantFrom(
    MEDIA_TYPE.dockerLayerGzip,
    MEDIA_TYPE.dockerLayerTar,
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  ),
  digest,
  size: fc.nat(),
  urls: optional(fc.array(fc.webUrl(), { maxLength: 2 })),
});
const ociLayer = fc.record({
  mediaType: fc.constantFrom(MEDIA_TYPE.ociLayerGzip, MEDIA_TYPE.ociLayerTar),
  size: fc.nat(),
  digest,
  annotations: optional(fc.dictionary(text, text)),
});

function write(document: object, indent: string | number): Buffer {
  return Buffer.from(JSON.stringify(document, null, indent));
}

describe('any manifest between schema2 and OCI', () => {
  const indent = fc.constantFrom(0, 1, 3, '\t');

  it('comes back from OCI with the digest that it had', () => {
    fc.assert(
      fc.property(fc.array(dockerLayer), digest, indent, (layers, configDigest, indent) => {
        const config = { mediaType: MEDIA_TYPE.dockerConfig, size: 1, digest: configDigest };
        const original = write(
          { schemaVersion: 2, mediaType: MEDIA_TYPE.dockerManifest, config, layers },
          indent,
        );
        const oci = convertManifest(original, 'oci');
        assert.deepEqual({ lost: oci.lost, reversible: oci.reversible }, { lost: [], reversible: true });
        assert.equal(
          digestOf(convertManifest(oci.manifest.bytes, 'docker').manifest.bytes),
          digestOf(original),
        );
      }),
    );
  });

  it('comes back from schema2 with the digest that it had, exactly where it says so', () => {
    const optionals = fc.record(
      {
        mediaType: fc.constant(MEDIA_TYPE.ociManifest),
        annotations: fc.dictionary(text, text),
        artifactType: fc.constant('a/b'),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(ociLayer), optionals, indent, (layers, members, indent) => {
        const config = { mediaType: MEDIA_TYPE.ociConfig, digest: digestOf(json({})), size: 2 };
        const original = write({ schemaVersion: 2, config, layers, ...members }, indent);
        const { manifest, lost, reversible } = convertManifest(original, 'docker');
        const again = convertManifest(manifest.bytes, 'oci').manifest.bytes;
        assert.equal(again.equals(original), reversible);
        if (lost.length > 0) assert.equal(reversible, false);
      }),
    );
  });
});

describe('raw JSON of any value', () => {
  it('means what it meant', () => {
    fc.assert(
      fc.property(value, fc.constantFrom(0, 3), (value, indent) => {
        const raw = goJSON(new RawJSON(JSON.stringify(value, null, indent)));
        assert.deepEqual(JSON.parse(raw), JSON.parse(JSON.stringify(value)));
        assert.equal(goJSON(new RawJSON(raw)), raw);
      }),
    );
  });
});
