import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { parseAccept } from '../../../src/server/read/accept.js';

const { ociIndex, ociManifest, dockerManifest, dockerSchema1Signed: schema1 } = MEDIA_TYPE;

describe('parseAccept', () => {
  it('finds nothing said in no header and in an empty one', () => {
    for (const header of [undefined, '', ' ', ',', ';q=1']) assert.equal(parseAccept(header), undefined);
  });

  it('takes types from a header of any number of lines, case and space, with parameters', () => {
    // Node.js joins header lines with a comma, as in RFC 9110.
    const header = `${dockerManifest.toUpperCase()} ;charset=utf-8,\t${ociIndex},,text/html, ${schema1};q=0.5`;
    const accepted = parseAccept(header);
    const qualities = [dockerManifest, ociIndex, schema1, ociManifest].map((type) =>
      accepted?.qualityOf(type),
    );
    assert.deepEqual(qualities, [1, 1, 0.5, 0]);
    assert.deepEqual(
      [dockerManifest, schema1, ociManifest].map((type) => accepted?.names(type)),
      [true, true, false],
    );
  });

  it('lets the range decide that fits most closely, whatever the order', () => {
    const header = `*/*;q=0.1, application/*;q=0.2, ${ociIndex};q=0.3, ${ociManifest};q=0`;
    for (const ordered of [header, header.split(',').reverse().join(',')]) {
      const accepted = parseAccept(ordered);
      assert.deepEqual(
        [ociIndex, dockerManifest, ociManifest, 'text/html'].map((type) => accepted?.qualityOf(type)),
        [0.3, 0.2, 0, 0.1],
      );
      assert.deepEqual(
        [ociIndex, dockerManifest, ociManifest].map((type) => accepted?.names(type)),
        [true, false, false],
      );
    }
  });

  it('takes nothing from what only resembles a type', () => {
    const accepted = parseAccept(`${ociIndex}x, x${ociIndex}, application/vnd.oci.*, application/json`);
    assert.equal(accepted?.qualityOf(ociIndex), 0);
  });

  it('reads a weight in every form that it may have, and gives full weight for one that is none', () => {
    for (const [weight, quality] of [
      ['q=0', 0],
      ['q=0.000', 0],
      ['Q=0.001', 0.001],
      ['q = 0.5', 0.5],
      ['x=1;q=0.7', 0.7],
      ['q=1.000', 1],
      ['q=1.9', 1],
      ['q=much', 1],
      ['q=-1', 1],
    ] as const)
      assert.equal(parseAccept(`${ociIndex};${weight}`)?.qualityOf(ociIndex), quality, weight);
  });
});
