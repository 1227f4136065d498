import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SaveOptions } from '../../src/index.js';
import type { Random } from '../fuzz/mutate.js';
import { makeCertificate } from '../support/certificates.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { atEnd } from '../support/programs/workplace.js';
import { createFaults, createHandshakeFaults } from './faults.js';

/** How a command gets to the registry. */
export interface Way {
  host: string;
  /** For the library: what makes it go this way. */
  options: Pick<SaveOptions, 'caFile' | 'stallTimeoutMs'>;
  /** The same for the command line. */
  flags: readonly string[];
}

export interface Ways {
  all: readonly Way[];
  /** How many things went wrong since it was asked last. */
  countFaults(): number;
}

const STALL_TIMEOUT_MS = 500;

/** Opens two ways to the registry with faults on them, in plain http and by TLS. */
export async function openWays(registry: string, folder: string, random: Random): Promise<Ways> {
  const certificate = makeCertificate();
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, certificate.cert);
  const plain = await startFaultProxy(registry, createFaults(random));
  const secure = await startFaultProxy(registry, createFaults(random), { tls: certificate });
  for (const { stop } of [plain, secure]) atEnd(stop);
  let handshakes = 0;
  secure.refusesConnection = createHandshakeFaults(random, () => {
    handshakes += 1;
  });
  return {
    all: [
      { host: plain.host, options: { stallTimeoutMs: STALL_TIMEOUT_MS }, flags: [] },
      { host: secure.host, options: { stallTimeoutMs: STALL_TIMEOUT_MS, caFile }, flags: ['--ca', caFile] },
    ],
    countFaults() {
      const count = handshakes + takeFaults(plain) + takeFaults(secure);
      handshakes = 0;
      return count;
    },
  };
}

function takeFaults({ passed }: FaultProxy): number {
  return passed.splice(0).filter(({ fault }) => fault !== undefined).length;
}
