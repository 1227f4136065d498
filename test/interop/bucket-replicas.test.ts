import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { needs } from '../support/needs.js';
import { freePort, startDaemon } from '../support/programs/daemon.js';
import { runLading } from '../support/programs/lading.js';
import { LADING } from '../support/programs/lading-command.js';
import { skopeo } from '../support/programs/skopeo.js';
import { startVersitygw, type Versitygw } from '../support/programs/versitygw.js';
import { temporaryFolder } from '../support/programs/workplace.js';

const ARCHIVE = fileURLToPath(new URL('../../fixtures/archives/docker20-multi.tar', import.meta.url));
const PLACE = 's3://images/served';

describe('replicas of a registry over a bucket of versitygw', () => {
  let service: Versitygw;

  before(async function () {
    needs(this, 'skopeo');
    service = await startVersitygw(this);
    await lading('copy', ARCHIVE, PLACE);
  });
  after(() => service?.stop());

  const lading = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runLading(args, { env: service.environment() });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  /** Starts a replica that asks one of the processes; resolves with its address. */
  const replica = async (through: number, ...flags: string[]): Promise<string> => {
    const host = `127.0.0.1:${await freePort()}`;
    const [command, ...before] = LADING;
    await startDaemon(command, [...before, 'serve', PLACE, '--listen', host, ...flags], {
      env: { PATH: process.env.PATH, HOME: '/nonexistent', ...service.environment(through) },
      ready: () =>
        fetch(`http://${host}/healthz`).then(
          ({ status }) => status === 200,
          () => false,
        ),
    });
    return host;
  };

  it('give skopeo the same images, through the server and by signed URLs', async () => {
    const replicas = [await replica(0), await replica(1, '--redirect')];
    const folder = await temporaryFolder('pulled');
    for (const [place, host] of replicas.entries())
      await skopeo(
        'copy',
        '--src-tls-verify=false',
        `docker://${host}/library/tiny:2`,
        `dir:${folder}/${place}`,
      );
    const files = replicas.map((_, place) => readdirSync(join(folder, String(place))).sort());
    assert.ok((files[0]?.length ?? 0) > 3);
    assert.deepEqual(files[0], files[1]);
  });

  it('have lost a name some seconds after it went, and prune takes its image and no more', async () => {
    const hosts = [await replica(0), await replica(1)];
    const key = `${Buffer.from('docker.io/library/tiny:1').toString('base64url')}.json`;
    const blobs = join(service.bucket, 'served', 'blobs', 'sha256');
    const before = readdirSync(blobs).length;
    await rm(join(service.bucket, 'served', 'names', key));
    await new Promise((resolve) => setTimeout(resolve, 6000));
    for (const host of hosts)
      for (const [tag, status] of [
        ['1', 404],
        ['2', 200],
      ] as const)
        assert.equal((await fetch(`http://${host}/v2/library/tiny/manifests/${tag}`)).status, status);
    const pruned = JSON.parse(
      await lading('prune', PLACE, '--older-than', '0s', '--pause', '0s', '--json', '--quiet'),
    );
    assert.ok(pruned.removed.length > 0);
    assert.equal(readdirSync(blobs).length, before - pruned.removed.length);
    assert.match(await lading('verify', PLACE), /all right/);
  });
});
