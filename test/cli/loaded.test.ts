import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { makeImage } from '../support/images.js';
import { start } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';
import { PROGRAM } from './program.js';

/** Reports at the exit what was loaded: the program's files, and the modules of Node.js that were not there before. */
const PROBE = `
const { statSync, writeFileSync } = require('node:fs');
const before = new Set(process.moduleLoadList);
process.on('exit', () => {
  const files = Object.keys(require.cache).filter((path) => path !== __filename);
  const bytes = files.reduce((sum, path) => sum + statSync(path).size, 0);
  const modules = process.moduleLoadList.filter((name) => !before.has(name));
  writeFileSync(process.env.PROBE_RESULT, JSON.stringify({ files, bytes, modules }));
});
`;

/** Modules of Node.js that take a millisecond or more to load, by the commands that use them. */
const HEAVY = ['child_process', 'dns/promises', 'http2', 'https', 'stream/web', 'tls', 'vm'];
const NETWORK = ['http', 'v8'];

interface Loaded {
  files: string[];
  bytes: number;
  modules: string[];
}

/** What decides how long a start takes, measured in sizes and numbers, which are the same on every machine. */
describe('what a command loads', () => {
  const path = useFolder('the suite');
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry();
    await registry.put('a:1', await makeImage({ seed: 'a' }));
    await writeFile(path('probe.cjs'), PROBE);
    for (const output of ['a.tar', 'layout/']) await loadedBy(saving(output));
  });
  after(() => registry.close());

  const saving = (output: string) => ['save', `${registry.name}/a:1`, '--plain-http', '-o', path(output)];

  async function loadedBy(args: readonly string[]): Promise<Loaded> {
    const env = { HOME: '/nonexistent', PROBE_RESULT: path('loaded.json') };
    const { code, stderr } = await start(
      process.execPath,
      ['--require', path('probe.cjs'), PROGRAM, ...args],
      {
        env,
        timeout: 15_000,
      },
    ).outcome;
    assert.equal(code, 0, stderr);
    return JSON.parse(await readFile(path('loaded.json'), 'utf8'));
  }

  function stayBelow(
    { files, bytes, modules }: Loaded,
    limits: { files: number; bytes: number },
    not: string[],
  ) {
    const sum = `${files.length} files, ${bytes} bytes: ${files.join(' ')}`;
    assert(files.length > 1 && files.length <= limits.files && bytes <= limits.bytes, sum);
    assert.deepEqual(
      not.filter((name) => modules.includes(`NativeModule ${name}`)),
      [],
    );
  }

  it('is little for the version', async () => {
    const loaded = await loadedBy(['--version']);
    stayBelow(loaded, { files: 5, bytes: 18_000 }, [
      ...HEAVY,
      ...NETWORK,
      'crypto',
      'worker_threads',
      'zlib',
    ]);
  });

  it('is neither undici nor what writes, for commands that read files', async () => {
    for (const command of ['inspect', 'ls', 'verify']) {
      const loaded = await loadedBy([command, path('a.tar')]);
      stayBelow(loaded, { files: 29, bytes: 836_000 }, [...HEAVY, ...NETWORK]);
    }
  });

  it('is neither TLS nor threads for a save of what is there', async () => {
    const loaded = await loadedBy(saving('layout/'));
    stayBelow(loaded, { files: 47, bytes: 1_367_000 }, [...HEAVY, 'worker_threads']);
  });
});
