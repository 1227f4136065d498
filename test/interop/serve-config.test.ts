import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fixturePath } from '../support/fixtures.js';
import { leaveOut, needs } from '../support/needs.js';
import { createServerCertificate } from '../support/programs/certificate-authority.js';
import { startContainerd } from '../support/programs/containerd.js';
import { type Daemon, startDaemon } from '../support/programs/daemon.js';
import { runLading, startLading, startLadingServer } from '../support/programs/lading.js';
import { getManifest, sha256 } from '../support/programs/registry-content.js';
import { run, succeed } from '../support/programs/run.js';
import { atEnd, temporaryFolder } from '../support/programs/workplace.js';
import { imageIDOf } from './images.js';

const ARCHIVE = fixturePath('archives/docker20-multi.tar');
/** Two images of it: pulled by the registry's name, and as one of docker.io, which has no such image. */
const REPOSITORY = 'library/tiny';
const BY_NAME = '1';
const BY_MIRROR = '2';

const [USER, PASSWORD] = ['alice', 'secret'];

interface Access {
  what: string;
  tls: boolean;
  password: boolean;
}

const ACCESSES: Access[] = [
  { what: 'over http', tls: false, password: false },
  { what: 'over http with a password', tls: false, password: true },
  { what: 'over https with an authority of its own', tls: true, password: false },
  { what: 'over https with a password', tls: true, password: true },
];

/** A registry, and the flags that it was started with. */
interface Served extends Access {
  registry: string;
  flags: string[];
  ca: string | undefined;
}

for (const access of ACCESSES) {
  describe(`serve --print-config, ${access.what}`, () => {
    let served: Served;
    let ids: Record<string, string>;
    let digests: Record<string, string>;

    before(async function () {
      needs(this, 'htpasswd');
      const address = ownAddress();
      if (address === undefined) return leaveOut(this, 'an address that Docker does not trust anyway');
      served = await startServed(access, address);
      const plain = await startLadingServer(ARCHIVE);
      ids = {};
      digests = {};
      for (const tag of [BY_NAME, BY_MIRROR]) {
        ids[tag] = await imageIDOf(plain.host, REPOSITORY, tag);
        digests[tag] = (await getManifest(plain.host, REPOSITORY, tag)).digest;
      }
      await plain.stop();
    });

    it('makes Docker pull from it', async function () {
      needs(this, 'docker', 'dockerd', 'containerd');
      if ((await run('unshare', ['--mount', 'true'])).code !== 0)
        leaveOut(this, 'leave to mount a file system');
      const root = await writePrinted('docker', served);
      const engine = await startDockerdIn(join(root, 'etc/docker'));
      const docker = (args: string[], stdin?: string) =>
        succeed('docker', args, { env: engine.env, ...input(stdin) });
      const idOf = (name: string) => docker(['image', 'inspect', '--format', '{{.Id}}', name]);
      try {
        if (served.password)
          await docker(['login', '--username', USER, '--password-stdin', served.registry], PASSWORD);
        await docker(['pull', `${served.registry}/${REPOSITORY}:${BY_NAME}`]);
        assert.equal(await idOf(`${served.registry}/${REPOSITORY}:${BY_NAME}`), ids[BY_NAME]);
        if (served.password) return; // it takes no such mirror, and nothing is printed for one
        await docker(['pull', `tiny:${BY_MIRROR}`]);
        assert.equal(await idOf(`tiny:${BY_MIRROR}`), ids[BY_MIRROR]);
      } finally {
        await engine.daemon.stop();
      }
    });

    it('makes containerd pull from it', async function () {
      needs(this, 'containerd', 'ctr');
      const { ctr } = await startContainerd();
      const root = await writePrinted('containerd', served);
      const namespace = `config-${served.registry.split(':')[1]}`;
      const flags = [
        ...['--hosts-dir', join(root, 'etc/containerd/certs.d'), '--snapshotter', 'native'],
        ...(served.password ? ['--user', `${USER}:${PASSWORD}`] : []),
      ];
      for (const [name, tag] of [
        [served.registry, BY_NAME],
        ['docker.io', BY_MIRROR],
      ] as const) {
        const image = `${name}/${REPOSITORY}:${tag}`;
        await ctr(namespace, 'image', 'pull', ...flags, image);
        const row = (await ctr(namespace, 'image', 'ls', `name==${image}`)).split('\n')[1] ?? '';
        assert.equal(row.split(/\s+/)[2], digests[tag], image);
      }
    });

    it('is what containerd, new and old, takes for its own configuration', async function () {
      needs(this, 'containerd');
      const { registry, tls, password } = served;
      const scheme = tls ? 'https' : 'http';
      const dump = async (note: RegExp): Promise<string> => {
        const file = (await printed('containerd', served)).find((each) => note.test(each.note ?? ''));
        const path = join(await temporaryFolder('toml'), 'config.toml');
        await writeFile(path, file?.text ?? '');
        // What containerd does not know is not in what it prints.
        return succeed('containerd', ['--config', path, 'config', 'dump']);
      };
      const [today, older] = [await dump(/1\.5 and later/), await dump(/^older/)];
      assert.match(today, /^ *config_path = "\/etc\/containerd\/certs\.d"$/m);
      assert.equal(/^ *username = "USER"$/m.test(today), password);
      assert.equal(/^ *password = "PASSWORD"$/m.test(older), password);
      assert.equal(older.split(`endpoint = ["${scheme}://${registry}"]`).length, 3);
      assert.equal(older.includes(`ca_file = "/etc/containerd/certs.d/${registry}/ca.crt"`), tls);
    });

    for (const program of ['podman', 'skopeo'] as const) {
      it(`makes ${program} pull from it`, async function () {
        needs(this, 'podman', program);
        // Both read in their home what they read in /etc/containers; skopeo knows no other way to move it.
        const root = await writePrinted('podman', served, ['/etc/containers', '/.config/containers']);
        const storage = [
          '--root',
          join(root, 'storage'),
          '--runroot',
          join(root, 'run'),
          '--storage-driver',
          'vfs',
        ];
        const env = {
          PATH: process.env.PATH,
          HOME: root,
          ...(served.password && { REGISTRY_AUTH_FILE: join(root, 'auth.json') }),
        };
        const podman = (args: string[], stdin?: string) =>
          succeed('podman', [...storage, ...args], { env, ...input(stdin) });
        if (served.password)
          await podman(['login', '--username', USER, '--password-stdin', served.registry], PASSWORD);
        for (const [name, tag] of [
          [served.registry, BY_NAME],
          ['docker.io', BY_MIRROR],
        ] as const) {
          const image = `${name}/${REPOSITORY}:${tag}`;
          if (program === 'skopeo') {
            const raw = await succeed('skopeo', ['inspect', '--raw', `docker://${image}`], { env });
            assert.equal(sha256(raw), digests[tag], image);
          } else {
            await podman(['pull', image]);
            assert.equal(
              `sha256:${await podman(['image', 'inspect', '--format', '{{.Id}}', image])}`,
              ids[tag],
            );
          }
        }
      });
    }
  });
}

