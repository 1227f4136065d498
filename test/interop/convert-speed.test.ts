import assert from 'node:assert/strict';
import { rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { needs } from '../support/needs.js';
import { lading, ladingJSON } from '../support/programs/lading.js';
import { documentOf, sha256 } from '../support/programs/registry-content.js';
import { succeed } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { type Converted, onlyImage } from './converted.js';
import { pushSchema1 } from './images.js';
import { addBigImage, openSource, SOURCE_PROGRAMS, type Source } from './source.js';
import { openWritten } from './written.js';

/** The goals are 1 × skopeo and 0.3 s; the bounds leave room for a machine that does something else too. */
const MAX_RATIO = 1.5;
const MAX_DOCUMENTS_SECONDS = 1;
const RUNS = 3;

describe('the speed of convert', () => {
  let source: Source;
  let big: string;
  let folder: string;

  before(async function () {
    needs(this, ...SOURCE_PROGRAMS);
    source = await openSource();
    big = `${source.host}/${await addBigImage()}`;
    folder = await temporaryFolder('speed');
  });

  it('from schema1 to OCI is skopeo’s', async () => {
    await pushSchema1(source.host, 'app/big', 'gzip');
    const image = `docker://${big}:gzip-schema1`;
    const outputs = { lading: join(folder, 'lading'), skopeo: join(folder, 'skopeo') };
    const seconds = { lading: [] as number[], skopeo: [] as number[] };
    for (let run = 0; run < RUNS; run++) {
      for (const output of Object.values(outputs)) await rm(output, { recursive: true, force: true });
      const to = ['--to', 'oci', '--format', 'oci', '-o', outputs.lading];
      seconds.lading.push(await timed(() => lading('convert', image, ...to)));
      seconds.skopeo.push(await timed(() => forgetfulSkopeo(image, `oci:${outputs.skopeo}:big`)));
    }
    const layersOf = async (output: string) => {
      const { entries, readBlob } = await openWritten(output);
      return documentOf(await readBlob(`${entries[0]?.digest}`)).layers;
    };
    assert.deepEqual(await layersOf(outputs.lading), await layersOf(outputs.skopeo));
    const ratio = median(seconds.lading) / median(seconds.skopeo);
    report(
      `schema1 to OCI: lading ${show(seconds.lading)}, skopeo ${show(seconds.skopeo)}: ${ratio.toFixed(2)} ×`,
    );
    assert.ok(ratio <= MAX_RATIO, `${ratio} × skopeo`);
  });

  it('in a layout is that of documents alone, however big the layers', async () => {
    const layout = join(folder, 'documents');
    await lading('save', `${big}:gzip`, '--format', 'oci', '-o', layout);
    await staysFast(layout, 'a big image');
  });

  it('in a layout does not read what is in layers: one of 100 GB', async () => {
    const layout = join(folder, 'huge');
    await lading('save', `${source.host}/${source.chain}:1`, '--format', 'oci', '-o', layout);
    await growLayer(layout, 100e9);
    await staysFast(layout, 'a layer of 100 GB');
  });
});

/** skopeo remembers the diffIDs of layers it has seen, in a cache that only users other than root can place. */
async function forgetfulSkopeo(from: string, to: string): Promise<void> {
  const env = {
    ...process.env,
    _CONTAINERS_ROOTLESS_UID: '1000',
    XDG_DATA_HOME: await temporaryFolder('cache'),
  };
  const flags = ['--insecure-policy', 'copy', '--src-tls-verify=false', '--format', 'oci'];
  await succeed('skopeo', [...flags, from, to], { env });
}

/** Converts to and fro between two layouts that have the layers already, and compares with the start of node alone. */
async function staysFast(layout: string, what: string): Promise<void> {
  const { entries, digests } = await openWritten(layout);
  const files = await Promise.all(
    digests.map(async (digest) => stat((await openWritten(layout)).blobFile(digest))),
  );
  const other = `${layout}-oci`;
  await succeed('cp', ['--archive', '--link', layout, other]);
  for (const name of ['index.json', 'oci-layout']) await rm(join(other, name));
  const seconds = { node: [] as number[], convert: [] as number[] };
  for (let run = 0; run < RUNS; run++) {
    for (const to of ['oci', 'docker']) {
      seconds.node.push(await timed(() => succeed(process.execPath, ['-e', '0'])));
      seconds.convert.push(
        await timed(async () => {
          const [from, output] = to === 'oci' ? [layout, other] : [other, layout];
          const converted = await ladingJSON<Converted>('convert', from, '--to', to, '-o', output);
          assert.equal(to === 'docker', onlyImage(converted).to.digest === entries[0]?.digest);
        }),
      );
    }
  }
  const after = await openWritten(layout);
  assert.deepEqual(after.entries, entries, 'and back is what it was');
  const kept = await Promise.all(digests.map(async (digest) => stat(after.blobFile(digest))));
  assert.deepEqual(
    kept.map(({ ino }) => ino),
    files.map(({ ino }) => ino),
    'no file was written anew',
  );
  const extra = median(seconds.convert) - median(seconds.node);
  report(
    `documents alone, ${what}: ${show(seconds.convert)}, node alone ${show(seconds.node)}: ${extra.toFixed(2)} s more`,
  );
  assert.ok(extra < MAX_DOCUMENTS_SECONDS, `${extra} s`);
}

/** Makes the first layer of a layout's image a file of many bytes, none of which takes room on the disk. */
async function growLayer(layout: string, size: number): Promise<void> {
  const { entries, readBlob, blobFile } = await openWritten(layout);
  const [entry] = entries;
  const bytes = await readBlob(`${entry?.digest}`);
  const [layer] = documentOf(bytes).layers ?? [];
  assert.ok(entry && layer);
  await truncate(blobFile(layer.digest), size);
  const grown = Buffer.from(bytes.toString().replace(`"size": ${layer.size}`, `"size": ${size}`));
  const digest = sha256(grown);
  await writeFile(blobFile(digest), grown);
  const manifests = [{ ...entry, digest, size: grown.length }];
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function show(seconds: readonly number[]): string {
  return `${median(seconds).toFixed(2)} s`;
}

function report(line: string): void {
  console.log(`      ${line}`);
}
