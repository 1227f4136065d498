import assert from 'node:assert/strict';
import { ANNOTATION } from '../../../src/content/annotations.js';
import type { Descriptor } from '../../../src/content/descriptor.js';
import { digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import {
  entryName,
  findEntry,
  formatLayoutIndex,
  withAttachedEntry,
  withEntry,
} from '../../../src/store/layout/layout-index.js';

function entry(seed: string, names: { ref?: string; full?: string } = {}): Descriptor {
  const annotations = {
    ...(names.ref !== undefined && { [ANNOTATION.refName]: names.ref }),
    ...(names.full !== undefined && { [ANNOTATION.containerdName]: names.full }),
  };
  return { mediaType: MEDIA_TYPE.ociManifest, digest: digestOf(Buffer.from(seed)), size: 1, annotations };
}

const find = (entries: Descriptor[], reference: string): Descriptor => findEntry(entries, reference, 'a.tar');

describe('findEntry', () => {
  it('takes the exact ref.name before the full name, that before a normalised name, and the tag last', () => {
    const byRef = entry('ref', { ref: 'app' });
    const byFull = entry('full', { full: 'app', ref: 'other' });
    const byNormalised = entry('normalised', { full: 'docker.io/library/app:latest', ref: 'latest' });
    const byTag = entry('tag', { full: 'reg.test/x:app' });
    const order = [byRef, byFull, byNormalised, byTag];
    for (let place = 0; place < order.length; place++) {
      assert.equal(find(order.slice(place).toReversed(), 'app'), order[place]);
    }
  });

  it('knows what the tools of others write: a tag, a full name in either place, a short name', () => {
    const skopeo = entry('skopeo', { ref: '1.36' });
    const podman = entry('podman', { ref: 'docker.io/library/busybox:1.37' });
    const containerd = entry('containerd', { ref: '1', full: 'ghcr.io/org/app:1' });
    const entries = [skopeo, podman, containerd];
    assert.equal(find(entries, '1.36'), skopeo);
    assert.equal(find(entries, 'busybox:1.37'), podman);
    assert.equal(find(entries, 'library/busybox:1.37'), podman);
    assert.equal(find(entries, '1.37'), podman);
    assert.equal(find(entries, 'ghcr.io/org/app:1'), containerd);
    assert.equal(find(entries, '1'), containerd);
    assert.equal(find(entries, skopeo.digest), skopeo);
  });

  it('takes a tag only where it means one image, and lists those it fits', () => {
    const entries = [entry('a', { full: 'reg.test/a:1' }), entry('b', { full: 'reg.test/b:1' })];
    assert.throws(() => find(entries, '1'), { code: 'USAGE', message: /reg\.test\/a:1, reg\.test\/b:1/ });
    const same = [entry('a', { full: 'reg.test/a:1' }), entry('a', { full: 'reg.test/b:1' })];
    assert.equal(find(same, '1').digest, same[0]?.digest);
  });

  it('finds an image by its name without the host, unless the name is that of another', () => {
    const entries = [entry('a', { full: 'reg.test/team/a:1' }), entry('b', { full: 'reg.test/b:1' })];
    assert.equal(find(entries, 'team/a:1').digest, entries[0]?.digest);
    const other = entry('c', { full: 'docker.io/library/b:1' });
    assert.equal(find([...entries, other], 'b:1').digest, other.digest);
  });

  it('does not take the name of one repository for another', () => {
    const entries = [entry('a', { full: 'reg.test/a:1' })];
    for (const reference of ['b/a:1', 'other.test/a:1', 'reg.test/a:2', 'reg.test/a', '2', '']) {
      assert.throws(() => find(entries, reference), { code: 'NOT_FOUND', message: /a\.tar holds no image/ });
    }
  });
});

describe('withEntry', () => {
  it('writes the full name for containerd, and one that is none only for itself', () => {
    const [full] = withEntry([], entry('a'), 'reg.test/a:1');
    assert.deepEqual(full?.annotations, {
      [ANNOTATION.refName]: 'reg.test/a:1',
      [ANNOTATION.containerdName]: 'reg.test/a:1',
    });
    const [short] = withEntry([], entry('a'), 'v1');
    assert.deepEqual(short?.annotations, { [ANNOTATION.refName]: 'v1' });
  });

  it('puts the new holder of a name in the place of the old', () => {
    let entries = withEntry([], entry('a'), 'reg.test/a:1');
    entries = withEntry(entries, entry('b'), 'reg.test/b:1');
    entries = withEntry(entries, entry('c'), 'reg.test/a:1');
    assert.deepEqual(
      entries.map((each) => [entryName(each), each.digest]),
      [
        ['reg.test/a:1', entry('c').digest],
        ['reg.test/b:1', entry('b').digest],
      ],
    );
  });

  it('puts the new holder of a name in the place of all that have it, however they spell it', () => {
    const old = [
      entry('old', { ref: 'a:1' }),
      entry('b', { full: 'reg.test/b:1', ref: '1' }),
      entry('old', { full: 'docker.io/library/a:1', ref: '1' }),
    ];
    const entries = withEntry(old, entry('new'), 'docker.io/library/a:1');
    assert.deepEqual(
      entries.map((each) => [entryName(each), each.digest]),
      [
        ['docker.io/library/a:1', entry('new').digest],
        ['reg.test/b:1', entry('b').digest],
      ],
    );
  });

  it('gives a nameless entry its name, and keeps both names of one image', () => {
    const digest = entry('a').digest;
    let entries = withEntry([], entry('a'), digest);
    assert.deepEqual(entries.map(entryName), [undefined]);
    assert.deepEqual(withEntry(entries, entry('a'), digest), entries);
    entries = withEntry(entries, entry('a'), 'reg.test/a:1');
    entries = withEntry(entries, entry('a'), 'reg.test/a:2');
    assert.deepEqual(entries.map(entryName), ['reg.test/a:1', 'reg.test/a:2']);
    assert.deepEqual(withEntry(entries, entry('a'), digest), entries);
  });

  it("marks what hangs on cosign's tag as attached", () => {
    const subject = digestOf(Buffer.from('subject'));
    const name = `reg.test/a:${subject.replace(':', '-')}.sig`;
    const [signature] = withEntry([], entry('signature'), name);
    assert.equal(signature?.annotations?.[ANNOTATION.containerdSubject], subject);
  });
});

describe('withAttachedEntry', () => {
  it('adds an attachment once, and never beside an entry that has it by name', () => {
    const subject = digestOf(Buffer.from('subject'));
    const once = withAttachedEntry([], entry('note'), subject);
    assert.equal(once[0]?.annotations?.[ANNOTATION.containerdSubject], subject);
    assert.deepEqual(withAttachedEntry(once, entry('note'), subject), once);
    const named = withEntry([], entry('note'), 'reg.test/a:note');
    assert.deepEqual(withAttachedEntry(named, entry('note'), subject), named);
  });
});

describe('formatLayoutIndex', () => {
  it('sorts entries by name and annotations by key, attachments last', () => {
    const [named] = withEntry([], entry('b'), 'reg.test/b:1');
    const [attached] = withAttachedEntry([], entry('0'), digestOf(Buffer.from('subject')));
    const [first] = withEntry([], { ...entry('a'), annotations: { z: '1', a: '2' } }, 'reg.test/a:1');
    assert.ok(named && attached && first);
    const bytes = formatLayoutIndex([attached, named, first]);
    assert.deepEqual(bytes, formatLayoutIndex([first, attached, named]));
    const { mediaType, schemaVersion, manifests } = JSON.parse(bytes.toString());
    assert.deepEqual([schemaVersion, mediaType], [2, MEDIA_TYPE.ociIndex]);
    assert.deepEqual(
      manifests.map(({ digest }: Descriptor) => digest),
      [first.digest, named.digest, attached.digest],
    );
    assert.deepEqual(Object.keys(manifests[0].annotations), Object.keys(manifests[0].annotations).sort());
  });
});
