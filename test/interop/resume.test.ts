import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { needs } from '../support/needs.js';
import { lading, startLading } from '../support/programs/lading.js';
import { documentOf, getManifest, type NamedContent } from '../support/programs/registry-content.js';
import { succeed } from '../support/programs/run.js';
import {
  type Passed,
  startThrottlingProxy,
  type ThrottlingProxy,
} from '../support/programs/throttling-proxy.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { addBigImage, openSource, SOURCE_PROGRAMS } from './source.js';

const MB = 1_000_000;
/** Slow enough that a save of over 300 MB takes seconds, and that little is under way when it is killed. */
const SLOW = 100 * MB;
/** The most that is sent and not yet on the disk: in sockets, and what of ranges waits in memory for what comes before it. */
const LOST = 16 * MB + 32 * 1024 * 1024;

describe('a save of over 300 MB that is interrupted', () => {
  let proxy: ThrottlingProxy;
  let image: string;
  let layers: NamedContent[];
  let folder: string;

  before(async function () {
    needs(this, ...SOURCE_PROGRAMS);
    const { host } = await openSource();
    const repository = await addBigImage();
    proxy = await startThrottlingProxy(host);
    image = `${proxy.host}/${repository}:plain`;
    layers = documentOf((await getManifest(host, repository, 'plain')).bytes).layers ?? [];
    assert.ok(layers.reduce((sum, layer) => sum + layer.size, 0) > 300 * MB);
    folder = await temporaryFolder('resume');
  });

  /** The requests for content of a layer. */
  const downloads = (passed: readonly Passed[], layer: NamedContent) =>
    passed.filter(({ method, path }) => method === 'GET' && path.endsWith(`/blobs/${layer.digest}`));

  /** What was sent of a layer, which may come in ranges over several connections. */
  const sentOf = (passed: readonly Passed[], layer: NamedContent) =>
    downloads(passed, layer).reduce((sum, { bytes }) => sum + bytes, 0);

  const isStarted = (layer: NamedContent) => {
    const bytes = sentOf(proxy.passed, layer);
    return bytes > 20 * MB && bytes < 0.8 * layer.size;
  };

  /** Starts a save through the slowed proxy, and kills it when one layer is done and another is under way. */
  async function interrupt(args: string[], signal: NodeJS.Signals) {
    proxy.passed.length = 0;
    proxy.bytesPerSecond = SLOW;
    // What the proxy has sent may still lie in a socket: lading itself says what it has.
    const done = new Set<string>();
    const { process, outcome } = await startLading([...args, '--progress', 'json'], {
      onStderrLine: (line) => {
        const digest = doneDigest(line);
        if (digest !== undefined) done.add(digest);
      },
    });
    const isDone = ({ digest }: NamedContent) => done.has(digest);
    const early = await Promise.race([
      proxy.until(() => layers.some(isDone) && layers.some(isStarted)),
      outcome,
    ]);
    assert.equal(early, undefined, `ended by itself: ${early?.stderr}`);
    const finished = layers.filter(isDone);
    const started = layers.filter(isStarted);
    process.kill(signal);
    const { code } = await outcome;
    const passed = proxy.passed.splice(0);
    const sent = (layer: NamedContent) => sentOf(passed, layer);
    proxy.bytesPerSecond = Number.POSITIVE_INFINITY;
    return { code, finished, started, sent };
  }

  for (const [format, name, again] of [
    ['universal', 'archive', 'again.tar'],
    ['oci', 'layout', 'again'],
  ] as const) {
    it(`goes on in the ${name} after kill -9: finished layers are kept, a started one is continued`, async () => {
      const output = join(folder, `${name}.out`);
      const args = ['save', image, '--format', format, '-o', output];
      const { finished, started, sent } = await interrupt(args, 'SIGKILL');
      if (format === 'universal') await assert.rejects(access(output), { code: 'ENOENT' });

      await lading(...args);
      for (const layer of finished) {
        assert.deepEqual(downloads(proxy.passed, layer), [], `fetched again: ${layer.digest}`);
      }
      for (const layer of started) {
        const [continued, ...more] = downloads(proxy.passed, layer);
        assert.deepEqual(more, []);
        assert.equal(continued?.status, 206, `no Range request for ${layer.digest}`);
        const start = Number(/^bytes=(\d+)-/.exec(continued.range ?? '')?.[1]);
        assert.ok(start > sent(layer) - LOST && start <= sent(layer), `from ${start} of ${sent(layer)}`);
        assert.equal(continued.bytes, layer.size - start);
      }

      const undisturbed = join(folder, again);
      await lading('save', image, '--format', format, '-o', undisturbed);
      await succeed('diff', ['--recursive', '--brief', output, undisturbed]);
    });
  }

  it('exits with 130 on Ctrl-C, and nothing stands under the final name', async () => {
    const output = join(folder, 'interrupted.tar');
    const { code } = await interrupt(['save', image, '-o', output], 'SIGINT');
    assert.equal(code, 130);
    await assert.rejects(access(output), { code: 'ENOENT' });
  });
});

/** The digest in an event that says that a blob is there, whole and verified. */
function doneDigest(line: string): string | undefined {
  // A line is either an event of lading or its closing error.
  if (!line.startsWith('{')) return undefined;
  const event = JSON.parse(line) as { type?: string; descriptor?: { digest: string } };
  return event.type === 'done' ? event.descriptor?.digest : undefined;
}
