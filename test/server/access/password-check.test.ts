import assert from 'node:assert/strict';
import { parseHtpasswd } from '../../../src/server/access/htpasswd.js';
import { createPasswordCheck } from '../../../src/server/access/password-check.js';
import { needs } from '../../support/needs.js';
import { succeed } from '../../support/programs/run.js';

describe('createPasswordCheck', () => {
  it('knows the passwords of lines that htpasswd wrote', async function () {
    needs(this, 'htpasswd');
    const [plain, odd] = await Promise.all([
      succeed('htpasswd', ['-Bbn', 'alice', 'secret']),
      succeed('htpasswd', ['-Bbn', '-C', '4', 'bob', 'pässword: x']),
    ]);
    const users = parseHtpasswd(`${plain}\n${odd}\n`, 'users');
    const alice = users.get('alice') ?? '';
    const bob = users.get('bob') ?? '';
    const check = createPasswordCheck();
    const compared = await Promise.all([
      check.compare('secret', alice),
      check.compare('Secret', alice),
      check.compare('pässword: x', bob),
      check.compare('pässword: x', alice),
    ]);
    await check.close();
    assert.deepEqual(compared, [true, false, true, false]);
  });

  it('leaves the thread that serves free meanwhile', async () => {
    const check = createPasswordCheck();
    let turns = 0;
    let over = false;
    const turn = (): void => {
      turns++;
      if (!over) setImmediate(turn);
    };
    turn();
    // The highest cost that tests can wait for: about a hundred milliseconds.
    await check.compare('x', '$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234');
    over = true;
    await check.close();
    assert.ok(turns > 20, `${turns} turns`);
  });

  it('can be used again after it was closed', async () => {
    const check = createPasswordCheck();
    await check.close();
    assert.equal(
      await check.compare('x', '$2b$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234'),
      false,
    );
    await check.close();
  });
});
