import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { list } from '../../src/operations/list.js';
import { load } from '../../src/operations/load.js';
import { serve } from '../../src/operations/serve/serve.js';
import { verify } from '../../src/operations/verify/verify.js';
import { useFolder } from '../support/temporary.js';

const PAGE = Buffer.from('<!DOCTYPE html><title>Sign in</title>');
const ANSWER = Buffer.from('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');

describe('a file that is no archive', () => {
  const path = useFolder();

  const COMMANDS: [name: string, run: (input: string) => Promise<unknown>][] = [
    ['verify', (input) => verify(input)],
    ['list', (input) => list(input)],
    ['inspect', (input) => inspect(input)],
    ['load', (input) => load({ input, destination: '127.0.0.1:1' })],
    ['convert', (source) => convert({ source, output: path('out.tar'), to: 'oci' })],
    ['copy', (source) => copyImages({ source, destination: path('out.tar') })],
    ['serve', (input) => serve(input, { port: 0 })],
  ];
  for (const [name, run] of COMMANDS) {
    it(`is called what it is by ${name}`, async () => {
      await writeFile(path('page.tar'), PAGE);
      await writeFile(path('page.tar.gz'), gzipSync(PAGE));
      await writeFile(path('answer.tar'), ANSWER);
      const page = {
        code: 'INVALID_ARCHIVE',
        message: /HTML page \("Sign in"\)/,
        hint: /download the archive/,
      };
      await assert.rejects(run(path('page.tar')), page);
      await assert.rejects(run(path('page.tar.gz')), { ...page, message: /compressed with gzip.*HTML page/ });
      await assert.rejects(run(path('answer.tar')), {
        code: 'INVALID_ARCHIVE',
        message: /error message from a server \(UNAUTHORIZED: authentication required\)/,
        hint: /fetch the archive again/,
      });
    });
  }

  it('is recognised at once, whatever it begins with, and a page behind comments is a page', async () => {
    for (const text of [`${'<!---->'.repeat(15_000)}x`, '<title'.repeat(20_000), '<!--'.repeat(30_000)]) {
      await writeFile(path('odd.tar'), text);
      const began = performance.now();
      await assert.rejects(list(path('odd.tar')), { code: 'INVALID_ARCHIVE' });
      assert.ok(
        performance.now() - began < 2000,
        `${text.slice(0, 20)}… took ${performance.now() - began} ms`,
      );
    }
    await writeFile(path('odd.tar'), `<?xml version="1.0"?>\n<!-- a -->\n<!-- b --> ${PAGE}`);
    await assert.rejects(list(path('odd.tar')), { message: /HTML page \("Sign in"\)/ });
  });

  it('is a finding of verify where it is a document of images that is not valid', async () => {
    await writeFile(path('index.json'), '{"schemaVersion":2,"manifests":[{}]}');
    assert.ok(!(await verify(path('index.json'))).ok);
  });
});
