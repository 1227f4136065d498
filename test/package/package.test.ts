import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { COMMANDS } from '../../src/cli/commands.js';
import { run, succeed } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';
import { linkDependencies, npmEnvironment, packInto, ROOT, unpack } from './unpacked.js';

describe('the package', () => {
  const folder = useFolder('the suite');
  let tarball: string;
  let paths: string[];
  before(async () => {
    tarball = await packInto(folder());
    paths = await unpack(tarball, folder('node_modules/lading'));
    await linkDependencies(folder('node_modules'));
  });

  it('is small: 1.5 MB packed at most, and 300 files', async () => {
    const { size } = await stat(tarball);
    assert(size <= 1.5e6, `${size} bytes`);
    assert(paths.length <= 300, `${paths.length} files`);
  });

  it('holds the program, the library, one file of declarations for each, and the schemas; no tests, sources or maps', () => {
    for (const path of [
      'dist/cli/main.js',
      'dist/index.js',
      'dist/index.cjs',
      'dist/index.d.ts',
      'dist/index.d.cts',
      'dist/THIRD-PARTY-NOTICES.txt',
      'schemas/oci-manifest.schema.json',
      'LICENSE',
      'README.md',
      'docs/formats.md',
      'docs/own-store.mjs',
    ])
      assert(paths.includes(path), path);
    const declarations = paths.filter((path) => /\.d\.[cm]?ts$/.test(path));
    assert.deepEqual(declarations.sort(), ['dist/index.d.cts', 'dist/index.d.ts']);
    assert.deepEqual(
      paths.filter((path) => /^(src|test|packaging|fixtures)\/|\.map$|\.tgz$|^(?!docs\/).*\.mjs$/.test(path)),
      [],
    );
  });

  it('exports the types of all that its functions take and give', async () => {
    const declarations = await readFile(folder('node_modules/lading/dist/index.d.ts'), 'utf8');
    const unnamed = [...declarations.matchAll(/^declare (?:interface|type|class) (\w+)/gm)].map(
      ([, name]) => name,
    );
    // What is left are parts that exported types are spelt with.
    assert.deepEqual(unnamed.sort(), [
      'BlobUpload',
      'ContainerConfigDocument',
      'ConversionOptions',
      'DigestAlgorithm',
      'Document',
      'Endpoint',
      'ExchangeOptions',
      'FreePlace',
      'HistoryDocument',
      'Line',
      'LineFinding',
      'LineOptions',
      'LoginConnection',
      'Method',
      'Nullable',
      'Observer',
      'OwnPlace',
      'Pool',
      'Present',
      'PutManifestOptions',
      'RangeLimits',
      'RouteKind',
      'StatFS',
      'WithConnection',
    ]);
  });

  it('names the licenses of all code that the program carries', async () => {
    const notices = await readFile(folder('node_modules/lading/dist/THIRD-PARTY-NOTICES.txt'), 'utf8');
    for (const name of ['undici', 'yargs', 'yaml', 'fs-extra', 'prom-client', 'bcryptjs']) {
      assert.match(notices, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, 'm'));
    }
  });

  it('passes publint', async () => {
    const { messages, pkg } = await publint({
      pkgDir: folder('node_modules/lading'),
      pack: false,
      strict: true,
    });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg, { color: false })),
      [],
    );
  });

  it('gives each way of resolving modules the types that belong to it, as attw checks', async () => {
    const attw = join(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js');
    const options = ['--format', 'json', '--no-definitely-typed'];
    const { code, stdout } = await run(process.execPath, [attw, tarball, ...options]);
    const { problems } = JSON.parse(stdout);
    assert.deepEqual([code, problems], [0, {}]);
  });

  it('has a program that tells its version, and what each command does', async () => {
    const program = folder('node_modules/lading/dist/cli/main.js');
    const env = npmEnvironment(folder());
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    assert.equal(await succeed(process.execPath, [program, '--version'], { env }), version);
    for (const { name } of COMMANDS) {
      const help = await succeed(process.execPath, [program, name, '--help'], { env });
      // The help of `help` is that of the program.
      assert.match(help, new RegExp(`^Usage: lading ${name === 'help' ? 'COMMAND' : name}\\b`));
    }
  });
});
