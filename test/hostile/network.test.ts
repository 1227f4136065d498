import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { serve } from '../registry/http-server.js';
import { READERS } from '../support/hostile/attack.js';
import { runCommand } from '../support/hostile/command.js';
import { goodImage, layoutParts, tarOfParts } from '../support/hostile/image.js';
import { type Host, INSIDE, type Network, startNetwork } from '../support/hostile/network.js';
import { readWith } from '../support/hostile/readers.js';
import { useEnvironment } from '../support/hostile/run.js';
import { countAttack } from '../support/hostile/tally.js';
import { useFolder } from '../support/temporary.js';
import { startUploadRegistry } from '../support/upload-registry.js';

const REGISTRY = 'registry.example';
const IMAGE = `${REGISTRY}/team/app:1`;
const SECRET = Buffer.from('user:secret').toString('base64');
const ACCESS = ['--plain-http', '--creds', 'user:secret', '--retries', '0', '--json', '--progress', 'none'];

describe('places that registries name', () => {
  const path = useFolder();
  let network: Network;
  const environment = useEnvironment(() => ({
    TMPDIR: path(),
    HOME: path(),
    XDG_CACHE_HOME: path('cache'),
    HTTP_PROXY: network.proxy,
    http_proxy: network.proxy,
    NO_PROXY: '',
    no_proxy: '',
  }));
  let answer: Host;
  let elsewhere: Host;
  before(async () => {
    network = await startNetwork({
      [REGISTRY]: (request, response) => answer(request, response),
      'elsewhere.example': (request, response) => elsewhere(request, response),
      '10.0.0.5': (_, response) =>
        response.writeHead(307, { location: `http://${network.inside}/stolen` }).end(),
    });
  });
  after(() => network.close());
  beforeEach(async () => {
    network.sent.length = 0;
    elsewhere = (_, response) => response.writeHead(404).end();
    await mkdir(path('cache'));
    await writeFile(path('in.tar'), tarOfParts(layoutParts()));
    environment.enter();
  });
  afterEach(() => environment.leave());

  const save = () => runCommand('save', IMAGE, '-o', path('out.tar'), ...ACCESS);
  const load = () => runCommand('load', '-i', path('in.tar'), REGISTRY, ...ACCESS);
  const codeOf = ({ stdout }: { stdout: string }): unknown => JSON.parse(stdout).error?.code;

  /** Who was asked for anything but the registry. */
  const others = () => network.sent.filter(({ host }) => host !== REGISTRY);
  const placeOf = (place: string) => place.replace('PORT', String(network.port));

  function assertNoSecret(): void {
    for (const { host, headers } of others())
      assert.ok(!JSON.stringify(headers).includes(SECRET), `${host} got the password`);
    for (const { host, headers } of others()) assert.equal(headers.cookie, undefined, host);
  }

  for (const place of INSIDE) {
    it(`are not asked for tokens: ${place}`, async () => {
      const tally = countAttack('token services');
      answer = (_, response) =>
        response
          .writeHead(401, { 'www-authenticate': `Bearer realm="${placeOf(place)}/token",service="x"` })
          .end();
      const told = await save();
      assert.equal(codeOf(told), 'DENIED', told.stdout);
      assert.equal(told.exit, 6);
      assert.deepEqual(others(), []);
      tally.end('refused');
    });

    it(`are not followed for blobs and manifests: ${place}`, async () => {
      const tally = countAttack('redirects and locations');
      answer = (request, response) => {
        if (request.path === '/v2/') response.writeHead(200).end('{}');
        else response.writeHead(307, { location: `${placeOf(place)}/stolen` }).end();
      };
      const told = await save();
      assert.equal(codeOf(told), 'REGISTRY', told.stdout);
      assert.deepEqual(others(), []);
      assert.ok(!existsSync(path('out.tar')));
      tally.end('refused');
    });

    it(`get no uploads: ${place}`, async () => {
      const tally = countAttack('redirects and locations');
      answer = (request, response) => {
        if (request.path === '/v2/') response.writeHead(200).end('{}');
        else if (request.method === 'POST')
          response.writeHead(202, { location: `${placeOf(place)}/stolen`, 'content-length': 0 }).end();
        else response.writeHead(404).end();
      };
      const told = await load();
      assert.equal(codeOf(told), 'REGISTRY', told.stdout);
      assert.deepEqual(others(), []);
      tally.end('refused');
    });
  }

  for (const place of [
    'http://10.0.0.1',
    'http://192.168.1.1',
    'http://172.16.0.1',
    'http://100.64.0.1',
    'http://[fd00::1]',
  ]) {
    it(`in a private network are not asked for tokens, and get no uploads: ${place}`, async () => {
      const tally = countAttack('token services');
      answer = (_, response) =>
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${place}/token"` }).end();
      assert.equal(codeOf(await save()), 'DENIED');
      answer = (request, response) => {
        if (request.path === '/v2/') response.writeHead(200).end('{}');
        else if (request.method === 'POST') response.writeHead(202, { location: `${place}/up` }).end();
        else response.writeHead(404).end();
      };
      assert.equal(codeOf(await load()), 'REGISTRY');
      assert.deepEqual(others(), []);
      tally.end('refused');
    });
  }

  it('do not lead into this machine by way of a private network', async () => {
    const tally = countAttack('redirects and locations');
    answer = (request, response) => {
      if (request.path === '/v2/') response.writeHead(200).end('{}');
      else response.writeHead(307, { location: 'http://10.0.0.5/next' }).end();
    };
    const told = await save();
    assert.equal(codeOf(told), 'REGISTRY', told.stdout);
    assert.ok(
      !network.sent.some(({ host }) => host === network.inside),
      'the service on this machine was asked',
    );
    assertNoSecret();
    tally.end('refused');
  });

  for (const place of [
    'ftp://elsewhere.example/x',
    'file:///etc/passwd',
    'data:text/plain,x',
    'javascript:1',
    'http://',
  ]) {
    it(`have to be http or https: ${place}`, async () => {
      const tally = countAttack('redirects and locations');
      answer = (request, response) => {
        if (request.path === '/v2/') response.writeHead(200).end('{}');
        else if (request.method === 'POST') response.writeHead(202, { location: place }).end();
        else if (request.method === 'HEAD' && request.path.includes('/blobs/')) response.writeHead(404).end();
        else response.writeHead(307, { location: place }).end();
      };
      for (const told of [await save(), await load()]) assert.equal(codeOf(told), 'REGISTRY', told.stdout);
      assert.deepEqual(others(), []);
      tally.end('refused');
    });
  }

  it('get no password with a redirect, nor when the redirect comes back', async () => {
    const tally = countAttack('credentials');
    const withoutPassword: string[] = [];
    answer = (request, response) => {
      if (request.path.includes('/back')) {
        withoutPassword.push(String(request.headers.authorization));
        response.writeHead(404).end();
      } else if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      } else
        response
          .writeHead(307, { location: 'http://elsewhere.example/there', 'set-cookie': 'session=1' })
          .end();
    };
    elsewhere = (_, response) => response.writeHead(307, { location: `http://${REGISTRY}/back` }).end();
    await save();
    assert.ok(others().length > 0);
    assertNoSecret();
    assert.ok(withoutPassword.length > 0 && withoutPassword.every((header) => header === 'undefined'));
    tally.end('refused');
  });

  it('get no password when they ask for one themselves (CVE-2020-15157)', async () => {
    const tally = countAttack('credentials');
    answer = (request, response) => {
      if (request.path === '/v2/') response.writeHead(200).end('{}');
      else response.writeHead(307, { location: 'http://elsewhere.example/there' }).end();
    };
    for (const challenge of [
      'Basic realm="x"',
      `Bearer realm="http://elsewhere.example/token",service="${REGISTRY}"`,
    ]) {
      elsewhere = (_, response) => response.writeHead(401, { 'www-authenticate': challenge }).end();
      const { exit } = await save();
      assert.notEqual(exit, 0);
      assertNoSecret();
      assert.ok(!others().some((request) => request.path.startsWith('/token')));
    }
    tally.end('refused');
  });

  it('get no password when a token service sends us on', async () => {
    const tally = countAttack('credentials');
    answer = (_, response) =>
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${REGISTRY}/token"` }).end();
    const ofRegistry = answer;
    answer = (request, response) => {
      if (request.path.startsWith('/token'))
        response.writeHead(307, { location: `http://elsewhere.example${request.path}` }).end();
      else ofRegistry(request, response);
    };
    elsewhere = (_, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ token: 'stolen' }));
    const { exit } = await save();
    assert.equal(exit, 6);
    assertNoSecret();
    tally.end('refused');
  });

  it('get uploads without a password', async () => {
    const tally = countAttack('credentials');
    answer = (request, response) => {
      if (request.headers.authorization === undefined)
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      else if (request.method === 'POST')
        response.writeHead(202, { location: 'http://elsewhere.example/upload' }).end();
      else response.writeHead(404).end();
    };
    elsewhere = (_, response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    const { exit } = await load();
    assert.notEqual(exit, 0);
    assert.ok(others().length > 0);
    assertNoSecret();
    tally.end('refused');
  });

  it('are not followed for the next page of a list', async () => {
    const tally = countAttack('redirects and locations');
    answer = (request, response) => {
      const headers = { link: '<http://elsewhere.example/v2/team/app/tags/list?n=1>; rel="next"' };
      if (request.path === '/v2/') response.writeHead(200).end('{}');
      else response.writeHead(200, headers).end(JSON.stringify({ tags: ['1'] }));
    };
    const told = await runCommand('ls', `${REGISTRY}/team/app`, ...ACCESS);
    assert.deepEqual(JSON.parse(told.stdout).tags, ['1']);
    assert.deepEqual(others(), []);
    tally.end('refused');
  });

  it('do not end in lists without end, nor in circles', async () => {
    const tally = countAttack('redirects and locations');
    answer = (request, response) => {
      const headers = { link: `<${request.path}>; rel="next"` };
      if (request.path === '/v2/') response.writeHead(200).end('{}');
      else if (request.path.includes('/tags/')) response.writeHead(200, headers).end('{"tags":["1"]}');
      else response.writeHead(307, { location: request.path }).end();
    };
    assert.deepEqual(JSON.parse((await runCommand('ls', `${REGISTRY}/team/app`, ...ACCESS)).stdout).tags, [
      '1',
    ]);
    assert.equal(codeOf(await save()), 'REGISTRY');
    assert.ok(network.sent.length < 50, `${network.sent.length} requests`);
    tally.end('refused');
  });
});

