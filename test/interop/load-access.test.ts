import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Asked, type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { type MadeImage, makeImage } from '../support/images.js';
import { needs } from '../support/needs.js';
import { type DockerRegistry, startDockerRegistry } from '../support/programs/docker-registry.js';
import { type LadingOptions, runLading } from '../support/programs/lading.js';
import { getManifest } from '../support/programs/registry-content.js';
import { succeed } from '../support/programs/run.js';
import { atEnd, temporaryFolder } from '../support/programs/workplace.js';
import { startTokenServer, type TokenServer } from '../support/token-server.js';
import { archiveOf, type Loaded, tagsAt } from './loaded.js';
import { refuses } from './refusal.js';

const USER = 'gap';
const PASSWORD = 'carry:it/over';
const BASIC = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;

let image: MadeImage;
let archive: string;
let authfileFor: (host: string) => Promise<string>;

before(async function () {
  needs(this, 'docker-registry');
  image = await makeImage({ seed: 'access' });
  archive = await archiveOf({ 'example.com/app:1': image });
  const folder = await temporaryFolder('access');
  authfileFor = async (host) => {
    const path = join(folder, `${host.replace(':', '-')}.json`);
    const auth = BASIC.slice('Basic '.length);
    await writeFile(path, JSON.stringify({ auths: { [host]: { auth } } }), { mode: 0o600 });
    return path;
  };
});

const loadArgs = (destination: string, ...args: string[]) => [
  ...['load', '--input', archive, destination],
  ...args,
];

async function loads(args: string[], options?: LadingOptions): Promise<Loaded> {
  const { code, stdout, stderr } = await runLading([...args, '--json', '--progress', 'none'], options);
  assert.equal(code, 0, stderr);
  assert.ok(!stderr.includes(PASSWORD), stderr);
  return JSON.parse(stdout) as Loaded;
}

const environment = { LADING_USERNAME: USER, LADING_PASSWORD: PASSWORD };

describe('load into docker-registry with htpasswd', () => {
  let registry: DockerRegistry;

  before(async function () {
    needs(this, 'htpasswd');
    registry = await startDockerRegistry({ htpasswd: { user: USER, password: PASSWORD } });
  });

  const ways: [string, () => Promise<[string[], LadingOptions?]>][] = [
    ['--creds', async () => [['--creds', `${USER}:${PASSWORD}`]]],
    ['LADING_USERNAME and LADING_PASSWORD', async () => [[], { env: environment }]],
    ['--authfile', async () => [['--authfile', await authfileFor(registry.host)]]],
    [
      'REGISTRY_AUTH_FILE',
      async () => [[], { env: { REGISTRY_AUTH_FILE: await authfileFor(registry.host) } }],
    ],
  ];
  for (const [way, prepare] of ways) {
    it(`gets in by ${way}`, async () => {
      const [args, options] = await prepare();
      const prefix = way.replaceAll(/[^a-z]+/gi, '').toLowerCase();
      const { images } = await loads(loadArgs(`${registry.host}/${prefix}`, ...args), options);
      assert.equal(images[0]?.digest, image.manifest.descriptor.digest);
    });
  }

  it('is refused with a wrong password, and without any', async () => {
    const { message, hint } = await refuses(6, /not authorized/, loadArgs(registry.host), {
      env: { ...environment, LADING_PASSWORD: 'wrong-one' },
    });
    assert.ok(!`${message}${hint}`.includes('wrong-one'));
    await refuses(6, /not authorized/, loadArgs(registry.host));
  });
});

describe('load into docker-registry with TLS of its own authority', () => {
  let registry: DockerRegistry;

  before(async () => {
    registry = await startDockerRegistry({ tls: true });
  });

  it('gets in with --ca, and with --tls-verify false', async () => {
    for (const args of [
      ['--ca', registry.ca ?? ''],
      ['--tls-verify', 'false'],
    ]) {
      const { images } = await loads(loadArgs(`${registry.host}/tls`, ...args));
      assert.equal(images[0]?.digest, image.manifest.descriptor.digest);
    }
  });

  it('is refused without, and sends nothing', async () => {
    await refuses(7, /certificate/, loadArgs(`${registry.host}/untrusted`, '--retries', '0'));
    const tags = `https://${registry.host}/v2/untrusted/app/tags/list`;
    const status = await succeed('curl', ['-s', '-w', '%{http_code}', '-o', '/dev/null', '-k', tags]);
    assert.equal(status, '404');
  });
});

