import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, succeed } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';
import { linkDependencies, packInto, ROOT, unpack } from './unpacked.js';

const ARCHIVE = join(ROOT, 'fixtures/archives/ctr-export-multi.tar');

/** A program in TypeScript that uses types, a function with threads behind it, and the class of errors. */
const PROGRAM = `
  import { inspect, LadingError, type VerifyResult, verify } from 'lading';

  export async function check(archive: string): Promise<string> {
    const { images } = await inspect(archive);
    const { ok, checked }: VerifyResult = await verify(archive);
    try {
      await verify(archive + '.absent');
      return 'nothing was thrown';
    } catch (error) {
      if (!(error instanceof LadingError)) throw error;
      const code: LadingError['code'] = error.code;
      return [images.length > 0, ok, checked.blobs > 0, code].join(' ');
    }
  }
  check(process.argv[2] ?? '').then(console.log);
`;
const EXPECTED = 'true true true NOT_FOUND';

const COMPILERS = { 'TypeScript 5.6': 'typescript-5.6', 'the newest TypeScript': 'typescript' };

describe('programs that use the package', () => {
  const folder = useFolder('the suite');
  before(async () => {
    await unpack(await packInto(folder()), folder('node_modules/lading'));
    await linkDependencies(folder('node_modules'), ['@types/node', 'undici-types']);
    await writeFile(folder('package.json'), '{}');
    for (const extension of ['ts', 'mts', 'cts']) await writeFile(folder(`program.${extension}`), PROGRAM);
  });

  it('get one class of errors, whether they import or require', async () => {
    await writeFile(
      folder('both.mjs'),
      `import { createRequire } from 'node:module';
      import * as imported from 'lading';
      const required = createRequire(import.meta.url)('lading');
      const thrown = await required.verify('absent.tar').catch((error) => error);
      const named = Object.keys(imported).filter((name) => required[name] !== imported[name]);
      console.log(thrown instanceof imported.LadingError, thrown instanceof required.LadingError, named.length);`,
    );
    const { code, stdout, stderr } = await run(process.execPath, [folder('both.mjs')], { cwd: folder() });
    assert.deepEqual([code, stdout, stderr], [0, 'true true 0\n', '']);
  });

  it('see in the stack of an error which functions of the library were called', async () => {
    const script = `import('lading').then(({ verify }) => verify('absent.tar')).catch(({ stack }) => console.log(stack))`;
    const stack = await succeed(process.execPath, ['-e', script], { cwd: folder() });
    assert.match(stack, /^LadingError: /);
    assert.match(stack, /\bat (?:async )?openPath \(.*\/dist\/[\w-]+\.js:\d+:\d+\)/);
  });

  for (const [title, name] of Object.entries(COMPILERS)) {
    it(`compile with ${title} as ES modules and as CommonJS, and run`, async () => {
      await compile(name, 'nodenext', 'nodenext', ['program.mts', 'program.cts']);
      for (const program of ['program.mjs', 'program.cjs']) {
        const { code, stdout, stderr } = await run(process.execPath, [folder(`out/${program}`), ARCHIVE]);
        assert.deepEqual([code, stdout.trim(), stderr], [0, EXPECTED, ''], program);
      }
    });

    it(`compile with ${title} for a bundler`, () => compile(name, 'esnext', 'bundler', ['program.ts']));
  }

  it('compile with TypeScript 5.6 and its oldest way of resolving modules, and run', async () => {
    await compile('typescript-5.6', 'commonjs', 'node10', ['program.ts']);
    assert.equal(await succeed(process.execPath, [folder('out/program.js'), ARCHIVE]), EXPECTED);
  });

  async function compile(
    compiler: string,
    module: string,
    moduleResolution: string,
    files: string[],
  ): Promise<void> {
    await mkdir(folder('out'), { recursive: true });
    const compilerOptions = {
      module,
      moduleResolution,
      target: 'es2022',
      lib: ['es2022'],
      types: ['node'],
      outDir: 'out',
      rootDir: '.',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
    };
    await writeFile(folder('tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    const program = join(ROOT, 'node_modules', compiler, 'bin/tsc');
    const { code, stdout } = await run(process.execPath, [program, '-p', folder('tsconfig.json')], {
      cwd: folder(),
    });
    assert.deepEqual([code, stdout], [0, '']);
  }
});
