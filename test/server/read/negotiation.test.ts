import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { parseAccept } from '../../../src/server/read/accept.js';
import { formsFor } from '../../../src/server/read/negotiation.js';

const { ociIndex, ociManifest, ociArtifactManifest, dockerManifestList, dockerManifest } = MEDIA_TYPE;
const { dockerSchema1: unsigned, dockerSchema1Signed: schema1 } = MEDIA_TYPE;
const STORED = [ociIndex, ociManifest, dockerManifestList, dockerManifest, schema1, unsigned];

describe('formsFor', () => {
  const table: [stored: string, accepted: string[], forms: string[][]][] = [
    // A client that names schema1 and nothing newer gets it.
    [dockerManifest, [schema1, unsigned], [[schema1]]],
    [dockerManifest, [unsigned], [[schema1]]],
    [ociIndex, [schema1, 'application/json'], [[schema1]]],
    [dockerManifest, [dockerManifest, schema1], []],
    // The two formats of an image, if only the other one is accepted.
    [dockerManifest, [dockerManifestList, ociIndex], []],
    [dockerManifest, [ociManifest, ociIndex], [[ociManifest]]],
    [ociManifest, [dockerManifest, dockerManifestList, schema1], [[dockerManifest]]],
    [ociManifest, [ociManifest], []],
    // An index, the other type of index, one image.
    [ociIndex, [ociIndex, dockerManifestList], []],
    [ociIndex, [dockerManifestList, dockerManifest], [[dockerManifestList], [dockerManifest]]],
    [ociIndex, [dockerManifestList], [[dockerManifestList]]],
    [ociIndex, [dockerManifestList, schema1], [[dockerManifestList], [schema1]]],
    [dockerManifestList, [ociIndex, ociManifest], [[ociIndex], [ociManifest]]],
    [dockerManifestList, [ociManifest, dockerManifest], [[dockerManifest, ociManifest]]],
    // A wildcard accepts the stored format, whatever else is named.
    [ociIndex, [dockerManifest, '*/*'], []],
    [ociManifest, [schema1, '*/*'], []],
    [dockerManifest, [ociManifest, 'application/*'], []],
    // Weights: formats with a greater weight than the stored one, the greatest first; none with weight 0.
    [ociManifest, [`${dockerManifest};q=0.5`, ociManifest], []],
    [ociManifest, [dockerManifest, `${ociManifest};q=0.5`], [[dockerManifest]]],
    [ociIndex, [`${ociIndex};q=0.1`, '*/*;q=0.1', `${dockerManifest};q=0.2`], [[dockerManifest]]],
    [ociIndex, [`${dockerManifestList};q=0.5`, ociManifest], [[ociManifest], [dockerManifestList]]],
    [ociIndex, [`${dockerManifest};q=0.5`, `${ociManifest};q=0.6`], [[ociManifest], [dockerManifest]]],
    [ociManifest, [`${dockerManifest};q=0`], []],
    [ociManifest, [`${schema1};q=0.0`], []],
    [ociManifest, [`${ociManifest};q=0`, '*/*'], [[dockerManifest]]],
    [dockerManifest, [schema1, `${dockerManifest};q=0.5`], [[schema1]]],
    // Images stored as schema1, for clients that accept newer ones and for those that do not.
    [schema1, [schema1], []],
    [schema1, ['*/*'], []],
    [schema1, [dockerManifestList], []],
    [schema1, [schema1, dockerManifest], [[dockerManifest]]],
    [schema1, [dockerManifest, '*/*'], [[dockerManifest]]],
    [schema1, [`${dockerManifest};q=0.5`, schema1], []],
    [schema1, [ociManifest, schema1], [[ociManifest]]],
    [schema1, [ociManifest, dockerManifest], [[dockerManifest, ociManifest]]],
    [unsigned, [unsigned], []],
    [unsigned, [schema1], [[schema1]]],
    // Not an image, so there is only one format.
    [ociArtifactManifest, [ociManifest], []],
  ];
  for (const [stored, accepted, forms] of table) {
    it(`has for ${nameOf(stored)} and a client of ${accepted.map(nameOf).join(' and ')}: ${forms.map((types) => types.map(nameOf).join(' or ')).join(', then ') || 'the stored bytes'}`, () => {
      assert.deepEqual(formsFor(stored, parseAccept(accepted.join(', '))), forms);
    });
  }

  it('has the stored bytes for clients that accept everything, in whichever words, and for those that accept nothing that there is', () => {
    for (const accept of [undefined, '*/*', 'application/*', 'application/json', '*/*;q=0.1', 'text/html'])
      for (const stored of STORED) assert.deepEqual(formsFor(stored, parseAccept(accept)), [], accept);
  });

  it('has schema1 for clients that say nothing, and only for them, where it is the default', () => {
    for (const stored of STORED) {
      const forms = stored === schema1 ? [] : [[schema1]];
      assert.deepEqual(formsFor(stored, undefined, { schema1Default: true }), forms);
      assert.deepEqual(formsFor(stored, parseAccept('*/*'), { schema1Default: true }), []);
    }
    assert.deepEqual(formsFor(ociArtifactManifest, undefined, { schema1Default: true }), []);
  });
});

function nameOf(range: string): string {
  const [type = '', ...rest] = range.split(';');
  const name = Object.entries(MEDIA_TYPE).find(([, mediaType]) => mediaType === type)?.[0] ?? type;
  return [name, ...rest].join(';');
}
