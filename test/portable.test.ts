import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { minVersion, satisfies } from 'semver';
import { PROGRAM } from './cli/program.js';
import { run } from './support/programs/run.js';
import { useFolder } from './support/temporary.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const textOf = (path: string): string => readFileSync(`${ROOT}${path}`, 'utf8');
const { engines } = JSON.parse(textOf('package.json'));
const OLDEST = minVersion(engines.node) ?? assert.fail('package.json asks for no Node.js');

describe('the oldest Node.js of package.json', () => {
  const path = useFolder();

  it('is refused by no package that is installed with lading or builds it', () => {
    const { packages } = JSON.parse(textOf('package-lock.json')) as {
      packages: Record<string, { engines?: { node?: string } }>;
    };
    const refusing = Object.entries(packages).filter(
      ([, { engines }]) => !satisfies(OLDEST, engines?.node ?? '*'),
    );
    assert.deepEqual(refusing, []);
    assert.ok(Object.keys(packages).length > 100);
  });

  it('is asked for by npm ci in a checkout', () => assert.match(textOf('.npmrc'), /^engine-strict=true$/m));

  for (const version of ['12.20.0', '18.20.8', '20.18.3', '9.11.2'])
    it(`is named in one line by the program under ${version}`, async () => {
      const { code, stdout, stderr } = await underNode(version);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(
        stderr,
        new RegExp(`^lading: Node\\.js ${OLDEST.major}\\.${OLDEST.minor} or later is required, .*\\n$`),
      );
      assert.ok(stderr.includes(version));
    });

  it('is looked at by the program before anything else is read', () => {
    // As a script, because it has no imports, which would run first, and no `await`, which old versions cannot parse.
    assert.ok(new Script(readFileSync(PROGRAM, 'utf8').replace(/^#!.*/, '')));
  });

  for (const version of ['20.19.0', '21.0.0', '22.12.0', '100.1.0'])
    it(`lets the program run under ${version}`, async () => {
      const { code, stdout } = await underNode(version);
      assert.deepEqual([code, stdout], [0, `${JSON.parse(textOf('package.json')).version}\n`]);
    });

  /** Runs the program with `--version`, under a Node.js that pretends to be another version. */
  async function underNode(version: string) {
    const disguise = path(`as-${version}.cjs`);
    const versions = `{ value: { ...process.versions, node: '${version}' } }`;
    await writeFile(disguise, `Object.defineProperty(process, 'versions', ${versions});\n`);
    return run(process.execPath, ['--require', disguise, PROGRAM, '--version']);
  }
});

describe('the sources', () => {
  it('make a path of a URL with fileURLToPath, which knows spaces, other letters and drives', () => {
    const files = ['src', 'test', 'schemas'].flatMap((folder) =>
      readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(ts|mjs|js|cjs)$/.test(name))
        .map((name) => `${folder}/${name}`),
    );
    assert.ok(files.length > 300);
    const wrong = files.filter((file) =>
      /import\.meta\.url\)\s*\.(pathname|href)|import\.meta\.(dirname|filename)/.test(textOf(file)),
    );
    assert.deepEqual(wrong, []);
  });
});
