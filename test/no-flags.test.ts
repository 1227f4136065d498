import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { COMMANDS } from '../src/cli/commands.js';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

/** What looks like a flag and is none of lading's command line, with whose it is. */
const OTHERS: { file: string; flag: string; of: string }[] = [
  { file: 'compression/zstd-frames.ts', flag: '--long', of: 'zstd, which made the file' },
  { file: 'compression/zstd-frames.ts', flag: '--ultra', of: 'zstd, which made the file' },
  { file: 'compression/garbage.ts', flag: '--expose-gc', of: 'V8' },
  { file: 'compression/garbage.ts', flag: '--no-expose-gc', of: 'V8' },
  { file: 'find/forms/dockerfile.ts', flag: '--from', of: 'the instructions of a Dockerfile' },
  { file: 'find/forms/dockerfile.ts', flag: '--mount', of: 'the instructions of a Dockerfile' },
  { file: 'find/forms/dockerfile.ts', flag: '--platform', of: 'the instructions of a Dockerfile' },
  { file: 'tar/header.ts', flag: '--incremental', of: 'GNU tar' },
  { file: 'tar/index-tar.ts', flag: '--ignore-zeros', of: 'GNU tar' },
  { file: 'tar/not-a-tar/formats.ts', flag: '--format', of: 'xz, which unpacks the file' },
  { file: 'tar/not-a-tar/formats.ts', flag: '--deffile', of: 'apptainer, which made the file' },
  { file: 'tar/not-a-tar/texts.ts', flag: '--include', of: 'git lfs, which fetches the file' },
];

describe('the library', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !path.startsWith('cli/'));
  const found = (pattern: RegExp): { file: string; flag: string }[] =>
    files.flatMap((file) =>
      [...readFileSync(`${SRC}${file}`, 'utf8').matchAll(pattern)].map(([flag]) => ({ file, flag })),
    );

  it('names no flag of the command line: a remedy is a word, and cli/hints.ts says it', () => {
    assert.ok(files.length > 300);
    const flags = found(/(?<![\w-])--[a-z][a-z0-9-]*/g);
    const isOther = (one: (typeof flags)[number]): boolean =>
      OTHERS.some(({ file, flag }) => one.file === file && one.flag === flag);
    assert.deepEqual(
      flags.filter((one) => !isOther(one)),
      [],
    );
    const gone = OTHERS.filter(
      ({ file, flag }) => !flags.some((one) => one.file === file && one.flag === flag),
    );
    assert.deepEqual(gone, []);
  });

  it('names no command of the command line', () => {
    const names = COMMANDS.map(({ name }) => name);
    assert.ok(names.includes('save'));
    assert.deepEqual(found(new RegExp(`\\blading (?:${names.join('|')})\\b`, 'g')), []);
  });
});
