// Many processes save a list into one bucket, and are killed at random: `npm run soak:bucket [-- IMAGES WRITERS]`.
// Nothing may be lost or damaged, and hardly anything fetched twice; the bucket must equal that of a single run.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KEPT_AT_ONCE } from '../../src/transfer/read-images.js';
import { startRegistry } from '../operations/registry.js';
import { makeImage } from '../support/images.js';
import { runLading, startLading } from '../support/programs/lading.js';
import { newestPeer } from '../support/programs/peers.js';
import { startProcesses } from '../support/programs/versitygw.js';
import { temporaryFolder } from '../support/programs/workplace.js';

/** Images of one repository, which have a layer in common. */
const TAGS = 20;
/** How often each process is killed, unless it ends before. */
const KILLS = 2;
/** Milliseconds for each image of a share, within which a process is killed at a random time. */
const LIFE = 40;
/** Layers that a process fetches at a time (`--concurrency`), and images it reads: of a killed one, only these may come again. */
const UNDER_WAY = { layers: 8, configs: KEPT_AT_ONCE };
/** What the whole may cost: of all blobs, so many may come again. */
const MOST_AGAIN = 0.02;

const [images = 10_000, writers = 20] = process.argv.slice(2).map(Number);
const peer = await newestPeer('versitygw');
if ('missing' in peer) {
  console.log(`skipped: ${peer.missing}`);
  process.exit();
}

const registry = await startRegistry();
const service = await startProcesses(peer.program, 2);
const folder = await temporaryFolder('soak-bucket');
const environment = (place = 0) => ({
  ...service.environment(place),
  HOME: folder,
  LADING_PLAIN_HTTP: 'true',
});
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(0)} s`;
let kills = 0;

try {
  const names: string[] = [];
  const blobs = new Set<string>();
  const configs = new Set<string>();
  for (let image = 0; image < images; image += 1) {
    const repository = `team/app-${Math.floor(image / TAGS)}`;
    const made = await makeImage({ seed: image, layers: [3000, 500], seeds: [repository, `${image}`] });
    await registry.put(`${repository}:${image % TAGS}`, made);
    for (const { descriptor } of [made.config, ...made.layers]) blobs.add(descriptor.digest);
    configs.add(made.config.descriptor.digest);
    names.push(`${registry.name}/${repository}:${image % TAGS}`);
  }
  await lading(['lock', '-f', '-', '-o', 's3://images/all.lock.json'], 0, names.join('\n'));
  registry.sentBlobs();
  console.log(`${images} images with ${blobs.size} blobs, ${writers} processes`);

  let start = performance.now();
  await Promise.all(Array.from({ length: writers }, (_, writer) => saveShare(writer)));
  const again = repeated(registry.sentBlobs());
  const share = again.length / blobs.size;
  const againConfigs = again.filter((digest) => configs.has(digest)).length;
  const againLayers = again.length - againConfigs;
  console.log(
    `saved in ${seconds(start)}, ${kills} kills; ${again.length} of ${blobs.size} blobs fetched again ` +
      `(${(100 * share).toFixed(1)} %): ${againConfigs} configs, ${againLayers} layers`,
  );

  start = performance.now();
  console.log((await lading(['verify', 's3://images/shared'])).trim(), seconds(start));
  start = performance.now();
  await lading(['save', '--lock', 's3://images/all.lock.json', '-o', 's3://images/single'], 1);
  console.log(`a single run in ${seconds(start)}`);
  for (const part of ['names', 'blobs/sha256'])
    assert.deepEqual(
      objectsIn(`shared/${part}`),
      objectsIn(`single/${part}`),
      `${part} differ from a single run`,
    );
  assert.equal(objectsIn('shared/names').length, images);
  assert(againConfigs <= kills * UNDER_WAY.configs, `${againConfigs} configs were fetched again`);
  assert(againLayers <= kills * UNDER_WAY.layers, `${againLayers} layers were fetched again`);
  // Few images have little to share the cost of a kill among.
  if (blobs.size > kills * UNDER_WAY.layers * 50)
    assert(share <= MOST_AGAIN, `${share} of all blobs came again`);
  console.log('every name and blob is there once, as after a single run');
} finally {
  await service.stop();
  await registry.close();
}

/** Saves a share, again after each kill, until a run ends by itself; that must be a success. */
async function saveShare(writer: number): Promise<void> {
  const args = ['save', '--lock', 's3://images/all.lock.json', '-o', 's3://images/shared', '--quiet'];
  for (let run = 0; ; run += 1) {
    const running = await startLading([...args, '--shard', `${writer}/${writers}`], {
      env: environment(writer + run),
      timeout: 3_600_000,
    });
    const over = new AbortController();
    if (run < KILLS)
      void delay((Math.random() * LIFE * images) / writers, undefined, { signal: over.signal }).then(
        () => running.process.kill('SIGKILL'),
        () => {},
      );
    const { code, stderr } = await running.outcome;
    over.abort();
    if (code === 0) return;
    assert.equal(code, -1, stderr);
    kills += 1;
  }
}

async function lading(args: readonly string[], place = 0, stdin = ''): Promise<string> {
  const outcome = await runLading(args, { env: environment(place), stdin, timeout: 3_600_000 });
  assert.equal(outcome.code, 0, `${args.join(' ')}: ${outcome.stderr.slice(-2000)}`);
  return outcome.stdout;
}

/** Returns each text as often as it is there besides the first time. */
function repeated(texts: readonly string[]): string[] {
  const seen = new Set<string>();
  return texts.filter((text) => seen.size === seen.add(text).size);
}

function objectsIn(path: string): string[] {
  return readdirSync(join(service.bucket, path)).sort();
}
