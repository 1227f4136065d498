import assert from 'node:assert/strict';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT, exitCodeOf } from '../../src/cli/exit-codes.js';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { list } from '../../src/operations/list.js';
import { load } from '../../src/operations/load.js';
import { verify } from '../../src/operations/verify/verify.js';
import { makeOddImage, makeOddImages, writeLayout } from '../support/odd-images.js';
import { useFolder } from '../support/temporary.js';
import { serveWritable, type WritableServed } from '../support/writable-server.js';

/** Every archive and layout among the fixtures. */
async function fixtures(): Promise<string[]> {
  const root = fileURLToPath(new URL('../../fixtures/', import.meta.url));
  const entries = await readdir(root, { recursive: true });
  return entries.filter((entry) => /\.tar(\.gz)?$/.test(entry)).map((entry) => join(root, entry));
}

/** Whether a command takes content; undefined where something else keeps it from its work (names, mostly). */
async function takes(command: Promise<unknown>): Promise<boolean | undefined> {
  try {
    await command;
    return true;
  } catch (error) {
    return exitCodeOf(error) === EXIT.content ? false : undefined;
  }
}

describe('the verdicts of ls, inspect, verify, copy and load on the same content', () => {
  const path = useFolder('the suite');
  let server: WritableServed;
  before(async () => {
    server = await serveWritable();
  });
  after(() => server.close());

  /** Everything must agree on whether the content can be moved; verify alone may have more to say. */
  async function agree(input: string): Promise<{ moves: boolean; ok: boolean }> {
    const output = path(`copy-${Math.random()}`);
    const moves = (await takes(copyImages({ source: input, destination: `oci:${output}` }))) !== false;
    await rm(output, { recursive: true, force: true });
    const loads = await takes(load({ input, destination: server.registry }));
    const ok = (await verify(input).catch(() => ({ ok: false }))).ok;
    const inspected = await inspect(input).catch(() => undefined);
    const shown = inspected?.images.every(({ problem }) => problem === undefined) === true;
    const listed = await list(input).catch(() => undefined);
    if (loads !== undefined) assert.equal(loads, moves, `load ${loads}, copy ${moves}`);
    if (ok) assert.ok(moves, 'verify finds nothing, and copy refuses it');
    if (moves) assert.ok(shown, 'copy takes it, and inspect shows a problem');
    if (moves) {
      assert.ok(listed?.kind === 'images' && listed.images.every(({ problem }) => problem === undefined));
    }
    return { moves, ok };
  }

  it('agree over every fixture', async () => {
    const paths = await fixtures();
    assert.ok(paths.length > 15);
    for (const input of paths) {
      try {
        await agree(input);
      } catch (error) {
        throw new Error(input, { cause: error });
      }
    }
  });

  it('agree over images that are odd, all of which are moved and converted', async () => {
    const odd = await makeOddImages();
    const images = Object.fromEntries(odd.map((image, place) => [`example.test/odd-${place}:1`, image]));
    await mkdir(path('odd'));
    const input = await writeLayout(path('odd'), images);
    assert.ok((await agree(input)).moves);
    for (const to of ['oci', 'docker'] as const) {
      const output = path(`odd-${to}.tar`);
      const converted = await convert({ source: input, output, to });
      assert.equal(converted.images.length, odd.length);
      assert.ok((await agree(output)).moves, `converted to ${to}`);
    }
  });

  it('agree over what cannot be moved', async () => {
    const refused = await makeOddImage('a layer without a size', { layer: { size: undefined } });
    const ambiguous = await makeOddImage('two formats', { manifest: (it) => ({ ...it, manifests: [] }) });
    const undecodable = await makeOddImage('a number', {
      manifest: (it) => ({ ...it, annotations: { a: 1 } }),
    });
    for (const [place, image] of [refused, ambiguous, undecodable].entries()) {
      const folder = path(`refused-${place}`);
      await mkdir(folder);
      const { moves, ok } = await agree(await writeLayout(folder, { 'example.test/odd:1': image }));
      assert.deepEqual([moves, ok], [false, false], image.title);
    }
  });
});
