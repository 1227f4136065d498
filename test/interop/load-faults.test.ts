import assert from 'node:assert/strict';
import { type Asked, type Fault, type FaultProxy, maxBody, startFaultProxy } from '../support/fault-proxy.js';
import { type MadeImage, type MadeIndex, makeImage, makeIndex } from '../support/images.js';
import { needs } from '../support/needs.js';
import { freePort } from '../support/programs/daemon.js';
import { startDockerRegistry } from '../support/programs/docker-registry.js';
import { runLading } from '../support/programs/lading.js';
import { atEnd } from '../support/programs/workplace.js';
import { archiveOf, heldAt, load, tagsAt } from './loaded.js';
import { refuses } from './refusal.js';

const MB = 1_000_000;

let host: string;
let proxy: FaultProxy;
let index: MadeIndex;
let amd64: MadeImage;
let archive: string;
let repositories = 0;

before(async function () {
  needs(this, 'docker-registry');
  ({ host } = await startDockerRegistry());
  proxy = await startFaultProxy(host);
  atEnd(proxy.stop);
  amd64 = await makeImage({ seed: 'faults amd64', layers: [3 * MB, 1000] });
  const arm64 = await makeImage({ seed: 'faults arm64', platform: { os: 'linux', architecture: 'arm64' } });
  index = makeIndex([amd64, arm64]);
  archive = await archiveOf({ 'example.com/app:1': index });
});

/** A destination where nothing is yet, through a proxy that does this. */
function through(faultFor: FaultProxy['faultFor']): { destination: string; repository: string } {
  repositories += 1;
  proxy.passed.length = 0;
  proxy.faultFor = faultFor;
  return { destination: `${proxy.host}/faults/${repositories}`, repository: `faults/${repositories}/app` };
}

/** Whether it is the first request of its kind: `PUT manifest`, `HEAD blob`. */
function firstOfEach(fault: (asked: Asked, kind: string) => Fault | undefined): FaultProxy['faultFor'] {
  const met = new Set<string>();
  return (asked) => {
    const kind = `${asked.method} ${asked.path.includes('/manifests/') ? 'manifest' : 'blob'}`;
    if (met.has(kind)) return undefined;
    met.add(kind);
    return fault(asked, kind);
  };
}

const always = (fault: Fault) => () => fault;
const onUploads = (fault: Fault) => (asked: Asked) => (asked.method === 'HEAD' ? undefined : fault);
const answer = (status: number, headers: Record<string, string> = {}, body = '') => ({
  answer: { status, headers, body },
});

describe('load to docker-registry arrives in spite of', () => {
  async function arrives(faultFor: FaultProxy['faultFor'], ...args: string[]): Promise<void> {
    const { destination, repository } = through(faultFor);
    const { images } = await load(archive, destination, ...args);
    assert.equal(images[0]?.digest, index.manifest.descriptor.digest);
    const held = await heldAt(host, repository, '1');
    assert.equal(held[0]?.digest, amd64.manifest.descriptor.digest);
    assert.equal(held.length, 2);
  }

  const spoilt = () => proxy.passed.filter(({ fault }) => fault !== undefined);

  const once: [string, (asked: Asked) => Fault | undefined][] = [
    ['a connection cut after some bytes of a request', () => ({ cutRequestAfter: 100 })],
    ['a connection cut before the answer', () => ({ cutAnswerAfter: 0 })],
    ['500', () => answer(500)],
    [
      '502 with a proxy’s page',
      () => answer(502, { 'content-type': 'text/html' }, '<html>Bad Gateway</html>'),
    ],
    ['503', () => answer(503)],
  ];
  for (const [what, fault] of once) {
    it(`${what}, once for each kind of request`, async () => {
      await arrives(firstOfEach(fault));
      assert.ok(spoilt().length >= 4, `${spoilt().length} requests were spoilt`);
    });
  }

  const RETRY_AFTER: Record<string, () => string> = {
    'in seconds': () => '1',
    'as a date': () => new Date(Date.now() + 1000).toUTCString(), // full seconds: up to one
  };
  for (const [form, retryAfter] of Object.entries(RETRY_AFTER)) {
    it(`429 with Retry-After ${form}, which is waited for`, async () => {
      let refusedAt = 0;
      let waited = 0;
      await arrives(({ method, path }) => {
        if (method !== 'PUT' || !path.includes('/manifests/1')) return undefined;
        waited = Date.now() - refusedAt;
        if (refusedAt !== 0) return undefined;
        refusedAt = Date.now();
        return answer(429, { 'retry-after': retryAfter() });
      });
      assert.ok(waited < 5000 && (form !== 'in seconds' || waited >= 1000), `${waited} ms`);
    });
  }

  it('a large upload cut in the middle, which goes on from what the registry has', async () => {
    let isCut = false;
    await arrives(
      ({ method, headers }) => {
        if (isCut || method !== 'PATCH' || !headers['content-range']?.startsWith('2000000-'))
          return undefined;
        isCut = true;
        return { cutRequestAfter: 300_000, isBuffered: true };
      },
      '--chunk-bytes',
      String(MB),
    );
    assert.ok(isCut);
    const sent = proxy.passed.reduce((sum, entry) => sum + (entry.method === 'PATCH' ? entry.sent : 0), 0);
    assert.ok(sent < 4.5 * MB, `${sent} bytes`);
  });

  it('a limit of request bodies: the blob goes in pieces', async () => {
    await arrives(maxBody(MB));
    const [refused] = proxy.passed.filter(({ status }) => status === 413);
    assert.equal(refused?.method, 'PUT');
    assert.ok(proxy.passed.filter(({ method }) => method === 'PATCH').length >= 3);
  });

  it('answers without Docker-Content-Digest', () =>
    arrives(always({ dropHeaders: ['docker-content-digest'] })));

  it('slow answers', () => arrives(always({ delayMs: 150 })));
});

