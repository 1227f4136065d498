import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { needs } from '../support/needs.js';
import { ANSWERED_BY, startHaproxy } from '../support/programs/haproxy.js';
import { runLading } from '../support/programs/lading.js';
import { startNginx } from '../support/programs/nginx.js';
import { type Replica, startReplica } from '../support/programs/replica.js';
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

  const lading = (...args: string[]) => succeed(service, ...args);
  const replica = async (through: number, ...flags: string[]): Promise<string> =>
    (await startReplica(PLACE, service.environment(through), ...flags)).host;

  it('give skopeo the same images, through the server and by signed URLs', async () => {
    const replicas = [await replica(0), await replica(1, '--redirect')];
    const [files = [], ...others] = await Promise.all(replicas.map(pull));
    assert.ok(files.length > 3);
    assert.deepEqual(others, [files]);
  });

  it('have lost a name some seconds after it went, and prune takes its image and no more', async () => {
    const hosts = [await replica(0), await replica(1)];
    const key = `${Buffer.from('docker.io/library/tiny:1').toString('base64url')}.json`;
    const blobs = join(service.bucket, 'served', 'blobs', 'sha256');
    const before = readdirSync(blobs).length;
    await rm(join(service.bucket, 'served', 'names', key));
    await delay(6000);
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

  it('take no pushes: uploads would need a state that replicas share', async () => {
    const { code, stderr } = await runLading(['serve', PLACE, '--writable'], { env: service.environment() });
    assert.equal(code, 1);
    assert.match(stderr, /s3:\/\/images\/served is a bucket, which takes no pushes.*\nhint: .*lading copy/);
  });
});

for (const [balancing, startBalancer] of [
  ['haproxy', startHaproxy],
  ['nginx', startNginx],
] as const)
  describe(`replicas of a registry over a bucket, behind ${balancing}`, () => {
    let service: Versitygw;
    let replicas: Replica[];
    let balancer: string;
    let expected: string[];

    before(async function () {
      needs(this, 'skopeo', balancing);
      service = await startVersitygw(this);
      await succeed(service, 'copy', ARCHIVE, PLACE);
      // Two ask the first process of the service, and one the second.
      replicas = await Promise.all(
        [0, 0, 1].map((through) => startReplica(PLACE, service.environment(through))),
      );
      balancer = await startBalancer(replicas.map(({ host }) => host));
      expected = await pull(replicas[2]?.host ?? '');
      assert.ok(expected.length > 3);
    });
    after(async () => {
      for (const { stop } of replicas ?? []) await stop();
      await service?.stop();
    });

    /** Resolves with the status of requests in turn, and the place of the replica that has answered. */
    const answers = async (): Promise<string[]> => {
      const seen = new Set<string>();
      for (let request = 0; request < 9; request += 1) {
        const answer = await fetch(`http://${balancer}/v2/library/tiny/manifests/2`);
        await answer.arrayBuffer();
        const by = replicas.findIndex(({ host }) => host === answer.headers.get(ANSWERED_BY));
        seen.add(`${answer.status} by ${by}`);
      }
      return [...seen].sort();
    };

    it('share the requests of one pull, and give the same image', async () => {
      assert.deepEqual(await answers(), ['200 by 0', '200 by 1', '200 by 2']);
      assert.deepEqual(await pull(balancer), expected);
    });

    it('are missed by nobody when one of them is stopped, before and after it is noticed', async () => {
      await replicas[0]?.stop();
      assert.deepEqual(await pull(balancer), expected);
      assert.deepEqual(await answers(), ['200 by 1', '200 by 2']);
      await delay(1000);
      assert.deepEqual(await pull(balancer), expected);
    });

    /** Asks again and again until only one replica answers; each request must be answered well, and soon. */
    const onlyOne = async (): Promise<void> => {
      const until = Date.now() + 10_000;
      for (let seen: string[] = []; seen.join() !== '200 by 2'; seen = await answers()) {
        assert.ok(Date.now() < until, 'a replica that cannot read the bucket says so');
        assert.deepEqual(
          seen.filter((answer) => !answer.startsWith('200')),
          [],
        );
      }
    };

    it('get no requests while their process of the service hangs, and no client notices', async () => {
      service.pauseOne(0);
      await onlyOne();
      assert.deepEqual(await pull(balancer), expected);
      service.resumeOne(0);
      const until = Date.now() + 10_000;
      while ((await answers()).join() !== '200 by 1,200 by 2') assert.ok(Date.now() < until);
    });

    it('get no requests when their process of the service is gone, and no client notices', async () => {
      await service.stopOne(0);
      await onlyOne();
      assert.deepEqual(await pull(balancer), expected);
    });
  });

async function succeed(service: Versitygw, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runLading(args, { env: service.environment() });
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Pulls an image; resolves with the names of its files, which have the digests of what is in them. */
async function pull(host: string): Promise<string[]> {
  const folder = await temporaryFolder('pulled');
  await skopeo('copy', '--src-tls-verify=false', `docker://${host}/library/tiny:2`, `dir:${folder}`);
  return readdirSync(folder).sort();
}