describe('urls of foreign layers', () => {
  const path = useFolder();
  const environment = useEnvironment(() => ({ TMPDIR: path('tmp'), XDG_CACHE_HOME: path('cache') }));
  beforeEach(async () => {
    for (const folder of ['tmp', 'cache', 'out']) await mkdir(path(folder));
    environment.enter();
  });
  afterEach(() => environment.leave());

  for (const mediaType of [
    MEDIA_TYPE.ociLayerGzip,
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  ]) {
    it(`are never fetched: ${mediaType}`, async () => {
      const tally = countAttack('urls of foreign layers');
      const trap = await serve((_, response) => response.writeHead(200).end('stolen'));
      const registry = await startUploadRegistry();
      try {
        const { layer } = goodImage();
        const urls = [
          `${trap.origin}/layer`,
          'http://169.254.169.254/latest/meta-data',
          'file:///etc/passwd',
        ];
        const image = goodImage({ manifest: { layers: [{ ...layer.descriptor, mediaType, urls }] } });
        for (const isThere of [true, false]) {
          const parts = layoutParts(image);
          if (!isThere) parts.delete(`blobs/${layer.descriptor.digest.replace(':', '/')}`);
          await writeFile(path('in.tar'), tarOfParts(parts));
          for (const reader of READERS)
            await readWith(reader, path('in.tar'), { out: path('out'), registry: registry.host });
        }
        await runCommand('save', `${registry.host}/team/app:1`, '-o', path('saved.tar'), '--retries', '0');
        assert.deepEqual(trap.requests, []);
      } finally {
        await trap.close();
        await registry.close();
      }
      tally.end('harmless');
    });
  }
});
