import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { get as getTLS } from 'node:https';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { contentOf, jsonContent, makeImage, pushAll } from '../support/images.js';
import { needs } from '../support/needs.js';
import { createServerCertificate } from '../support/programs/certificate-authority.js';
import { type Outcome, type Running, succeed } from '../support/programs/run.js';
import { ask } from '../support/registry-server.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';
import { runLading, startLading } from './program.js';

describe('lading serve', () => {
  const path = useFolder('the suite');
  /** Larger than what fits into the buffers of a connection. */
  const large = contentOf('application/octet-stream', Buffer.alloc(40_000_000));
  const running: Running[] = [];

  before(async () => {
    const image = await makeImage({ seed: 'serve' });
    const layout = await openLayoutForWriting(path('layout'));
    const manifest = JSON.parse(image.manifest.bytes.toString());
    const withLarge = jsonContent(image.manifest.descriptor.mediaType, {
      ...manifest,
      layers: [...manifest.layers, large.descriptor],
    });
    await pushAll(layout, [...image.all.slice(0, -1), large, withLarge]);
    await layout.tag(withLarge.descriptor, 'localhost/a:1');
    await layout.commit();
    await layout.close();
  });
  afterEach(() => {
    for (const { process: child } of running.splice(0)) child.kill('SIGKILL');
  });

  interface Started {
    url: URL;
    port: number;
    stop(signal?: NodeJS.Signals): Promise<Outcome>;
    /** The next line on standard error that this fits. */
    line(pattern: RegExp): Promise<string>;
  }

  async function start(...args: string[]): Promise<Started> {
    const waiting: { pattern: RegExp; resolve: (line: string) => void }[] = [];
    const started = startLading(['serve', path('layout'), '--listen', '127.0.0.1:0', ...args], {
      onStderrLine(line) {
        for (const { pattern, resolve } of waiting) if (pattern.test(line)) resolve(line);
      },
    });
    running.push(started);
    const { process: child, outcome } = started;
    assert.ok(child.stdout);
    const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    const url = new URL(value);
    return {
      url,
      port: Number(url.port),
      line: (pattern) => new Promise((resolve) => waiting.push({ pattern, resolve })),
      stop(signal = 'SIGTERM') {
        child.kill(signal);
        return outcome;
      },
    };
  }

  /** A download of which nothing is read before the caller does. */
  async function download({ port }: Started): Promise<IncomingMessage> {
    const blob = `/v2/a/blobs/${large.descriptor.digest}`;
    const [response] = await once(get({ host: '127.0.0.1', port, path: blob, agent: false }), 'response');
    assert.equal(response.statusCode, 200);
    return response;
  }

  it('brings a download to its end when it is told to terminate, and ends with 0', async () => {
    const server = await start();
    const response = await download(server);
    const stopped = server.stop();
    await assert.rejects(
      (async () => {
        for (;;) await ask(server.port, '/v2/'); // until nobody listens any more
      })(),
      { code: /ECONNREFUSED|ECONNRESET/ },
    );
    assert.ok((await buffer(response)).equals(large.bytes));
    const { code, stderr } = await stopped;
    assert.equal(code, 0);
    assert.match(
      stderr,
      /"GET \/v2\/a\/blobs\/sha256:[0-9a-f]{64} HTTP\/1\.1" 200 40000000 "-" "-" [\d.]+ms\n/,
    );
  });

  it('cuts what lasts longer than --drain-timeout, and ends with 0', async () => {
    const server = await start('--drain-timeout', '0', '--access-log', 'json');
    const response = await download(server);
    const { code, stderr } = await server.stop('SIGINT');
    assert.equal(code, 0);
    await assert.rejects(buffer(response), { code: 'ECONNRESET' });
    const entries = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const [{ status, complete, route, bytes }] = entries;
    assert.deepEqual([entries.length, status, complete, route], [1, 200, false, 'blob']);
    assert.ok(bytes < large.bytes.length);
  });

  it('ends at once when it is told a second time', async () => {
    const server = await start('--drain-timeout', '3600');
    const response = await download(server);
    response.on('error', () => undefined);
    void server.stop();
    await assert.rejects(
      (async () => {
        for (;;) await ask(server.port, '/v2/');
      })(),
    );
    assert.equal((await server.stop()).code, 143);
  });

  it('asks for the passwords of a file, and reads it again when it is told to', async function () {
    needs(this, 'htpasswd');
    const users = path('users');
    await writeFile(users, await succeed('htpasswd', ['-Bbn', '-C', '4', 'alice', 'secret']));
    const server = await start('--htpasswd', users);
    const statusFor = async (credentials: string): Promise<number> => {
      const Authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
      return (await ask(server.port, '/v2/a/tags/list', { headers: { Authorization } })).status;
    };
    assert.deepEqual([await statusFor('alice:secret'), await statusFor('alice:Secret')], [200, 401]);
    assert.equal((await ask(server.port, '/healthz')).status, 200);
    assert.equal((await ask(server.port, '/metrics')).status, 401);

    await writeFile(users, await succeed('htpasswd', ['-Bbn', '-C', '4', 'alice', 'new']));
    const reread = server.line(/^certificate and users were reloaded$/);
    void server.stop('SIGHUP');
    await reread;
    assert.deepEqual([await statusFor('alice:secret'), await statusFor('alice:new')], [401, 200]);

    await writeFile(users, 'alice:plain\n');
    const kept = server.line(
      /^warning: reloading failed, so the previous certificate and users stay in use: .*users, line 1/,
    );
    void server.stop('SIGHUP');
    await kept;
    assert.equal(await statusFor('alice:new'), 200);
    const { code, stderr } = await server.stop();
    assert.equal(code, 0);
    assert.doesNotMatch(stderr, /secret|\$2y/);
    assert.match(stderr, /^127\.0\.0\.1 - alice \[/m);
  });

  it('speaks https with the certificate it is given', async () => {
    const { ca, certificate, key } = await createServerCertificate(path());
    const server = await start('--tls-cert', certificate, '--tls-key', key);
    assert.equal(server.url.protocol, 'https:');
    const options = { host: '127.0.0.1', port: server.port, ca: await readFile(ca), agent: false };
    const [response] = await once(getTLS({ ...options, path: '/v2/a/tags/list' }), 'response');
    assert.equal(response.statusCode, 200);
    response.resume();
    await once(response, 'end');
    assert.equal((await server.stop()).code, 0);
  });

  it('goes on when nobody reads its log any more', async () => {
    const started = startLading(['serve', path('layout'), '--listen', '127.0.0.1:0']);
    running.push(started);
    const { process: child } = started;
    started.outcome.catch(() => undefined); // what is read of the log ends before its end
    assert.ok(child.stdout !== null && child.stderr !== null);
    const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    const exited = once(child, 'exit');
    child.stderr.destroy();
    for (let asked = 0; asked < 3; asked += 1)
      assert.equal((await ask(Number(new URL(value).port), '/v2/')).status, 200);
    child.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
  });

  it('warns of what others can do, unless it is quiet', async () => {
    const args = ['serve', path('missing'), '--listen', '0.0.0.0:0'];
    const { code, stderr } = await runInProcess(args);
    assert.equal(code, 5);
    assert.match(
      stderr,
      /^warning: everybody who reaches 0\.0\.0\.0 may pull.*\nwarning: nothing is encrypted/,
    );
    assert.doesNotMatch((await runInProcess([...args, '--quiet'])).stderr, /warning/);
  });

  it('ends with 2 when flags or files say what cannot be', async () => {
    await writeFile(path('wrong'), 'bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n');
    const wrong: [args: string[], message: RegExp][] = [
      [[], /there is nothing to serve/],
      [[path('layout'), '--htpasswd', path('wrong')], /wrong, line 1: .*SHA-1.*\nhint: .*htpasswd -B/],
      [
        [path('layout'), '--tls-cert', path('wrong'), '--tls-key', path('wrong')],
        /does not contain a valid certificate/,
      ],
      [[path('layout'), '--tls-cert', path('wrong')], /--tls-cert needs --tls-key/],
      [[path('wrong'), '--writable'], /wrong is a file.*\nhint: .*lading copy/],
      [['--print-config', 'systemd'], /needs the PATH/],
      [['--print-config', 'docker', '--listen', 'a:0'], /needs the port/],
      [['--print-config', 'nomad'], /nomad/],
    ];
    const outcomes = await Promise.all(wrong.map(([args]) => runInProcess(['serve', ...args])));
    for (const [place, { code, stdout, stderr }] of outcomes.entries()) {
      const [args, message] = wrong[place] ?? [];
      assert.deepEqual([code, stdout], [2, ''], args?.join(' '));
      assert.match(stderr, message ?? /^$/);
    }
  });

  it('prints the configuration of clients as a file or as JSON, and serves nothing', async () => {
    const args = ['serve', '--listen', 'registry.lan:5000', '--print-config', 'docker'];
    const asText = await runInProcess(args);
    assert.deepEqual([asText.code, asText.stderr], [0, 'for /etc/docker/daemon.json\n']);
    assert.deepEqual(JSON.parse(asText.stdout), {
      'insecure-registries': ['registry.lan:5000'],
      'registry-mirrors': ['http://registry.lan:5000'],
    });
    const asJSON = await runInProcess([...args, '--htpasswd', 'users', '--json', '--quiet']);
    assert.equal(asJSON.stderr, '');
    assert.deepEqual(JSON.parse(asJSON.stdout), {
      kind: 'docker',
      registry: 'registry.lan:5000',
      files: [
        {
          path: '/etc/docker/daemon.json',
          text: '{\n  "insecure-registries": [\n    "registry.lan:5000"\n  ]\n}\n',
        },
      ],
      login: 'docker login registry.lan:5000',
    });
  });

  it('says beside the configuration what it cannot say in it', async () => {
    const access = ['--tls-cert', 'c', '--tls-key', 'k', '--htpasswd', 'users'];
    const remarks: [args: string[], stderr: RegExp][] = [
      [['podman'], /^for .*\.conf\n127\.0\.0\.1 is reached from this machine only: .*\n$/],
      [['podman', '--listen', '0.0.0.0:5000'], /^for .*\n\S+ is this machine's own name: .*\n$/],
      [
        ['docker', '--listen', 'registry.lan:5000', ...access],
        /^then: docker login registry\.lan:5000\nDocker does not support mirrors that require a password: .*\n$/,
      ],
      [['k3s', '--listen', 'registry.lan:5000', ...access], /^replace USER and PASSWORD with .*\n$/],
      [['systemd', path('layout')], /^for .*lading\.service\n$/],
    ];
    for (const [args, pattern] of remarks) {
      const { code, stderr } = await runInProcess(['serve', '--print-config', ...args]);
      assert.equal(code, 0);
      assert.match(stderr, pattern);
    }
    const { stderr } = await runInProcess(['serve', '--print-config', 'podman', '--quiet']);
    assert.equal(stderr, '');
  });

  it('prints mirrors for the registries that the images are of', async () => {
    const print = (kind: string) =>
      runInProcess(['serve', path('layout'), '--listen', 'registry.lan:5000', '--print-config', kind]);
    const { stdout } = await print('podman'); // the layout has localhost/a:1
    assert.match(stdout, /^prefix = "localhost"\nlocation = "localhost"\n\n\[\[registry\.mirror\]\]$/m);
    assert.doesNotMatch(stdout, /docker\.io/);
    const docker = await print('docker');
    assert.deepEqual(JSON.parse(docker.stdout), { 'insecure-registries': ['registry.lan:5000'] });
    assert.match(
      docker.stderr,
      /^Docker has mirrors of docker\.io only: pull images of localhost by the name/m,
    );
  });

  it('says what it serves, how that is pulled, and from where', async () => {
    const said: string[] = [];
    const server = startLading(['serve', path('layout'), '--listen', '127.0.0.1:0'], {
      onStderrLine: (line) => said.push(line),
    });
    running.push(server);
    assert.ok(server.process.stdout);
    const { value: url } = await createInterface({ input: server.process.stdout })
      [Symbol.asyncIterator]()
      .next();
    server.process.kill('SIGTERM');
    assert.equal((await server.outcome).code, 0);
    const { host, port } = new URL(url);
    assert.deepEqual(said, [
      'serving 1 image in 1 repository',
      `for example: docker pull ${host}/a:1`,
      `from this machine only: --listen 0.0.0.0:${port} opens it to others`,
    ]);
  });

  it('prints a unit that runs this command line, with files by their absolute paths', async () => {
    const { code, stdout } = await runLading(
      [
        'serve',
        'layout',
        '--writable',
        '--htpasswd',
        'users',
        '--idle-timeout',
        '30',
        '--max-upload-sessions',
        '7',
        '--print-config',
        'systemd',
      ],
      { cwd: path() },
    );
    assert.equal(code, 0);
    const started = `serve ${path('layout')} --listen 127.0.0.1:5000 --writable --htpasswd ${path('users')} --idle-timeout 30 --max-upload-sessions 7`;
    assert.ok(stdout.includes(`\nExecStart=/usr/local/bin/lading ${started}\n`), stdout);
    assert.ok(stdout.includes(`\nReadWritePaths=${path('layout')}\n`), stdout);
  });
});
