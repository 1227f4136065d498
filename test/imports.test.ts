import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path/posix';
import { fileURLToPath } from 'node:url';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

/** The rooms of src from the bottom up, each with the rooms that it may import. A path that ends in `/` is a folder. */
const LAW: Record<string, readonly string[]> = {
  'remedy.ts': [],
  'errors.ts': ['remedy.ts'],
  'system-error.ts': ['errors.ts'],
  'program.ts': [],
  'threads.ts': ['program.ts'],
  'pool.ts': [],
  'in-turn.ts': [],
  'content/': ['errors.ts'],
  'events.ts': ['remedy.ts', 'content/'],
  'retry.ts': ['errors.ts', 'events.ts'],
  'disk/': ['errors.ts', 'system-error.ts'],
  'compression/': ['errors.ts', 'threads.ts', 'content/'],
  'tar/': ['errors.ts', 'content/', 'disk/'],
  'hashing/': ['errors.ts', 'threads.ts', 'content/', 'disk/', 'compression/', 'tar/'],
  'manifest/': ['errors.ts', 'content/'],
  // Documents of any kind, with the places of names in them. It reads no files.
  'find/': ['errors.ts', 'content/'],
  'lock/': ['errors.ts', 'content/', 'manifest/'],
  // Connections have options of buckets, too.
  'registry/': [
    ...['errors.ts', 'program.ts', 'events.ts', 'retry.ts', 'content/', 'disk/region.ts'],
    's3/options.ts',
  ],
  // A client that knows nothing of stores; it speaks HTTP as that of registries does.
  's3/': [
    ...['errors.ts', 'program.ts', 'events.ts', 'retry.ts', 'disk/region.ts', 'registry/http/'],
    'registry/connect.ts',
  ],
  'graph/walk.ts': ['content/'],
  'store/': [
    ...[
      'errors.ts',
      'graph/walk.ts',
      'retry.ts',
      'in-turn.ts',
      'content/',
      'disk/',
      'compression/',
      'hashing/',
      'tar/',
    ],
    ...['manifest/', 'registry/', 's3/'],
  ],
  // The graph and the server use only the interface of stores.
  'graph/': [
    ...['errors.ts', 'events.ts', 'retry.ts', 'pool.ts', 'content/', 'manifest/'],
    ...['store/store.ts', 'store/read-content.ts'],
  ],
  'server/': [
    ...['errors.ts', 'threads.ts', 'content/', 'disk/region.ts', 'manifest/', 'registry/protocol.ts'],
    ...['store/store.ts', 'store/writable-repository.ts', 'store/read-content.ts'],
  ],
  'transfer/': [
    ...['errors.ts', 'program.ts', 'events.ts', 'retry.ts', 'pool.ts', 'content/', 'disk/', 'compression/'],
    ...['hashing/', 'manifest/', 'registry/', 'store/', 'graph/'],
  ],
  'operations/': [
    ...['errors.ts', 'events.ts', 'retry.ts', 'pool.ts', 'content/', 'disk/', 'compression/'],
    ...['hashing/', 'tar/'],
    ...['lock/', 'manifest/', 'find/', 'registry/', 'store/', 'graph/', 'server/', 'transfer/'],
  ],
  'index.ts': [
    ...[
      'remedy.ts',
      'errors.ts',
      'system-error.ts',
      'events.ts',
      'content/',
      'compression/',
      'disk/region.ts',
      'find/',
      'graph/',
      'lock/',
      'manifest/',
    ],
    ...['registry/', 's3/options.ts', 'store/', 'server/', 'transfer/', 'operations/'],
  ],
  // The program has its own use for the cache folder: compiled code.
  'cli/': ['index.ts', 'program.ts', 'disk/cache-directory.ts'],
};

