import assert from 'node:assert/strict';
import { type Column, formatColumns } from '../../src/cli/columns.js';
import { widthOf } from '../../src/cli/width.js';

const NAMES = ['docker.io/library/alpine:3.20', 'ghcr.io/組織/アプリ:最新', 'a:1'];

function table(...cells: Partial<Column>[]): Column[] {
  const columns: Column[] = [
    { header: 'NAME', cells: NAMES, cut: 'middle' },
    {
      header: 'PLATFORMS',
      cells: ['linux/amd64,linux/arm64/v8', 'linux/amd64', ''],
      short: ['linux/amd64 +1', 'linux/amd64', ''],
      leaveOut: 1,
    },
    { header: 'SIZE', cells: ['12.3MB', '999kB', '1B'], align: 'right' },
    { header: 'DIGEST', cells: ['0123456789ab', '-', '-'], leaveOut: 2 },
  ];
  return columns.map((column, place) => ({ ...column, ...cells[place] }));
}

function lines(text: string): string[] {
  assert.ok(text.endsWith('\n'));
  return text.slice(0, -1).split('\n');
}

describe('a table with columns', () => {
  it('shows everything where there is no terminal, and on a wide one', () => {
    const expected = [
      'NAME                           PLATFORMS                     SIZE  DIGEST',
      'docker.io/library/alpine:3.20  linux/amd64,linux/arm64/v8  12.3MB  0123456789ab',
      'ghcr.io/組織/アプリ:最新       linux/amd64                  999kB  -',
      'a:1                                                            1B  -',
    ];
    assert.deepEqual(lines(formatColumns(table())), expected);
    assert.deepEqual(lines(formatColumns(table(), 160)), expected);
  });

  it('first shortens cells on a narrow terminal', () => {
    assert.deepEqual(lines(formatColumns(table(), 76)), [
      'NAME                           PLATFORMS         SIZE  DIGEST',
      'docker.io/library/alpine:3.20  linux/amd64 +1  12.3MB  0123456789ab',
      'ghcr.io/組織/アプリ:最新       linux/amd64      999kB  -',
      'a:1                                                1B  -',
    ]);
  });

  it('then cuts names in their middle', () => {
    assert.deepEqual(lines(formatColumns(table(), 60)), [
      'NAME                    PLATFORMS         SIZE  DIGEST',
      'docker.i…y/alpine:3.20  linux/amd64 +1  12.3MB  0123456789ab',
      'ghcr.io/…/アプリ:最新   linux/amd64      999kB  -',
      'a:1                                         1B  -',
    ]);
  });

  it('then leaves columns out', () => {
    assert.deepEqual(lines(formatColumns(table(), 40)), [
      'NAME              PLATFORMS         SIZE',
      'docker…pine:3.20  linux/amd64 +1  12.3MB',
      'ghcr.i…プリ:最新  linux/amd64      999kB',
      'a:1                                   1B',
    ]);
    for (let width = 8; width < 120; width++)
      for (const line of lines(formatColumns(table(), width)))
        assert.ok(widthOf(line) <= Math.max(width, 11), `${width}: ${line}`);
  });

  it('escapes what would confuse the terminal, and measures it so', () => {
    const shown = formatColumns([
      { header: 'NAME', cells: ['\x1b[2J', 'e\u0301', '\u202egpj'] },
      { header: 'SIZE', cells: ['1B', '2B', '3B'] },
    ]);
    assert.deepEqual(lines(shown), [
      'NAME       SIZE',
      '\\x1b[2J    1B',
      'e\u0301          2B',
      '\\u202egpj  3B',
    ]);
  });

  it('consists of the header alone where there is nothing', () => {
    assert.equal(formatColumns([{ header: 'NAME', cells: [] }], 40), 'NAME\n');
  });
});
