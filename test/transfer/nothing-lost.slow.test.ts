import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import fc from 'fast-check';
import { fullName } from '../../src/content/names.js';
import { parseReference } from '../../src/content/reference.js';
import { systemCode } from '../../src/errors.js';
import type { CopyEvent } from '../../src/events.js';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { load } from '../../src/operations/load.js';
import { save } from '../../src/operations/save.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openArchiveForWriting } from '../../src/store/archive/archive-writer.js';
import { openPath } from '../../src/store/open.js';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { copyInto, storeOf } from '../support/archives.js';
import { type MadeImage, type MadeIndex, makeImage, makeIndex } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startUploadRegistry, type UploadRegistry } from '../support/upload-registry.js';

/** What a run says it did with an image: the name and the digest that it has now. */
interface Arrived {
  from: string;
  name: string;
  digest: string;
}

type Made = MadeImage | MadeIndex;
const digestOf = ({ manifest }: Made) => manifest.descriptor.digest;

/** Names as archives have them: full, of one path on two hosts, without a tag, a tag alone, by digest, and none. */
const NAMES = [
  'x.test/app:1',
  'x.test/app:2',
  'y.test/app:1',
  'x.test/team/app',
  'x.test/team/app:latest',
  'docker.io/library/app:1',
  'app:1',
  'v1',
  'x.test/app@DIGEST',
  'x.test/app:1@DIGEST',
  'DIGEST',
];

/** Its place among the images; it has the first two for children. */
const INDEX = 3;

const FILES = [
  'oci:DIR',
  'oci-archive:FILE',
  'docker-archive:FILE',
  'FILE',
  'DIR/',
  'oci-archive:FILE:z.test/z:1',
];
const REGISTRIES = ['HOST', 'HOST/', 'HOST/prefix/', 'HOST/repo', 'HOST/repo:1'].map(
  (place) => `docker://${place}`,
);

