/**
 * Bundles the library into few files, after the compiler has written its declarations to dist/types: as 400 modules, it
 * would take three times as long to load. Dependencies stay external. Threads share chunks with the library, so that
 * each class exists only once. Nothing is minified, so that the stacks of errors are readable.
 * Usage: node src/packaging/library.mjs [--program] With --program, no declarations are made: rolling them into one
 * file takes longer than everything else.
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
    // src/threads.ts finds the threads by their paths relative to itself.
    'src/compression/deflate-worker.ts',
    'src/compression/decompress-worker.ts',
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

// `require` returns the same ES modules, so that `instanceof` works in a program that uses both `import` and `require`.
await writeFile('dist/index.cjs', "module.exports = require('./index.js');\n");

if (!process.argv.includes('--program')) {
  rollTypes();
  // A copy, because TypeScript recognises declarations of a CommonJS module by their extension.
  await copyFile('dist/index.d.ts', 'dist/index.d.cts');
}
await rm('dist/types', { recursive: true });

/**
 * Rolls all declarations into one file. api-extractor uses a TypeScript compiler of its own, because it cannot use the
 * native one yet.
 */
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
          // Types that are used by public ones, but not exported, are not reported.
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

/** Suppresses messages that are neither errors nor warnings. */
function quiet(message) {
  if (message.logLevel !== 'error' && message.logLevel !== 'warning') message.handled = true;
}
