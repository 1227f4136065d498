/**
 * Bundles the library into few files, after the compiler has written its declarations to dist/types: with 400 modules of
 * its own, a package takes three times as long to load. What it depends on stays outside; each idea stays one class,
 * because the threads share the parts of the library. Nothing is minified, so that the stacks of errors can be read.
 * Usage: node src/packaging/library.mjs [--program]
 * With --program the declarations are left out: rolling them into one file takes longer than all else together.
 */
import { copyFile, readdir, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('../..', import.meta.url)));
for (const name of await readdir('dist')) {
  if (name !== 'types') await rm(`dist/${name}`, { recursive: true });
}

await build({
  entryPoints: [
    'src/index.ts',
    // Threads are found by their place beside src/threads.ts.
    'src/compression/worker.ts',
    'src/hashing/worker.ts',
    'src/server/access/password-worker.ts',
  ],
  outbase: 'src',
  outdir: 'dist',
  chunkNames: 'library-[hash]',
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
});

// Node.js gives `require` the ES modules themselves, so that `instanceof` holds in a program that uses both.
await writeFile('dist/index.cjs', "module.exports = require('./index.js');\n");

if (!process.argv.includes('--program')) {
  rollTypes();
  // The same declarations again: to TypeScript, the extension says what kind of module they describe.
  await copyFile('dist/index.d.ts', 'dist/index.d.cts');
}
await rm('dist/types', { recursive: true });

/** One file of declarations from many. api-extractor has a compiler of its own, which the native one cannot be yet. */
function rollTypes() {
  const { succeeded } = Extractor.invoke(
    ExtractorConfig.prepare({
      configObjectFullPath: undefined,
      packageJsonFullPath: resolve('package.json'),
      configObject: {
        projectFolder: process.cwd(),
        mainEntryPointFilePath: resolve('dist/types/index.d.ts'),
        compiler: {
          overrideTsconfig: {
            compilerOptions: {
              target: 'ES2023',
              lib: ['ES2023'],
              module: 'NodeNext',
              moduleResolution: 'NodeNext',
              types: ['node'],
              strict: true,
            },
            files: ['dist/types/index.d.ts'],
          },
        },
        apiReport: { enabled: false },
        docModel: { enabled: false },
        tsdocMetadata: { enabled: false },
        dtsRollup: { enabled: true, untrimmedFilePath: resolve('dist/index.d.ts') },
        messages: {
          // Types that the public ones are made of need no name of their own.
          extractorMessageReporting: { default: { logLevel: 'none' } },
          tsdocMessageReporting: { default: { logLevel: 'none' } },
          compilerMessageReporting: { default: { logLevel: 'error' } },
        },
      },
    }),
    { showVerboseMessages: false, messageCallback: quiet },
  );
  if (!succeeded) throw new Error('the declarations cannot be rolled into one file');
}

/** Its welcome and its advice are not about this build. */
function quiet(message) {
  if (message.logLevel !== 'error' && message.logLevel !== 'warning') message.handled = true;
}
