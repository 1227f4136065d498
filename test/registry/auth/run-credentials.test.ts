import assert from 'node:assert/strict';
import { convert } from '../../../src/operations/convert/convert.js';
import { copyImages } from '../../../src/operations/copy.js';
import { list } from '../../../src/operations/list.js';
import { save } from '../../../src/operations/save.js';
import { scopeCredentials } from '../../../src/registry/auth/run-credentials.js';
import { type MadeImage, makeImage } from '../../support/images.js';
import { type PrivateRegistry, startPrivateRegistry } from '../../support/private-registry.js';
import { useFolder } from '../../support/temporary.js';

const ALICE = { username: 'alice', password: 'of-a' };
const BOB = { username: 'bob', password: 'of-b' };

describe('a login that is given for a run', () => {
  const path = useFolder();
  let a: PrivateRegistry;
  let b: PrivateRegistry;
  let image: MadeImage;

  before(async () => {
    image = await makeImage({ seed: 'credentials' });
    [a, b] = [await startPrivateRegistry('alice', 'of-a'), await startPrivateRegistry('bob', 'of-b')];
    await a.put('team/app', '1', image);
    await b.put('team/other', '1', image);
  });
  beforeEach(() => {
    a.shown.clear();
    b.shown.clear();
  });
  after(async () => {
    await a.close();
    await b.close();
  });

  // Only the given credentials count in these runs.
  const options = () => ({ authFile: undefined, retries: 0 });
  const saveOf = (images: string[], more: object) =>
    save({ ...options(), images, output: path('images.tar'), ...more });
  const copyOf = (more: object) =>
    copyImages({
      ...options(),
      source: `docker://${a.registry}/team/app:1`,
      destination: `docker://${b.registry}/copied/app:1`,
      ...more,
    });
  const convertOf = (more: object) =>
    convert({
      ...options(),
      source: `docker://${a.registry}/team/app:1`,
      output: `docker://${b.registry}/converted/app:1`,
      to: 'docker',
      ...more,
    });
  const ofB = () => ({ ...BOB, registry: b.registry });
  const ofA = () => ({ ...ALICE, registry: a.registry });

  it('goes to the only registry of the run, and never to its mirror', async () => {
    const mirrors = { [a.registry]: [b.registry] };
    await saveOf([`${a.registry}/team/app:1`], { credentials: ALICE, mirrors });
    assert.deepEqual([...a.shown], ['alice:of-a']);
    assert.deepEqual([...b.shown], []);
  });

  it('goes to a mirror when it names the mirror', async () => {
    await assert.rejects(
      saveOf([`${a.registry}/team/other:1`], { credentials: [ofA(), ofB()], mirrors: { [a.registry]: [] } }),
      { code: 'NOT_FOUND' },
    );
    const mirrors = { [a.registry]: [b.registry] };
    await saveOf([`${a.registry}/team/other:1`], { credentials: [ofA(), ofB()], mirrors });
    assert.deepEqual([...b.shown], ['bob:of-b']);
  });

  it('is refused before the first request where the run has several registries and it names none', async () => {
    const images = [`${a.registry}/team/app:1`, `${b.registry}/team/other:1`];
    await assert.rejects(saveOf(images, { credentials: ALICE }), {
      code: 'USAGE',
      message: `the login from the options is for one registry, and this run uses ${a.registry}, ${b.registry}`,
      hint: 'Say which registry the login is for, once for each that asks for one.',
      remedy: 'credentials',
      remedyFor: a.registry,
    });
    await assert.rejects(copyOf({ credentials: ALICE }), {
      code: 'USAGE',
      hint: 'Give each side its own login.',
      remedy: 'sideCredentials',
    });
    await assert.rejects(convertOf({ credentials: ALICE }), {
      code: 'USAGE',
      hint: 'Say which registry the login is for, once for each that asks for one.',
      remedy: 'credentials',
      remedyFor: a.registry,
    });
    assert.deepEqual([...a.shown, ...b.shown], []);
  });

  it('goes to the side of a conversion that it names', async () => {
    await convertOf({ credentials: [ofB(), ofA()] });
    assert.deepEqual([[...a.shown], [...b.shown]], [['alice:of-a'], ['bob:of-b']]);
  });

  it('goes to the registry that it names, one of several', async () => {
    await saveOf([`${a.registry}/team/app:1`, `${b.registry}/team/other:1`], { credentials: [ofA(), ofB()] });
    assert.deepEqual([[...a.shown], [...b.shown]], [['alice:of-a'], ['bob:of-b']]);
  });

  it('goes to its own side of a copy', async () => {
    await copyOf({ sourceCredentials: ALICE, destinationCredentials: BOB });
    assert.deepEqual([[...a.shown], [...b.shown]], [['alice:of-a'], ['bob:of-b']]);
  });

  it('goes to its own side of a copy only, where the other side has none', async () => {
    await assert.rejects(copyOf({ sourceCredentials: ALICE }), { code: 'UNAUTHORIZED' });
    assert.deepEqual([[...a.shown], [...b.shown]], [['alice:of-a'], []]);
    await assert.rejects(copyOf({ destinationCredentials: BOB }), { code: 'UNAUTHORIZED' });
    assert.deepEqual([[...a.shown], [...b.shown]], [['alice:of-a'], []]);
  });

  it('that names a registry goes to it in a copy, whatever its side', async () => {
    await copyOf({ credentials: [ofB(), ofA()] });
    assert.deepEqual([[...a.shown], [...b.shown]], [['alice:of-a'], ['bob:of-b']]);
  });

  it('that names another registry is not shown', async () => {
    await assert.rejects(list(`${a.registry}/team/app`, { ...options(), credentials: ofB() }), {
      code: 'UNAUTHORIZED',
    });
    assert.deepEqual([...a.shown, ...b.shown], []);
  });

  it('is the only one for its registry, by whatever name', () => {
    const hub = { ...ALICE, registry: 'index.docker.io' };
    const scoped = [{ ...ALICE, registry: 'docker.io', source: 'the options' }];
    assert.deepEqual(scopeCredentials(hub, ['docker.io', 'quay.io']), scoped);
    assert.deepEqual(scopeCredentials(ALICE, ['docker.io', 'docker.io']), scoped);
    assert.deepEqual(scopeCredentials(ALICE, []), []);
    assert.throws(() => scopeCredentials([hub, ALICE], ['docker.io']), {
      code: 'USAGE',
      message: 'two logins were given for docker.io',
    });
  });
});
