import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { type MadeImage, makeImage } from '../support/images.js';
import { type NarrowLine, startNarrowLine } from '../support/narrow-line.js';
import { startLading } from '../support/programs/lading.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { assertWholeLayout } from './whole.js';

const LAYER = 120_000_000;
const MIB = 1024 * 1024;
/** Whether a second connection helps is measured, which other work on the machine may spoil. */
const ATTEMPTS = 4;

interface Told {
  code: number;
  kept: number;
  fetched: number;
  reasons: string[];
}

describe('a save over several connections that is killed', () => {
  let registry: TestRegistry;
  let image: MadeImage;
  let line: NarrowLine;

  before(async () => {
    registry = await startRegistry();
    image = await makeImage({ seed: 'crash ranges', layers: [LAYER] });
    await registry.put('app:1', image);
    line = await startNarrowLine(registry.name, { roundTripMs: 10, bytesPerSecond: 15_000_000 });
  });
  after(async () => {
    await line.stop();
    await registry.close();
  });

  /** Runs the command, and kills it a moment after it began to use several connections. */
  async function save(output: string, { isKilled }: { isKilled: boolean }): Promise<Told> {
    const told = { kept: 0, fetched: 0, reasons: [] as string[] };
    const args = ['save', `${line.host}/app:1`, '-o', output, '--progress', 'json'];
    const { process: child, outcome } = await startLading(args, {
      onStderrLine(text) {
        if (!text.startsWith('{"type"')) return;
        const event = JSON.parse(text);
        if (event.type === 'received') told[event.origin as 'kept' | 'fetched'] += event.bytes;
        if (event.type !== 'connections') return;
        told.reasons.push(event.reason);
        if (isKilled && event.reason === 'narrow') void delay(700).then(() => child.kill('SIGKILL'));
      },
    });
    const { code } = await outcome;
    return { code, ...told };
  }

  it('leaves a beginning that the next run goes on from, and fetches little twice', async function () {
    this.timeout(120_000);
    for (let attempt = 1; ; attempt++) {
      const output = `${join(await temporaryFolder('crash-ranges'), 'out')}/`;
      const killed = await save(output, { isKilled: true });
      if (!killed.reasons.includes('narrow') && attempt < ATTEMPTS) continue;
      assert.ok(killed.reasons.includes('narrow'), killed.reasons.join());
      assert.notEqual(killed.code, 0);
      const next = await save(output, { isKilled: false });
      assert.equal(next.code, 0);
      await assertWholeLayout(output);
      assert.ok(next.kept > 8 * MIB, `${next.kept} bytes`);
      assert.ok(
        killed.fetched - next.kept < 8 * MIB,
        `${killed.fetched} bytes were written, ${next.kept} kept`,
      );
      assert.equal(next.kept + next.fetched >= LAYER, true);
      return;
    }
  });
});
