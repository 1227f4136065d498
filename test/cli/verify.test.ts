import assert from 'node:assert/strict';
import { fixturePath } from '../support/fixtures.js';
import { runInProcess } from './in-process.js';

describe('the program, about content', () => {
  const KEY = /WCFP:VEPR:362F:PUD7:P5JF:OUBM:67BK:UE4F:R567:S7LT:IAHD:C5AS/;

  it('tells what a document is, with its digest and the keys of its signatures', async () => {
    const { code, stdout } = await runInProcess(['verify', fixturePath('schema1/es256-jwk.json')]);
    assert.equal(code, 0);
    assert.match(stdout, /^docker-schema1 {2}sha256:06579b4856daa0\w+ {2}application\/vnd\.docker\./);
    assert.match(stdout, KEY);
    assert.match(stdout, /holds/);
    const forged = await runInProcess(['verify', fixturePath('schema1/bad-flipped-signature.json')]);
    assert.equal(forged.code, 3);
    assert.match(forged.stdout, /does NOT hold/);
  });

  it('ends with 3 where an image of several is damaged, and shows the others', async () => {
    const layout = fixturePath('layouts/mislabelled');
    for (const [command, expected, text] of [
      ['ls', 3, /DAMAGED/],
      ['inspect', 3, /DAMAGED/],
      ['verify', 3, /1 finding/],
    ] as const) {
      const { code, stdout } = await runInProcess([command, layout]);
      assert.equal(code, expected, command);
      assert.match(stdout, text);
    }
    const { images } = JSON.parse((await runInProcess(['ls', layout, '--json'])).stdout);
    assert.equal(images.length, 4);
  });

  it('leaves the layers as they are with --no-diff-ids', async () => {
    const archive = fixturePath('archives/ctr-export-multi.tar');
    const checked = async (...flags: string[]): Promise<number> =>
      JSON.parse((await runInProcess(['verify', archive, '--json', ...flags])).stdout).checked.diffIDs;
    assert.deepEqual([await checked(), await checked('--no-diff-ids')], [4, 0]);
  });

  it('refuses limits that are none', async () => {
    const archive = fixturePath('archives/ctr-export-multi.tar');
    for (const flags of [
      ['--max-ratio', '0'],
      ['--max-layer-bytes', 'x'],
    ]) {
      const { code, stderr } = await runInProcess(['verify', archive, ...flags]);
      assert.equal(code, 2);
      assert.match(stderr, /whole number/);
    }
  });
});

describe('verify, with several paths', () => {
  const sound = fixturePath('archives/ctr-export-multi.tar');
  const damaged = fixturePath('docker-archives/synthetic/bad-diffid.tar');

  it('looks at all of them, ends with a sum, and says how damaged images come back', async () => {
    const { code, stdout, stderr } = await runInProcess(['verify', damaged, 'gone.tar', sound]);
    assert.equal(code, 3);
    assert.match(stdout, /^damaged image {2}\S+/m);
    assert.match(stdout, /^to have (it|them) again: lading save \S+/m);
    assert.match(stdout, /ctr-export-multi\.tar: .*: all right\n2 of 3 are damaged or cannot be read\n$/);
    assert.match(stderr, /gone\.tar does not exist/);
    assert.match((await runInProcess(['verify', sound, sound])).stdout, /all 2 are all right\n$/);
  });

  it('ends with the code of what cannot be read if the others are sound', async () => {
    const { code, stdout } = await runInProcess(['verify', sound, 'gone.tar', '--json']);
    assert.equal(code, 5);
    const { ok, paths } = JSON.parse(stdout);
    assert.equal(ok, false);
    assert.deepEqual(
      paths.map(({ path, ok: isSound, error }: Record<string, { code?: string }>) => [
        path,
        isSound,
        error?.code,
      ]),
      [
        [sound, true, undefined],
        ['gone.tar', false, 'NOT_FOUND'],
      ],
    );
  });
});
