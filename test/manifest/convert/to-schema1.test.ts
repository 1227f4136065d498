import assert from 'node:assert/strict';
import { digestOf } from '../../../src/content/digest.js';
import { EMPTY_LAYER } from '../../../src/manifest/convert/empty-layer.js';
import { toSchema1 } from '../../../src/manifest/convert/to-schema1.js';
import { parseManifest } from '../../../src/manifest/manifest.js';
import { parseV1Image } from '../../../src/manifest/v1/image.js';
import { fixture, json } from '../../support/fixtures.js';

/** Returns the input of a golden vector, which was made by distribution's own builder. */
function input(name: string) {
  const path = `conversion/schema2-to-schema1/${name}`;
  const { ref, layers } = JSON.parse(fixture(`${path}.case.json`).toString());
  const [repository, tag] = ref.split(':');
  return { name: repository, tag, layers, config: fixture(`${path}.config.json`) };
}

const A = digestOf(Buffer.from('a'));
const B = digestOf(Buffer.from('b'));
const STEP = { created: '2020-01-01T00:00:00Z', created_by: 'RUN a' };

function convert(config: object, layers = [A]) {
  const rootfs = { type: 'layers', diff_ids: layers };
  return toSchema1({ name: 'n', tag: 't', config: json({ rootfs, ...config }), layers });
}

describe('an image as schema1', () => {
  const NAMES = ['one-layer', 'empty-top', 'empty-middle', 'html-escape', 'timezones', 'windows-base2'];
  for (const name of NAMES) {
    it(`is byte for byte what distribution makes of it: ${name}`, () => {
      const expected = fixture(`conversion/schema2-to-schema1/${name}.expected-payload.json`);
      const { payload } = toSchema1(input(name));
      assert.equal(payload.toString(), expected.toString());
    });
  }

  it('has the layers and the history that distribution gives an image of many steps', () => {
    const folder = 'conversion/many-steps';
    const expected = fixture(`${folder}/by-distribution.json`).toString();
    const { name, tag } = JSON.parse(expected);
    const image = parseManifest(fixture(`${folder}/manifest.json`));
    assert(image.format === 'docker-schema2');
    const { payload } = toSchema1({
      name,
      tag,
      config: fixture(`${folder}/config.json`),
      layers: image.layers.map(({ digest }) => digest),
    });
    assert.equal(payload.toString(), expected);
  });

  it('says whether the empty layer has to be there', () => {
    assert.equal(toSchema1(input('empty-top')).needsEmptyLayer, true);
    assert.equal(toSchema1(input('one-layer')).needsEmptyLayer, false);
    assert.equal(digestOf(EMPTY_LAYER.bytes), EMPTY_LAYER.digest);
    assert.equal(EMPTY_LAYER.bytes.length, EMPTY_LAYER.size);
  });

  it('names what the last step and Windows lose', () => {
    assert.deepEqual(toSchema1(input('windows-base2')).lost, [
      'created_by of the last history entry: two',
      'the Windows base layer windowsservercore',
    ]);
    const config = { created: STEP.created, comment: 'c', history: [{ ...STEP, comment: 'c', author: 'A' }] };
    assert.deepEqual(convert(config).lost, [
      'created_by of the last history entry: RUN a',
      'author of the last history entry: A',
    ]);
  });

  it('loses the members that would be about another entry', () => {
    const parent = 'f'.repeat(64);
    const { payload, lost } = convert({ id: 'x', parent, throwaway: true, history: [{}] });
    const [entry = ''] = (parseManifest(payload) as { history: string[] }).history; // made by toSchema1
    const { parent: kept, throwaway } = parseV1Image(Buffer.from(entry), 'entry');
    assert.deepEqual({ kept, throwaway }, { kept: undefined, throwaway: undefined });
    assert.equal(lost.length, 3);
  });

  it('is refused without history', () => {
    assert.throws(() => toSchema1(input('err-no-history')), /empty history when trying/);
  });

  it('is refused with more steps than layers', () => {
    assert.throws(() => toSchema1(input('err-too-many-history')), {
      code: 'INVALID_MANIFEST',
      message: /too many non-empty layers in History section/,
    });
  });

  it('is refused with layers that no step made, which distribution drops', () => {
    assert.throws(() => convert({ history: [STEP] }, [A, B]), /accounts for 1 of 2 layers/);
  });

  it('is refused with as many diffIDs as there are not layers', () => {
    const rootfs = { type: 'layers', diff_ids: [A] };
    assert.throws(() => convert({ rootfs, history: [STEP] }, [A, B]), /1 diffIDs for 2 layers/);
  });

  it('is refused with a time that Go cannot read', () => {
    assert.throws(() => convert({ history: [{ ...STEP, created: 'yesterday', empty_layer: true }, STEP] }), {
      code: 'INVALID_MANIFEST',
    });
  });
});
