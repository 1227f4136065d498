import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate } from '../registry/http-server.js';
import { type Asked, type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { isSame, loadThrough, type Rig, requireLoaded, saveThrough, startRig } from './rig.js';

let folder: string;
let rig: Rig;
/** Another origin that has all that the registry has, and must never learn who asks. */
let trap: FaultProxy;
const leaked: string[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lading-faults-'));
  rig = await startRig(folder);
  trap = await startFaultProxy(rig.registry.host, ({ method, path, headers }) => {
    const { authorization, cookie } = headers;
    if (authorization !== undefined || cookie !== undefined) leaked.push(`${method} ${path}`);
    return undefined;
  });
});
after(async () => {
  await trap.stop();
  await rig.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Lets in who shows the password, and then does this. */
function behindPassword(spoil: (asked: Asked) => Fault | undefined): FaultProxy['faultFor'] {
  return (asked) =>
    asked.headers.authorization === undefined
      ? { answer: { status: 401, headers: { 'www-authenticate': 'Basic realm="registry"' } } }
      : spoil(asked);
}

const toTrap = ({ path }: Asked): Fault => ({
  answer: {
    status: 307,
    headers: { location: `http://${trap.host}${path}`, 'set-cookie': 'session=secret' },
  },
});

describe('a redirect to another origin', () => {
  beforeEach(() => {
    leaked.length = 0;
    trap.passed.length = 0;
  });

  for (const format of ['universal', 'oci'] as const) {
    it(`takes no credential along when saving to ${format}`, async () => {
      rig.proxy.faultFor = behindPassword(toTrap);
      const output = join(folder, `out-${format}`);
      assert.equal((await saveThrough(rig.proxy, output, format)).ending, 'survived');
      assert.ok(await isSame(output, rig.undisturbed[format]));
      assert.ok(trap.passed.length > 0);
      assert.deepEqual(leaked, []);
    });
  }

  it('takes no credential along when loading', async () => {
    rig.proxy.faultFor = behindPassword((asked) => (asked.method === 'HEAD' ? toTrap(asked) : undefined));
    assert.equal(await loadThrough(rig.proxy, rig.undisturbed.universal, 'redirected'), 'survived');
    await requireLoaded(rig, 'redirected/team/app');
    assert.ok(trap.passed.length > 0);
    assert.deepEqual(leaked, []);
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
    assert.deepEqual(leaked, []);
  });
});

describe('TLS that fails', () => {
  let secure: FaultProxy;
  let caFile: string;
  before(async () => {
    const certificate = await makeCertificate();
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