describe('a run that ends with 0', function () {
  this.timeout(60_000); // every run writes, reads and verifies
  const path = useFolder('the suite');
  let source: TestRegistry;
  let pool: Made[];
  before(async () => {
    const a = await makeImage({ seed: 'lost-a' });
    const b = await makeImage({ seed: 'lost-b', platform: { os: 'linux', architecture: 'arm64' } });
    const docker = await makeImage({ seed: 'lost-c', format: 'docker' });
    pool = [a, b, docker, makeIndex([a, b])];
    source = await startRegistry();
    for (const [place, image] of pool.entries())
      for (const repository of ['app', 'team/app']) await source.put(`${repository}:${place}`, image);
  });
  after(() => source.close());

  let done = 0;
  beforeEach(() => {
    done = 0;
  });
  const place = fc.nat({ max: 3 });
  const image = (number: number): Made => {
    const made = pool[number];
    assert.ok(made);
    return made;
  };

  /** Runs it against places of its own, and holds what it says against what is there. */
  const holds = async (
    destination: string,
    expected: readonly string[],
    run: (to: string, registry: UploadRegistry, onEvent: (event: CopyEvent) => void) => Promise<Arrived[]>,
  ): Promise<void> => {
    const folder = await mkdtemp(path('run-'));
    const registry = await startUploadRegistry();
    const to = destination
      .replace('HOST', registry.host)
      .replace('DIR', `${folder}/dir`)
      .replace('FILE', `${folder}/out.tar`);
    const warnings: string[] = [];
    try {
      let arrived: Arrived[];
      try {
        arrived = await run(to, registry, (event) => {
          if (event.type === 'warning') warnings.push(event.message);
        });
      } catch (error) {
        // By its code: what is loaded late has another class of errors under the tests' loader.
        assert.ok(['USAGE', 'UNSUPPORTED', 'NOT_FOUND'].includes(systemCode(error) ?? ''), String(error));
        assert.deepEqual(
          registry.requests.filter((request) => /^(PUT|POST|PATCH)/.test(request)),
          [],
        );
        assert.equal(
          existsSync(`${folder}/out.tar`) || existsSync(`${folder}/dir`),
          false,
          'nothing is begun',
        );
        return;
      }
      done++;
      const isTold = (name: string): boolean => warnings.some((line) => line.includes(name));
      for (const name of expected)
        assert.ok(
          arrived.some(({ from }) => from === name) || isTold(name),
          `${name} is lost on the way to ${to}`,
        );
      const held = new Map<string, string>();
      for (const { from, name, digest } of arrived) {
        assert.ok((held.get(name) ?? digest) === digest, `${name} is two images`);
        held.set(name, digest);
        if (!destination.startsWith('docker://')) continue;
        const { repository, tag, digest: pinned } = parseReference(name);
        const found = await registry.repository(repository).resolve(tag ?? pinned ?? '');
        assert.equal(found.digest, digest, name);
        if (tag === undefined) assert.ok(isTold(from), `${from} has no tag, without a word`);
      }
      if (destination.startsWith('docker://')) return;
      const file = existsSync(`${folder}/dir`) ? `${folder}/dir` : `${folder}/out.tar`;
      assert.deepEqual((await verify(file)).findings, []);
      const store = await openPath(file);
      try {
        for (const { from, name, digest } of arrived) {
          if (to.startsWith('docker-archive:')) {
            const names: string[] = [];
            for await (const entry of store.names()) names.push(fullName(entry.name) ?? entry.name);
            assert.ok(names.includes(fullName(name) ?? name) || isTold(from), `${name} is not in ${names}`);
          } else assert.equal((await store.resolve(name)).digest, digest, name);
        }
      } finally {
        await store.close();
      }
    } finally {
      await registry.close();
    }
  };

  const archiveOf = async (entries: readonly (readonly [name: string, number: number])[]) => {
    const named = Object.fromEntries(
      entries.map(([name, number]) => [name.replace('DIGEST', digestOf(image(number))), image(number)]),
    );
    const folder = await mkdtemp(path('in-'));
    const archive = await openArchiveForWriting(`${folder}/in.tar`, { format: 'oci-archive' });
    await copyInto(archive, await storeOf(named), Object.keys(named));
    const store = await openPath(`${folder}/in.tar`);
    const names: string[] = [];
    for await (const { name } of store.names()) names.push(name);
    await store.close();
    // What has no name of its own and is a child of an index that has one comes with that.
    const hasIndex = entries.some(([name, number]) => number === INDEX && name !== 'DIGEST');
    const children = [0, 1].map((number) => digestOf(image(number)));
    const isPart = (name: string): boolean => hasIndex && children.some((digest) => digest === name);
    return { archive: `${folder}/in.tar`, names: names.filter((name) => !isPart(name)) };
  };
  const entries = fc.array(fc.tuple(fc.constantFrom(...NAMES), place), { minLength: 1, maxLength: 5 });

  it('has put every image of an archive under a name of its own, whole, or has said what it left out', async () => {
    const way = fc.constantFrom('copy', 'convert to oci', 'convert to docker', 'load', 'load with tags');
    await fc.assert(
      fc.asyncProperty(
        entries,
        way,
        fc.constantFrom(...FILES, ...REGISTRIES),
        async (list, how, destination) => {
          const { archive, names } = await archiveOf(list);
          const isLoad = how.startsWith('load');
          await holds(isLoad ? 'docker://HOST/prefix' : destination, names, async (to, registry, onEvent) => {
            if (isLoad) {
              const options = { tagDigests: how === 'load with tags', onEvent };
              const { images } = await load({
                input: archive,
                destination: `${registry.host}/prefix`,
                ...options,
              });
              return images.map(({ name, pushed, digest }) => ({ from: name, name: pushed, digest }));
            }
            if (how === 'copy') {
              const { images } = await copyImages({ source: archive, destination: to, onEvent });
              return images.map(({ name, copied, digest }) => ({ from: name, name: copied, digest }));
            }
            const format = how === 'convert to oci' ? 'oci' : 'docker';
            const { images } = await convert({ source: archive, output: to, to: format, onEvent });
            return images.map(({ name, written, to: made }) => ({
              from: name,
              name: written,
              digest: made.digest,
            }));
          });
        },
      ),
      {
        numRuns: 25,
        examples: [
          // Two names of one image, which are one name where there is room for tags alone.
          [
            [
              ['x.test/app:1@DIGEST', 0],
              ['x.test/app:1', 0],
            ],
            'copy',
            'docker-archive:FILE',
          ],
        ],
      },
    );
    assert.ok(done >= 5, `${done} of 25 runs were not refused`);
  });

  it('has put every image of a list into the archive, whole, or has said what it left out', async () => {
    const reference = fc
      .tuple(fc.constantFrom('app', 'team/app'), place, fc.constantFrom('TAG', 'DIGEST', '1@DIGEST'))
      .map(([repository, number, form]) => ({ repository, number, form }));
    const references = fc.array(reference, { minLength: 1, maxLength: 5 });
    const format = fc.constantFrom('universal', 'oci-archive', 'docker-archive');
    const platform = fc.constantFrom(undefined, 'linux/amd64');
    await fc.assert(
      fc.asyncProperty(references, format, platform, async (list, output, chosen) => {
        const images = list.map(({ repository, number, form }) => {
          const separator = form === 'DIGEST' ? '@' : ':';
          const rest = form.replace('TAG', String(number)).replace('DIGEST', digestOf(image(number)));
          return `${source.name}/${repository}${separator}${rest}`;
        });
        const scheme = output === 'docker-archive' ? 'docker-archive:FILE' : 'FILE';
        await holds(scheme, [], async (to, _, onEvent) => {
          const file = to.replace('docker-archive:', '');
          const options = {
            format: output,
            onEvent,
            keepGoing: true,
            ...(chosen && { platforms: [chosen] }),
          };
          const saved = await save({ images, output: file, ...options });
          const originals = new Set(
            saved.images.map(({ digest, originalDigest }) => originalDigest ?? digest),
          );
          if (output !== 'docker-archive' && saved.failures.length === 0)
            for (const { number } of list) assert.ok(originals.has(digestOf(image(number))));
          return saved.images.map(({ name, digest }) => ({ from: name, name, digest }));
        });
      }),
      { numRuns: 20 },
    );
    assert.ok(done >= 8, `${done} of 20 runs were not refused`);
  });
});
