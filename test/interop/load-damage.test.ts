import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixturePath } from '../support/fixtures.js';
import { type MadeImage, makeImage } from '../support/images.js';
import { needs } from '../support/needs.js';
import { startDockerRegistry } from '../support/programs/docker-registry.js';
import { runLading } from '../support/programs/lading.js';
import { sha256 } from '../support/programs/registry-content.js';
import { succeed } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { archiveOf, tagsAt } from './loaded.js';
import { refuses } from './refusal.js';
import { unpack } from './written.js';

let host: string;
let folder: string;
let prefixes = 0;

before(async function () {
  needs(this, 'docker-registry');
  ({ host } = await startDockerRegistry());
  folder = await temporaryFolder('damaged');
});

/** Loads these bytes, which has to be refused without any tag; returns what is told. */
async function isRefused(bytes: Buffer, repositories: string[]): Promise<{ message: string; hint: string }> {
  prefixes += 1;
  const input = join(folder, `${prefixes}.tar`);
  await writeFile(input, bytes);
  const told = await refuses(3, /./, ['load', '--input', input, `${host}/damaged-${prefixes}`]);
  for (const repository of repositories)
    assert.deepEqual(await tagsAt(host, `damaged-${prefixes}/${repository}`), []);
  await rm(input);
  return told;
}

/** The archive with one bit of `part` flipped, at a place that is the same at every run. */
function flipped(archive: Buffer, part: Buffer, seed: string): Buffer {
  const start = archive.indexOf(part);
  assert.ok(start > 0 && archive.indexOf(part, start + 1) === -1, `${seed} is there once`);
  const random = createHash('sha256').update(seed).digest();
  const damaged = Buffer.from(archive);
  const place = start + (random.readUInt32BE(0) % part.length);
  damaged[place] = (damaged[place] ?? 0) ^ (1 << (random.readUInt8(4) % 8));
  return damaged;
}

describe('load of a damaged OCI archive moves no tag, and names the blob, the image and what to ask for', () => {
  const repositories = ['first', 'second'];
  let archive: Buffer;
  let first: MadeImage;
  let second: MadeImage;

  before(async () => {
    first = await makeImage({ seed: 'damage 1', layers: [400_000, 2000] });
    second = await makeImage({ seed: 'damage 2', layers: [100_000] });
    const images = { 'example.com/first:1': first, 'example.com/second:2': second };
    archive = await readFile(await archiveOf(images));
  });

  const parts = (): Record<string, MadeImage['config'] | undefined> => ({
    'a layer': second.layers[0],
    'a config': second.config,
    'a manifest': second.manifest,
  });

  for (const part of ['a layer', 'a config', 'a manifest']) {
    for (const seed of [1, 2]) {
      it(`when a bit of ${part} is flipped (${seed})`, async () => {
        const content = parts()[part];
        assert.ok(content);
        const { message, hint } = await isRefused(
          flipped(archive, content.bytes, `${part} ${seed}`),
          repositories,
        );
        assert.ok(message.includes(content.descriptor.digest), message);
        assert.match(message, /example\.com\/second:2/);
        assert.match(hint, /^hint: Ask whoever made it for a new save of example\.com\/second:2/);
      });
    }
  }

  it('when a bit of a digest in index.json is flipped', async () => {
    const hex = Buffer.from(`${second.manifest.descriptor.digest.slice('sha256:'.length)}`);
    const place = archive.indexOf(Buffer.concat([Buffer.from('sha256:'), hex]));
    assert.ok(place > 0);
    const damaged = Buffer.from(archive);
    const last = place + 'sha256:'.length + hex.length - 1;
    damaged[last] = (damaged[last] ?? 0) ^ 1;
    const { message, hint } = await isRefused(damaged, repositories);
    assert.match(message, /sha256:[0-9a-f]{20}/);
    assert.match(hint, /ask whoever made it|Ask whoever made it/);
  });

  it('when index.json is no JSON any more', async () => {
    const damaged = Buffer.from(archive);
    damaged[archive.indexOf('"manifests"')] = 0x7b;
    const { message, hint } = await isRefused(damaged, repositories);
    assert.match(message, /index\.json is not valid JSON/);
    assert.match(hint, /ask whoever made it/);
  });

  for (const share of [0.05, 0.4, 0.95]) {
    it(`when it is cut off after ${share * 100} %`, async () => {
      const { message, hint } = await isRefused(
        archive.subarray(0, Math.floor(archive.indexOf('oci-layout') * share)),
        repositories,
      );
      assert.match(message, /cut short/);
      assert.match(hint, /again/);
    });
  }

  for (const part of ['a layer', 'a config', 'a manifest']) {
    it(`when ${part} is missing`, async () => {
      const content = parts()[part];
      assert.ok(content);
      const whole = join(folder, 'whole.tar');
      const holed = join(folder, 'holed.tar');
      await writeFile(whole, archive);
      const layout = await unpack(whole);
      const path = join('blobs', ...content.descriptor.digest.split(':'));
      await succeed('tar', ['-cf', holed, '-C', layout, '--exclude', path, '.']);
      const { message, hint } = await isRefused(await readFile(holed), repositories);
      assert.ok(message.includes(content.descriptor.digest), message);
      assert.match(message, /example\.com\/second:2/);
      assert.match(hint, /^hint: Ask whoever made it for a new save of example\.com\/second:2/);
    });
  }

  it('but loads the images that are whole with --keep-going', async () => {
    const layer = second.layers[0];
    assert.ok(layer);
    const input = join(folder, 'half.tar');
    await writeFile(input, flipped(archive, layer.bytes, 'kept going'));
    const args = ['load', '--input', input, `${host}/half`, '--keep-going', '--progress', 'none'];
    const { code, stderr } = await runLading(args);
    assert.equal(code, 4, stderr);
    assert.ok(stderr.includes(layer.descriptor.digest), stderr);
    assert.deepEqual(await tagsAt(host, 'half/first'), ['1']);
    assert.deepEqual(await tagsAt(host, 'half/second'), []);
  });
});

describe('load of a damaged archive of docker save moves no tag, and names the blob and the image', () => {
  const repositories = ['library/tiny'];

  it('when a bit of a layer, or of a config, is flipped', async () => {
    const path = fixturePath('archives/docker20-single.tar');
    const archive = await readFile(path);
    const unpacked = await unpack(path);
    const [item] = JSON.parse(await readFile(join(unpacked, 'manifest.json'), 'utf8'));
    for (const name of [item.Config, ...item.Layers]) {
      const content = await readFile(join(unpacked, name));
      const { message, hint } = await isRefused(flipped(archive, content, name), repositories);
      assert.ok(message.includes(sha256(content)), message);
      assert.match(message, /tiny:1/);
      assert.match(hint, /Ask whoever made it for a new save of .*tiny:1/);
    }
  });

  it('when a layer is missing, or the end is', async () => {
    const path = fixturePath('archives/docker20-single.tar');
    const archive = await readFile(path);
    const unpacked = await unpack(path);
    const [item] = JSON.parse(await readFile(join(unpacked, 'manifest.json'), 'utf8'));
    const holed = join(folder, 'docker-holed.tar');
    await succeed('tar', ['-cf', holed, '-C', unpacked, '--exclude', item.Layers[0], '.']);
    const missing = await isRefused(await readFile(holed), repositories);
    assert.ok(missing.message.includes(item.Layers[0]), missing.message);
    const cut = await isRefused(archive.subarray(0, archive.length / 2), repositories);
    assert.match(cut.message, /cut short/);
  });
});
