import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { acceptedTypes, formsFor } from '../../../src/server/read/negotiation.js';

const { ociIndex, ociManifest, ociArtifactManifest, dockerManifestList, dockerManifest } = MEDIA_TYPE;
const { dockerSchema1: unsigned, dockerSchema1Signed: schema1 } = MEDIA_TYPE;

describe('acceptedTypes', () => {
  it('takes the types of manifests from a header of any number of lines, case and space', () => {
    // Node.js joins header lines with a comma, as RFC 9110 has it.
    const header = `${dockerManifest.toUpperCase()} ;charset=utf-8,\t${ociIndex},,text/html, ${schema1};q=0.5`;
    assert.deepEqual([...acceptedTypes(header)], [dockerManifest, ociIndex, schema1]);
  });

  it('takes nothing from wildcards, from what only resembles a type, and from no header', () => {
    const resembling = `*/*, application/*, application/json, ${ociIndex}x, x${ociIndex}, application/vnd.oci.*`;
    for (const header of [undefined, '', ',', ';q=1', resembling])
      assert.deepEqual([...acceptedTypes(header)], []);
  });

  it('leaves out what has a weight of nothing, and ignores other weights', () => {
    const header = [
      `${ociIndex};q=0`,
      `${ociManifest}; q=0.000`,
      `${dockerManifest};q=0.001;x=1`,
      `${schema1};Q=0`,
    ];
    assert.deepEqual([...acceptedTypes(header.join(', '))], [dockerManifest]);
  });
});

describe('formsFor', () => {
  const table: [stored: string, accepted: string[], forms: string[][]][] = [
    // Whoever accepts nothing newer gets schema1.
    [dockerManifest, [], [[schema1]]],
    [dockerManifest, [schema1, unsigned], [[schema1]]],
    [dockerManifest, [dockerManifestList, ociIndex], [[schema1]]],
    [dockerManifest, [dockerManifest, schema1], []],
    [ociManifest, [], [[schema1]]],
    // The two forms of an image, where only the other is accepted.
    [dockerManifest, [ociManifest, ociIndex], [[ociManifest]]],
    [ociManifest, [dockerManifest, dockerManifestList, schema1], [[dockerManifest]]],
    [ociManifest, [ociManifest], []],
    // An index, its other form, one image, schema1.
    [ociIndex, [ociIndex, dockerManifestList], []],
    [ociIndex, [dockerManifestList, dockerManifest], [[dockerManifestList], [dockerManifest]]],
    [ociIndex, [dockerManifestList], [[dockerManifestList], [schema1]]],
    [dockerManifestList, [ociIndex, ociManifest], [[ociIndex], [ociManifest]]],
    [dockerManifestList, [ociManifest, dockerManifest], [[dockerManifest, ociManifest]]],
    [dockerManifestList, [], [[schema1]]],
    // Old images, to clients that know better and to those that do not.
    [schema1, [], []],
    [schema1, [schema1], []],
    [schema1, [dockerManifestList], []],
    [schema1, [schema1, dockerManifest], [[dockerManifest]]],
    [schema1, [ociManifest, schema1], [[ociManifest]]],
    [schema1, [ociManifest, dockerManifest], [[dockerManifest, ociManifest]]],
    [unsigned, [unsigned], []],
    [unsigned, [], [[schema1]]],
    // No image, and so in one form only.
    [ociArtifactManifest, [], []],
  ];
  for (const [stored, accepted, forms] of table) {
    it(`has for ${nameOf(stored)} and a client of ${accepted.map(nameOf).join(' and ') || 'nothing'}: ${forms.map((types) => types.map(nameOf).join(' or ')).join(', then ') || 'the stored bytes'}`, () => {
      assert.deepEqual(formsFor(stored, new Set(accepted)), forms);
    });
  }
});

function nameOf(mediaType: string): string {
  return Object.entries(MEDIA_TYPE).find(([, type]) => type === mediaType)?.[0] ?? mediaType;
}
