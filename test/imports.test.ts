import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path/posix';
import { fileURLToPath } from 'node:url';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

const FOUNDATION = ['errors.ts', 'system-error.ts', 'retry.ts', 'files.ts', 'content/'];
const SECOND = ['compression.ts', 'tar/', 'registry/', 'manifest/'];

/** Who may import whom, beside their own folder: a path that ends in `/` is a folder. */
const ALLOWED: Record<string, readonly string[]> = {
  'errors.ts': [],
  'system-error.ts': ['errors.ts'],
  'retry.ts': ['errors.ts'],
  'files.ts': ['errors.ts'],
  'content/': ['errors.ts'],
  'compression.ts': FOUNDATION,
  'tar/': FOUNDATION,
  'registry/': FOUNDATION,
  'manifest/': FOUNDATION,
  'store/': [...FOUNDATION, ...SECOND],
  'copy/': [...FOUNDATION, 'manifest/', 'store/store.ts', 'compression.ts'],
  'transfer/': [...FOUNDATION, 'manifest/', 'registry/', 'store/', 'copy/'],
  'server/': [
    ...FOUNDATION,
    'manifest/',
    'store/store.ts',
    'store/writable-repository.ts',
    'registry/protocol.ts',
  ],
  'operations/': [...FOUNDATION, ...SECOND, 'store/', 'copy/', 'transfer/', 'server/'],
  'index.ts': [...FOUNDATION, ...SECOND, 'store/', 'copy/', 'transfer/', 'server/', 'operations/'],
  'cli/': ['index.ts'],
};

/** Inside a folder that may import something, the files that do. */
const CONFINED: { target: string; within: string; to: RegExp; reason: string }[] = [
  {
    within: 'store/',
    target: 'registry/',
    to: /^store\/remote\//,
    reason: 'only a remote store speaks HTTP',
  },
  { within: 'store/', target: 'tar/', to: /^store\/archive\//, reason: 'only archives are tars' },
];

/** What departs from the table above today, and why it may. */
const DEVIATIONS: { from: string; to: string; reason: string }[] = [
  {
    from: 'files.ts',
    to: 'region.ts',
    reason: 'a part of a file, as bytes: one idea with files.ts, in a file of its own',
  },
  {
    from: 'region.ts',
    to: 'files.ts',
    reason: 'the type of a region is declared with the view that gives it',
  },
  { from: 'region.ts', to: 'errors.ts', reason: 'belongs to the first row, with files.ts' },
  { from: 'region.ts', to: 'system-error.ts', reason: 'belongs to the first row, with files.ts' },
  { from: 'tar/', to: 'region.ts', reason: 'belongs to the first row, with files.ts' },
  { from: 'store/', to: 'region.ts', reason: 'belongs to the first row, with files.ts' },
  { from: 'compression.ts', to: 'compression/', reason: 'an engine a file, behind the one entrance' },
  { from: 'compression/', to: 'errors.ts', reason: 'as compression.ts' },
  { from: 'compression/', to: 'threads.ts', reason: 'gzip is made in threads' },
  { from: 'hashing/', to: 'threads.ts', reason: 'so are digests' },
  { from: 'hashing/', to: 'errors.ts', reason: 'hashing in threads: of the second row' },
  { from: 'hashing/', to: 'content/', reason: 'whether a layer is a tar is told by its first bytes' },
  { from: 'hashing/', to: 'files.ts', reason: 'it hashes regions of files' },
  { from: 'hashing/', to: 'compression.ts', reason: 'diffIDs are digests of decompressed layers' },
  {
    from: 'store/',
    to: 'hashing/',
    reason: 'a docker-archive is named by diffIDs, which have to be computed',
  },
  { from: 'copy/', to: 'hashing/', reason: 'conversions to OCI and schema2 need diffIDs' },
  { from: 'operations/', to: 'hashing/', reason: 'verify hashes everything there is' },
  {
    from: 'copy/',
    to: 'store/read-content.ts',
    reason: 'reading verified content is part of the interface, not of a store',
  },
  { from: 'server/', to: 'threads.ts', reason: 'passwords are checked in one' },
  {
    from: 'server/',
    to: 'store/read-content.ts',
    reason: 'reading verified content is part of the interface, not of a store',
  },
  { from: 'server/', to: 'region.ts', reason: 'belongs to the first row, with files.ts' },
  { from: 'operations/', to: 'version.ts', reason: 'registries are told who asks' },
  { from: 'cli/', to: 'version.ts', reason: '--version is answered before the library is loaded' },
];

/** Each package's one home. */
const HOMES: Record<string, readonly string[]> = {
  yargs: ['cli/'],
  'cli-progress': ['cli/progress.ts'],
  undici: ['registry/'],
  'tar-stream': ['tar/write.ts'],
  socks: ['registry/socks.ts'],
  'smol-toml': ['registry/registries-toml.ts'],
  'zlib-sync': ['compression/gzip.ts'],
  fzstd: ['compression/zstd.ts'],
  'proper-lockfile': ['store/lock-directory.ts'],
  'fs-extra': ['store/', 'transfer/', 'operations/'],
  yaml: ['operations/'],
  bcryptjs: ['server/access/password-worker.ts'],
  'prom-client': ['server/operational/metrics.ts'],
};

interface Import {
  from: string;
  /** A path under src, or a package's name. */
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
  it('point one way', () => {
    const wrong = ours.filter(
      (each) => !isAllowed(each) && !DEVIATIONS.some((deviation) => fits(deviation, each)),
    );
    assert.deepEqual(wrong.map(show), []);
  });

  it('deviate no more than is written down', () => {
    const unused = DEVIATIONS.filter(
      (deviation) => !ours.some((each) => !isAllowed(each) && fits(deviation, each)),
    );
    assert.deepEqual(unused, []);
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
      ['threads.ts'], // where it ends a thread alone
    );
  });
});

function isAllowed({ from, to }: Import): boolean {
  const folder = from.includes('/') ? from.slice(0, from.indexOf('/') + 1) : from;
  return isIn(to, folder) || (ALLOWED[folder] ?? []).some((place) => isIn(to, place));
}

function fits(deviation: { from: string; to: string }, { from, to }: Import): boolean {
  return isIn(from, deviation.from) && isIn(to, deviation.to);
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
