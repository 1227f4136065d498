import assert from 'node:assert/strict';
import { RegistryError } from '../../../src/errors.js';
import { Pace, type PaceEvent } from '../../../src/registry/http/pace.js';

const REFUSED = new RegistryError('TOO_MANY_REQUESTS', 'too many requests', { status: 429 });

/** A registry whose requests end when the test says so, and a clock of its own. */
class Registry {
  now = 0;
  most = 0;
  readonly events: PaceEvent[] = [];
  readonly #running: (() => void)[] = [];
  readonly #timers: { at: number; fire: () => void }[] = [];
  readonly pace: Pace;

  constructor(most?: number) {
    this.pace = new Pace({
      most,
      now: () => this.now,
      wait: (delayMs) => new Promise((fire) => this.#timers.push({ at: this.now + delayMs, fire })),
      onChange: (event) => this.events.push(event),
    });
  }

  get running(): number {
    return this.#running.length;
  }

  ask(count: number, signal?: AbortSignal): Promise<unknown>[] {
    return Array.from({ length: count }, () =>
      this.pace.run('r', () => new Promise<void>((end) => this.#running.push(end)), signal),
    );
  }

  /** Answers what is running, `ms` after it was asked, again and again until nothing is left. */
  async answerAll(ms: number): Promise<void> {
    for (await settled(); this.#running.length > 0; await settled()) {
      this.most = Math.max(this.most, this.#running.length);
      await this.pass(ms);
      for (const end of this.#running.splice(0)) end();
    }
  }

  async pass(ms: number): Promise<void> {
    this.now += ms;
    for (const timer of this.#timers.filter(({ at }) => at <= this.now)) {
      this.#timers.splice(this.#timers.indexOf(timer), 1);
      timer.fire();
    }
    await settled();
  }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('Pace', () => {
  it('begins with 16 requests, and doubles while answers come as fast as before, up to 64', async () => {
    const registry = new Registry();
    const asked = registry.ask(500);
    await settled();
    assert.equal(registry.running, 16);
    await registry.answerAll(40);
    await Promise.all(asked);
    assert.deepEqual(
      registry.events.map(({ limit, reason }) => [limit, reason]),
      [
        [32, 'faster'],
        [64, 'faster'],
      ],
    );
    assert.equal(registry.most, 64);
  });

  it('does not grow where nothing waits', async () => {
    const registry = new Registry();
    await Promise.all([...registry.ask(16), registry.answerAll(40)]);
    assert.deepEqual(registry.events, []);
  });

  it('halves when answers take twice as long, but not for differences of a few milliseconds', async () => {
    const registry = new Registry();
    const first = registry.ask(16 + 32);
    await registry.answerAll(5);
    await Promise.all(first);
    assert.deepEqual(registry.events.splice(0).at(-1)?.limit, 32);
    await Promise.all([...registry.ask(32), registry.answerAll(12)]);
    assert.deepEqual(registry.events, []);
    await Promise.all([...registry.ask(32), registry.answerAll(100)]);
    assert.deepEqual(registry.events, [{ registry: 'r', limit: 16, reason: 'slower' }]);
  });

  it('halves once for refusals that come together, and sends nothing while they wait', async () => {
    const registry = new Registry();
    const asked = registry.ask(40);
    await settled();
    await registry.pass(50);
    for (let refusal = 0; refusal < 16; refusal++) registry.pace.failed('r', REFUSED, 1000);
    assert.deepEqual(registry.events, [{ registry: 'r', limit: 8, reason: 'refused' }]);
    assert.equal(registry.running, 16);
    await registry.answerAll(10);
    assert.equal(registry.running, 0, 'nothing is sent');
    await registry.pass(1000);
    assert.equal(registry.running, 8);
    await registry.answerAll(10);
    await Promise.all(asked);
  });

  it('goes down to one request, and no further', async () => {
    const registry = new Registry();
    for (let refusal = 0; refusal < 10; refusal++) {
      await registry.pass(1000);
      registry.pace.failed('r', REFUSED, 0);
    }
    assert.deepEqual(
      registry.events.map(({ limit }) => limit),
      [8, 4, 2, 1],
    );
    const asked = registry.ask(5);
    await settled();
    assert.equal(registry.running, 1);
    await registry.answerAll(10);
    await Promise.all(asked);
  });

  it('takes other failures for what they are', () => {
    const registry = new Registry();
    registry.pace.failed('r', new RegistryError('NOT_FOUND', 'not there', { status: 404 }), 0);
    registry.pace.failed('r', new Error('anything'), 0);
    assert.deepEqual(registry.events, []);
  });

  it('limits each registry for itself', async () => {
    const registry = new Registry();
    await registry.pass(1000);
    registry.pace.failed('r', REFUSED, 1000);
    await registry.pace.run('other', async () => undefined);
    assert.deepEqual(
      registry.events.map((event) => event.registry),
      ['r'],
    );
  });

  it('sends one request after the other where that is asked for', async () => {
    const registry = new Registry(1);
    await Promise.all([...registry.ask(20), registry.answerAll(40)]);
    assert.equal(registry.most, 1);
    assert.deepEqual(registry.events, []);
  });

  it('gives up what waits when it is told to stop, and goes on with the others', async () => {
    const registry = new Registry(1);
    const abort = new AbortController();
    const [running, stopped, last] = [
      ...registry.ask(1),
      ...registry.ask(1, abort.signal),
      ...registry.ask(1),
    ];
    await settled();
    abort.abort(new Error('enough'));
    await assert.rejects(stopped ?? Promise.resolve(), /enough/);
    await registry.answerAll(40);
    await Promise.all([running, last]);
  });

  it('goes on after a request that fails', async () => {
    const registry = new Registry(1);
    await assert.rejects(
      registry.pace.run('r', async () => {
        throw new Error('refused');
      }),
    );
    await Promise.all([...registry.ask(3), registry.answerAll(1)]);
  });
});
