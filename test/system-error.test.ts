import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { describeError } from '../src/cli/output.js';
import { readFailure } from '../src/disk/region.js';
import { systemCode } from '../src/errors.js';
import { systemFailure, systemReason } from '../src/system-error.js';

const failing = (code: string, members: object = {}): Error =>
  Object.assign(new Error(`${code}: as Node.js says it`), { code, ...members });

describe('an error of the operating system', () => {
  it('is never shown as a bug, whatever its number, where nobody caught it', () => {
    for (const [code] of getSystemErrorMap().values()) {
      const shown = describeError(failing(code, { syscall: 'open', path: '/some/file' }));
      assert.equal(shown.code, 'IO', code);
      assert.match(shown.message, new RegExp(`^/some/file: .+ \\(${code}\\)$`));
      assert.doesNotMatch(shown.hint ?? '', /should not happen/);
    }
  });

  it('has a hint for what there is too little of, and the option that takes less', () => {
    for (const [code, hint] of [
      ['EMFILE', 'Raise the limit of open files (ulimit -n), or do less at once.'],
      ['ENOMEM', 'Give the process more memory, or do less at once.'],
    ] as const) {
      const failure = systemFailure(failing(code));
      assert.deepEqual([failure?.hint, failure?.remedy], [hint, 'concurrency']);
    }
    assert.equal(systemFailure(failing('EACCES'))?.remedy, undefined);
  });

  it('names what it is about: a path, an address, or the call', () => {
    assert.throws(
      () => openSync('/nonexistent/file', 'r'),
      (error) => systemFailure(error)?.message === '/nonexistent/file: no such file or directory (ENOENT)',
    );
    const listening = failing('EADDRINUSE', { syscall: 'listen', address: '127.0.0.1' });
    assert.equal(systemFailure(listening)?.message, '127.0.0.1: address already in use (EADDRINUSE)');
    assert.equal(systemFailure(failing('EMFILE', { syscall: 'spawn' }))?.message.split(':')[0], 'spawn');
  });

  it('is known by its number where Node.js has no name for it', () => {
    const numbered = (number: number): Error => failing(`Unknown system error -${number}`, { path: '/p' });
    assert.equal(systemCode(numbered(constants.errno.EDQUOT)), 'EDQUOT');
    assert.equal(systemFailure(numbered(constants.errno.ESTALE))?.message, '/p: stale file handle (ESTALE)');
    assert.equal(describeError(numbered(4711)).code, 'IO');
  });

  it('is known where Node.js looks before the system does: a folder is no file to remove', async () => {
    await assert.rejects(rm(tmpdir(), { force: true }), (error) => systemCode(error) === 'EISDIR');
    assert.equal(describeError(failing('ERR_FS_EISDIR', { path: '/p' })).code, 'IO');
  });

  it('is told from a mistake of the program, which stays one', () => {
    for (const error of [new TypeError('x'), failing('ERR_INVALID_ARG_TYPE'), failing('EVIL'), undefined]) {
      assert.equal(systemReason(error), undefined);
      assert.equal(systemFailure(error), undefined);
    }
  });

  it('is said without the words of Node.js where a file is read', () => {
    for (const code of ['EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EMFILE', 'EIO', 'ESTALE']) {
      const { message, hint } = readFailure('/some/file', failing(code));
      assert.match(message, new RegExp(`^/some/file cannot be read: .+ \\(${code}\\)$`));
      assert.ok(hint);
    }
  });
});
