import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate } from '../support/certificates.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { needs } from '../support/needs.js';
import { startDockerRegistry } from '../support/programs/docker-registry.js';
import { firstOfEachKind, useCarrier } from './carrier.js';
import { FAULTS } from './faults.js';
import { PATIENT, saveThrough } from './rig.js';
import { behindPassword, redirectTo, startTrap, type Trap } from './trap.js';

describe('before docker-registry', () => {
  before(function () {
    needs(this, 'docker-registry');
  });
  const carrier = useCarrier('Before docker-registry', startDockerRegistry);

  for (const fault of FAULTS) {
    const { name, once = ['survived'], always } = fault;

    it(`save under ${name}, once for each kind of request`, async () => {
      carrier.rig.proxy.faultFor = firstOfEachKind(fault);
      const ending = await carrier.save('universal', { run: PATIENT });
      carrier.note(`${name}, once`, ending);
      assert.ok(once.includes(ending), ending);
    });

    it(`save under ${name}, again and again`, async () => {
      carrier.rig.proxy.faultFor = fault.spoil;
      const ending = await carrier.save('universal');
      carrier.note(`${name}, always`, ending);
      assert.ok(always.includes(ending), ending);
    });

    it(`load under ${name}, once for each kind of request`, async () => {
      carrier.rig.proxy.faultFor = firstOfEachKind(fault);
      const ending = await carrier.load({ run: PATIENT });
      carrier.note(`${name}, once`, ending);
      assert.ok(once.includes(ending), ending);
    });
  }

  describe('a redirect to another origin', () => {
    let trap: Trap;
    before(async () => {
      trap = await startTrap(carrier.rig.registry.host);
    });
    after(() => trap.stop());

    it('is followed by save without the credential', async () => {
      carrier.rig.proxy.faultFor = behindPassword(redirectTo(trap));
      const ending = await carrier.save('universal');
      carrier.note('redirect to another origin', ending);
      assert.equal(ending, 'survived');
      assert.ok(trap.passed.length > 0);
      assert.deepEqual(trap.leaked, []);
    });
  });

  describe('TLS that fails', () => {
    let secure: FaultProxy;
    let folder: string;
    let run: { caFile: string };
    let undisturbed: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'lading-faults-'));
      const certificate = makeCertificate();
      run = { caFile: join(folder, 'ca.pem') };
      await writeFile(run.caFile, certificate.cert);
      secure = await startFaultProxy(carrier.rig.registry.host, undefined, { tls: certificate });
      undisturbed = join(folder, 'undisturbed.tar');
      await saveThrough(secure, undisturbed, 'universal', run);
    });
    after(async () => {
      await secure.stop();
      await rm(folder, { recursive: true, force: true });
    });

    for (const [task, carry] of [
      ['save', () => carrier.save('universal', { proxy: secure, undisturbed, run })],
      ['load', () => carrier.load({ proxy: secure, run })],
    ] as const) {
      it(`is told by ${task}, which then goes on`, async () => {
        secure.refusesConnection = () => true;
        const ending = await carry();
        carrier.note('TLS that fails, always', ending);
        assert.equal(ending, 'UNREACHABLE');
      });
    }
  });
});
