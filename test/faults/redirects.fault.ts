import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate } from '../support/certificates.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import {
  isSame,
  loadThrough,
  type Rig,
  requireLoaded,
  saveThrough,
  startOwnRegistry,
  startRig,
} from './rig.js';
import { behindPassword, redirectTo, startTrap, type Trap } from './trap.js';

let folder: string;
let rig: Rig;
let trap: Trap;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lading-faults-'));
  rig = await startRig(folder, await startOwnRegistry());
  trap = await startTrap(rig.registry.host);
});
after(async () => {
  await trap.stop();
  await rig.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('a redirect to another origin', () => {
  beforeEach(() => {
    trap.leaked.length = 0;
    trap.passed.length = 0;
  });

  for (const format of ['universal', 'oci'] as const) {
    it(`takes no credential along when saving to ${format}`, async () => {
      rig.proxy.faultFor = behindPassword(redirectTo(trap));
      const output = join(folder, `out-${format}`);
      assert.equal((await saveThrough(rig.proxy, output, format)).ending, 'survived');
      assert.ok(await isSame(output, rig.undisturbed[format]));
      assert.ok(trap.passed.length > 0);
      assert.deepEqual(trap.leaked, []);
    });
  }

  it('takes no credential along when loading', async () => {
    rig.proxy.faultFor = behindPassword((asked) =>
      asked.method === 'HEAD' ? redirectTo(trap)(asked) : undefined,
    );
    assert.equal(await loadThrough(rig.proxy, rig.undisturbed.universal, 'redirected'), 'survived');
    await requireLoaded(rig, 'redirected/team/app');
    assert.ok(trap.passed.length > 0);
    assert.deepEqual(trap.leaked, []);
  });

  it('takes no credential along when uploads are sent there', async () => {
    let uploads = 0;
    rig.proxy.faultFor = behindPassword(({ method }) =>
      method === 'POST' && ++uploads > 0
        ? { setHeaders: { location: `http://${trap.host}/v2/nobody/blobs/uploads/stolen` } }
        : undefined,
    );
    await loadThrough(rig.proxy, rig.undisturbed.universal, 'uploaded');
    assert.ok(uploads > 0);
    assert.deepEqual(trap.leaked, []);
  });
});

describe('TLS that fails', () => {
  let secure: FaultProxy;
  let caFile: string;
  before(async () => {
    const certificate = makeCertificate();
    caFile = join(folder, 'ca.pem');
    await writeFile(caFile, certificate.cert);
    secure = await startFaultProxy(rig.registry.host, undefined, { tls: certificate });
  });
  after(() => secure.stop());

  it('carries nothing to who has no trusted certificate', async () => {
    const output = join(folder, 'untrusted.tar');
    assert.equal((await saveThrough(secure, output, 'universal', {})).ending, 'UNREACHABLE');
    assert.equal(await loadThrough(secure, rig.undisturbed.universal, 'untrusted', {}), 'UNREACHABLE');
    assert.deepEqual(secure.passed, []);
  });

  it('ends with who speaks no TLS; the same commands go on when it does', async () => {
    const output = join(folder, 'secure.tar');
    secure.refusesConnection = () => true;
    assert.equal((await saveThrough(secure, output, 'universal', { caFile })).ending, 'UNREACHABLE');
    assert.equal(await loadThrough(secure, rig.undisturbed.universal, 'secure', { caFile }), 'UNREACHABLE');
    secure.refusesConnection = () => false;
    assert.equal((await saveThrough(secure, output, 'universal', { caFile })).ending, 'survived');
    assert.equal(await loadThrough(secure, rig.undisturbed.universal, 'secure', { caFile }), 'survived');
    await requireLoaded(rig, 'secure/team/app');
  });
});