/** Docker trusts whatever speaks on loopback, whether by http or with any certificate: nothing would be proven there. */
function ownAddress(): string | undefined {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}

async function startServed(access: Access, address: string): Promise<Served> {
  const folder = await temporaryFolder('access');
  const flags: string[] = [];
  let ca: string | undefined;
  if (access.tls) {
    const made = await createServerCertificate(folder, address);
    ca = made.ca;
    flags.push('--tls-cert', made.certificate, '--tls-key', made.key);
  }
  if (access.password) {
    const users = join(folder, 'users');
    await writeFile(users, await succeed('htpasswd', ['-Bbn', '-C', '4', USER, PASSWORD]));
    flags.push('--htpasswd', users);
  }
  const { process: child, outcome } = await startLading([
    'serve',
    ARCHIVE,
    '--listen',
    `${address}:0`,
    ...flags,
  ]);
  atEnd(async () => {
    child.kill('SIGTERM');
    assert.equal((await outcome).code, 0);
  });
  assert.ok(child.stdout);
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return { ...access, registry: new URL(line).host, flags, ca };
}

interface PrintedFile {
  path: string;
  note?: string | undefined;
  text: string;
}

/** What the command prints for the people who run such clients: a file as it is, or several under headings. */
async function printed(kind: string, { registry, flags }: Served): Promise<PrintedFile[]> {
  const args = ['serve', '--listen', registry, '--print-config', kind, ...flags];
  const { code, stdout, stderr } = await runLading(args);
  assert.equal(code, 0, stderr);
  const [, only] = /^for (.*)$/m.exec(stderr) ?? [];
  if (only !== undefined) return [{ path: only, text: stdout }];
  const [before, ...parts] = stdout.split(/^# (\/\S+)(?: \((.*)\))?\n/m);
  assert.equal(before, '');
  const files: PrintedFile[] = [];
  for (let part = 0; part < parts.length; part += 3)
    files.push({ path: parts[part] ?? '', note: parts[part + 1], text: parts[part + 2] ?? '' });
  return files;
}

/** Writes what is printed to where it says, under a root of its own; what has no text is the authority's certificate. */
async function writePrinted(kind: string, served: Served, [from, to] = ['', '']): Promise<string> {
  const root = await temporaryFolder('root');
  for (const { path, note, text } of await printed(kind, served)) {
    if (note?.startsWith('older')) continue;
    const place = join(root, path.replace(from, to));
    await mkdir(dirname(place), { recursive: true });
    if (text.trim() !== '') await writeFile(place, text);
    else await copyFile(served.ca ?? '', place);
  }
  return root;
}

/** An engine to which a folder is /etc/docker. It has no flag for the place of certificates, hence the mount of its own. */
async function startDockerdIn(configuration: string): Promise<{ daemon: Daemon; env: NodeJS.ProcessEnv }> {
  const { socket } = await startContainerd();
  await mkdir(configuration, { recursive: true });
  const folder = await temporaryFolder('dc');
  const endpoint = `unix://${join(folder, 'd.sock')}`;
  const env = { ...process.env, DOCKER_HOST: endpoint, DOCKER_CONFIG: join(folder, 'client') };
  const mounted = 'mkdir -p /etc/docker && mount --bind "$1" /etc/docker && shift && exec "$@"';
  const daemon = await startDaemon(
    'unshare',
    [
      ...['--mount', 'sh', '-c', mounted, 'sh', configuration, 'dockerd'],
      ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
      ...['--host', endpoint, '--pidfile', join(folder, 'pid'), '--containerd', socket],
      ...['--iptables=false', '--ip6tables=false', '--bridge=none', '--storage-driver', 'vfs'],
    ],
    { ready: async () => (await run('docker', ['version'], { env, timeout: 10_000 })).code === 0 },
  );
  return { daemon, env };
}

function input(stdin: string | undefined): { stdin?: string } {
  return stdin === undefined ? {} : { stdin };
}
