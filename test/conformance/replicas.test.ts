import assert from 'node:assert/strict';
import { needs } from '../support/needs.js';
import { startHaproxy } from '../support/programs/haproxy.js';
import { runLading } from '../support/programs/lading.js';
import { startReplica } from '../support/programs/replica.js';
import { startVersitygw } from '../support/programs/versitygw.js';
import { PULLED_CASES, savePulledImage } from './pulled-image.js';
import { assertPassed, buildSuite, runSuite } from './suite.js';

const PLACE = 's3://images/conformance';

describe('the conformance suite of the distribution specification, on replicas', () => {
  for (const flags of [[], ['--redirect']])
    it(`passes what is asked of a registry that takes nothing, through haproxy ${flags.join()}`, async function () {
      needs(this, 'haproxy');
      const service = await startVersitygw(this);
      const program = await buildSuite(this);
      const { archive, settings } = await savePulledImage();
      const { code, stderr } = await runLading(['copy', archive, PLACE], { env: service.environment() });
      assert.equal(code, 0, stderr);
      const replicas = await Promise.all(
        [0, 1].map((through) => startReplica(PLACE, service.environment(through), ...flags)),
      );
      const balancer = await startHaproxy(replicas.map(({ host }) => host));
      const port = Number(balancer.split(':')[1]);
      assertPassed(await runSuite(program, { port, ...settings }), PULLED_CASES);
    });
});