/** Of a folder that may import another one, the files that do. */
const CONFINED: { target: string; within: string; to: RegExp; reason: string }[] = [
  {
    within: 'store/',
    target: 'registry/',
    to: /^store\/(?:remote|bucket)\//,
    reason: 'only a remote store and a bucket speak HTTP',
  },
  { within: 'store/', target: 's3/', to: /^store\/bucket\//, reason: 'only a bucket speaks S3' },
  { within: 'store/', target: 'tar/', to: /^store\/archive\//, reason: 'only archives are tars' },
];

/** The only place that may import each package. */
const HOMES: Record<string, readonly string[]> = {
  aws4: ['s3/sign.ts'],
  yargs: ['cli/'],
  'get-east-asian-width': ['cli/width.ts'],
  undici: ['registry/'],
  'tar-stream': ['tar/write.ts'],
  socks: ['registry/http/socks.ts'],
  'smol-toml': ['registry/configuration/registries-toml.ts'],
  'zlib-sync': ['compression/gzip.ts'],
  fzstd: ['compression/zstd.ts'],
  'xz-decompress': ['compression/xz.ts'],
  'proper-lockfile': ['disk/lock.ts'],
  'fs-extra': ['disk/', 'store/', 'transfer/', 'operations/'],
  yaml: ['operations/yaml.ts', 'find/yaml-tree.ts', 'lock/yaml.ts', 'cli/yaml.ts'],
  bcryptjs: ['server/access/password-worker.ts'],
  'prom-client': ['server/operational/metrics.ts'],
};

interface Import {
  from: string;
  /** A path in src, or the name of a package. */
  to: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'))
  .sort();
const imports = files.flatMap(importsOf);
const ours = imports.filter(({ to }) => to.endsWith('.ts'));
const packages = imports.filter(({ to }) => !to.endsWith('.ts') && !to.startsWith('node:'));

describe('the imports of src', () => {
  it('point one way, as the law of the rooms says', () => {
    assert.deepEqual(ours.filter((each) => !isAllowed(each)).map(show), []);
  });

  it('need everything that the law allows', () => {
    const unused = Object.entries(LAW).flatMap(([room, places]) =>
      places
        .filter((place) => !ours.some(({ from, to }) => isIn(from, room) && isIn(to, place)))
        .map((place) => `${room} → ${place}`),
    );
    assert.deepEqual(unused, []);
  });

  it('form no circle', () => {
    const left = new Map(files.map((file) => [file, ours.filter(({ from }) => from === file)]));
    for (let size = -1; size !== left.size; ) {
      size = left.size;
      for (const [file, needed] of left) if (!needed.some(({ to }) => left.has(to))) left.delete(file);
    }
    assert.deepEqual([...left.keys()], []);
  });

  it('keep registries to the remote store and tars to the archives', () => {
    for (const { within, target, to, reason } of CONFINED) {
      const wrong = ours.filter(
        (each) => isIn(each.from, within) && isIn(each.to, target) && !to.test(each.from),
      );
      assert.deepEqual(wrong.map(show), [], reason);
    }
  });

  it('know each package in its one home', () => {
    const wrong = packages.filter(({ from, to }) => !HOMES[to]?.some((home) => isIn(from, home)));
    assert.deepEqual(wrong.map(show), []);
  });

  it('are of packages that are installed with lading, and of all of them', () => {
    const { dependencies, optionalDependencies } = JSON.parse(
      readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
    );
    const installed = Object.keys({ ...dependencies, ...optionalDependencies }).sort();
    assert.deepEqual([...new Set(packages.map(({ to }) => to))].sort(), installed);
    assert.deepEqual(Object.keys(HOMES).sort(), installed);
  });

  it('leave the process to the command line', () => {
    const users = files.filter((path) => /process\.(stdout|stderr|stdin|argv|exit)/.test(textOf(path)));
    assert.deepEqual(
      users.filter((path) => !path.startsWith('cli/')),
      ['threads.ts'], // it ends only the thread there
    );
  });
});

function isAllowed({ from, to }: Import): boolean {
  const folder = from.includes('/') ? from.slice(0, from.indexOf('/') + 1) : from;
  return isIn(to, folder) || (LAW[folder] ?? []).some((place) => isIn(to, place));
}

function isIn(path: string, place: string): boolean {
  return place.endsWith('/') ? path.startsWith(place) : path === place;
}

function show({ from, to }: Import): string {
  return `${from} → ${to}`;
}

function importsOf(from: string): Import[] {
  const specifiers = textOf(from).matchAll(
    /(?:^(?:import|export)\b[^;'"]*?from\s*|^import\s*|\bimport\(\s*|\brequire(?:\.resolve)?\(\s*)'([^']+)'/gm,
  );
  return [...specifiers].map(([, specifier = '']) => ({ from, to: targetOf(from, specifier) }));
}

function targetOf(from: string, specifier: string): string {
  if (specifier.startsWith('.')) return normalize(join(from, '..', specifier)).replace(/\.js$/, '.ts');
  if (specifier.startsWith('node:')) return specifier;
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function textOf(path: string): string {
  return readFileSync(join(SRC, path), 'utf8');
}
