import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { all } from '../../fixtures/make/all.js';
import { fixture, fixturePath } from './fixtures.js';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

describe('the fixtures', () => {
  it('are what their generator makes, byte for byte', () => {
    const made = Object.entries(all());
    assert.ok(made.length > 60);
    for (const [path, bytes] of made) assert.ok(fixture(path).equals(bytes), path);
  });

  it('are an error with their path when they are missing', () => {
    const path = 'archives/missing.tar';
    assert.throws(() => fixturePath(path), { message: `the fixture ${PROJECT}fixtures/${path} is missing` });
    assert.throws(() => fixture(path), { message: /fixtures\/archives\/missing\.tar is missing$/ });
  });

  it('are all that is read: no file of the project leads out of its folder', () => {
    const PATH = /(?:URL\(|from |import\()['"`]((?:\.\.\/)+)/g;
    const outside = sourceFiles().filter(({ depth, text }) =>
      [...text.matchAll(PATH)].some(([, steps = '']) => steps.length / '../'.length > depth),
    );
    assert.deepEqual(
      outside.map(({ path }) => path),
      [],
    );
  });
});

describe('a test that is skipped', () => {
  it('says by needs() what it needs: nothing else skips', () => {
    const skipping = sourceFiles().filter(({ text }) => /\.skip\(/.test(text));
    assert.deepEqual(
      skipping.map(({ path }) => path),
      ['test/support/needs.ts'],
    );
  });
});

function sourceFiles(): { path: string; depth: number; text: string }[] {
  return ['src', 'test', 'schemas', 'fixtures'].flatMap((folder) =>
    readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name}`)
      .filter((path) => /\.(ts|mjs|md)$/.test(path))
      .sort()
      .map((path) => ({
        path,
        depth: path.split('/').length - 1,
        text: readFileSync(join(PROJECT, path), 'utf8'),
      })),
  );
}
