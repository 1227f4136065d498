import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { isLadingError } from '../../../src/errors.js';
import { askCredentialHelper } from '../../../src/registry/auth/credential-helper.js';

describe('askCredentialHelper', () => {
  let folder: string;
  let environment: NodeJS.ProcessEnv;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-helper-'));
    const file = join(folder, 'docker-credential-slow');
    await writeFile(file, '#!/bin/sh\nexec sleep 60\n');
    await chmod(file, 0o755);
    environment = { PATH: `${folder}${delimiter}${process.env.PATH}` };
  });

  after(() => rm(folder, { recursive: true, force: true }));

  it('does not wait for ever', async () => {
    await assert.rejects(
      askCredentialHelper('slow', 'reg.example', { environment, timeoutMs: 50 }),
      (error) => isLadingError(error, 'IO') && /it did not answer within 50 ms/.test(error.message),
    );
  });

  it('ends at once when the run is aborted', async () => {
    const controller = new AbortController();
    const answer = askCredentialHelper('slow', 'reg.example', { environment, signal: controller.signal });
    controller.abort();
    await assert.rejects(answer, (error) => isLadingError(error, 'ABORTED'));
    await assert.rejects(
      askCredentialHelper('slow', 'reg.example', { environment, signal: controller.signal }),
      (error) => isLadingError(error, 'ABORTED'),
    );
  });
});