describe('load into docker-registry with tokens', () => {
  let tokens: TokenServer;
  let registry: DockerRegistry;
  const granted: Record<string, string[]> = {};

  before(async () => {
    tokens = await startTokenServer({
      users: { [USER]: PASSWORD },
      grant: (repository, actions) => granted[repository.split('/')[0] ?? ''] ?? actions,
    });
    atEnd(() => tokens.close());
    registry = await startDockerRegistry({ token: tokens });
  });

  it('gets in, with one token to look and one to push', async () => {
    tokens.requests.length = 0;
    await loads(loadArgs(`${registry.host}/token`), { env: environment });
    // To see what is there, and to push what is not.
    assert.deepEqual(tokens.requests, [
      'GET repository:token/app:pull',
      'GET repository:token/app:pull,push',
    ]);
  });

  it('goes on with a new token when the old one is refused in the middle of an upload', async () => {
    const seen = new Set<string | undefined>();
    const proxy = await proxied(registry.host, ({ method, count, headers, path }) => {
      if (method === 'PATCH') seen.add(headers.authorization);
      if (method !== 'PATCH' || count !== 3) return undefined;
      const scope = `repository:${/^\/v2\/(.*)\/blobs\//.exec(path)?.[1]}:pull,push`;
      const challenge = `Bearer realm="${tokens.realm}",service="${tokens.service}",scope="${scope}"`;
      return { answer: { status: 401, headers: { 'www-authenticate': challenge } } };
    });
    const big = await makeImage({ seed: 'renewed', layers: [3_000_000] });
    const input = await archiveOf({ 'example.com/big:1': big });
    const args = ['load', '--input', input, `${proxy.host}/renewed`, '--chunk-bytes', '1000000'];
    const { images } = await loads(args, { env: environment });
    assert.equal(images[0]?.digest, big.manifest.descriptor.digest);
    assert.ok(seen.size >= 2, 'a new token is used');
  });

  it('is refused when the token does not let it push', async () => {
    granted.readonly = ['pull'];
    await refuses(6, /readonly\/app/, loadArgs(`${registry.host}/readonly`), { env: environment });
  });
});

describe('credentials for a registry', () => {
  let registry: DockerRegistry;
  before(async () => {
    registry = await startDockerRegistry();
  });

  const guarded = ({ headers }: Asked) =>
    headers.authorization === BASIC
      ? undefined
      : { answer: { status: 401, headers: { 'www-authenticate': 'Basic realm="gap"' } } };

  it('are not sent to another host to which it hands an upload', async () => {
    const elsewhere: (string | undefined)[] = [];
    const other = await proxied(registry.host, ({ headers }) => {
      elsewhere.push(headers.authorization);
      return undefined;
    });
    const opened = await fetch(`http://${registry.host}/v2/handed/app/blobs/uploads/`, { method: 'POST' });
    const location = new URL(opened.headers.get('location') ?? '', `http://${other.host}`);
    location.host = other.host;
    let isHanded = false;
    const proxy = await proxied(registry.host, (asked) => {
      const refusal = guarded(asked);
      if (refusal !== undefined || asked.method !== 'POST' || isHanded) return refusal;
      isHanded = true;
      return { answer: { status: 202, headers: { location: location.href, range: '0-0' } } };
    });
    await loads(loadArgs(`${proxy.host}/handed`), { env: environment });
    assert.deepEqual([...new Set(elsewhere)], [undefined]);
    const { digest } = await getManifest(registry.host, 'handed/app', '1');
    assert.equal(digest, image.manifest.descriptor.digest);
  });

  it('are not sent where a token service that it names asks for them in the clear, nor to other registries', async () => {
    const asked: (string | undefined)[] = [];
    const thief = await proxied(registry.host, ({ headers }) => {
      asked.push(headers.authorization);
      return { answer: { status: 200, body: '{"token":"x"}' } };
    });
    const proxy = await proxied(registry.host, () => ({
      answer: {
        status: 401,
        headers: { 'www-authenticate': `Bearer realm="http://${thief.host}/token",service="thief"` },
      },
    }));
    const args = loadArgs(`${proxy.host}/stolen`, '--retries', '0');
    const authfile = await authfileFor('somewhere.else.example');
    await refuses(6, /stolen\/app/, [...args, '--authfile', authfile]);
    assert.ok(asked.every((authorization) => authorization === undefined));
    assert.deepEqual(await tagsAt(registry.host, 'stolen/app'), []);
  });
});

async function proxied(upstream: string, faultFor: FaultProxy['faultFor']): Promise<FaultProxy> {
  const proxy = await startFaultProxy(upstream, faultFor);
  atEnd(proxy.stop);
  return proxy;
}