describe('load to docker-registry gives up, moves no tag, and says why', () => {
  async function givesUp(
    code: number,
    what: RegExp,
    hint: RegExp,
    faultFor: FaultProxy['faultFor'],
    ...args: string[]
  ): Promise<void> {
    const { destination, repository } = through(faultFor);
    const told = await refuses(code, what, [
      ...['load', '--input', archive, destination, '--retries', '1'],
      ...args,
    ]);
    assert.match(told.hint, hint);
    assert.deepEqual(await tagsAt(host, repository), []);
  }

  const blob = 'sha256:[0-9a-f]{64}';

  it('when it is cut off again and again', () =>
    givesUp(
      7,
      new RegExp(`upload of ${blob}|cannot be reached`),
      /again/,
      onUploads({ cutRequestAfter: 100 }),
    ));

  for (const status of [500, 502, 503]) {
    it(`when it gets ${status} again and again`, () =>
      givesUp(7, new RegExp(`upload of ${blob}.* status ${status}`), /./, onUploads(answer(status))));
  }

  it('when it would have to wait too long', () =>
    givesUp(
      7,
      /too many requests/,
      /wait 60 minutes.*run the command again then/,
      onUploads(answer(429, { 'retry-after': '3600' })),
    ));

  it('when bodies may have a few bytes only', () =>
    givesUp(1, /413/, /client_max_body_size/, maxBody(100_000)));

  it('when it may not push', async () => {
    const body = JSON.stringify({ errors: [{ code: 'DENIED', message: 'ask Bob for access' }] });
    const fault = onUploads(answer(403, { 'content-type': 'application/json' }, body));
    await givesUp(6, /DENIED: ask Bob for access/, /./, fault);
  });

  it('when the registry refuses a repository’s name', async () => {
    const body = JSON.stringify({ errors: [{ code: 'NAME_INVALID', message: 'invalid repository name' }] });
    const fault = onUploads(answer(400, { 'content-type': 'application/json' }, body));
    await givesUp(1, /faults\/\d+\/app.*NAME_INVALID: invalid repository name/, /--map/, fault);
  });

  it('when the registry refuses a kind of manifest', async () => {
    const body = JSON.stringify({ errors: [{ code: 'MANIFEST_INVALID', message: 'unknown media type' }] });
    const fault = answer(400, { 'content-type': 'application/json' }, body);
    const what = new RegExp(`manifest ${blob} .*MANIFEST_INVALID: unknown media type`);
    await givesUp(1, what, /lading convert/, ({ method, path }) =>
      method === 'PUT' && path.includes('/manifests/') ? fault : undefined,
    );
  });

  it('when nobody is there', async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const { code, stderr } = await runLading([
      ...['load', '--input', archive, nobody, '--retries', '1', '--progress', 'none'],
    ]);
    assert.equal(code, 7);
    assert.ok(stderr.includes(nobody), stderr);
  });
});
