import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { list } from '../../src/operations/list.js';
import { load } from '../../src/operations/load.js';
import { serve } from '../../src/operations/serve/serve.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openPath } from '../../src/store/open.js';
import { openTar } from '../../src/tar/read.js';
import { configFor, dockerArchive, type Files, plainLayer, tarOf } from '../support/docker-archives.js';
import { warningsInto } from '../support/events.js';
import { fixturePath } from '../support/fixtures.js';
import { useFolder } from '../support/temporary.js';
import { serveWritable, type WritableServed } from '../support/writable-server.js';

interface Parts {
  files: Files;
  item: Record<string, unknown>;
}

/** Three images; of the one in the middle something is changed. */
function archiveWith(change: (parts: Parts) => void): Buffer {
  const files: Files = {};
  const items = ['good/one:1', 'bad/two:1', 'good/three:1'].map((name, place) => {
    const layer = plainLayer(`layer ${place}`);
    const parts: Parts = {
      files: { [`${place}.json`]: configFor(layer), [`${place}/layer.tar`]: layer },
      item: { Config: `${place}.json`, RepoTags: [name], Layers: [`${place}/layer.tar`] },
    };
    if (place === 1) change(parts);
    Object.assign(files, parts.files);
    return parts.item;
  });
  return dockerArchive(files, items);
}

const BROKEN: [title: string, change: (parts: Parts) => void, code: string, told: RegExp][] = [
  [
    'a layer that is not there',
    ({ files }) => delete files['1/layer.tar'],
    'MISSING_CONTENT',
    /1\/layer\.tar as a layer, but does not hold it/,
  ],
  [
    'a config that is not there',
    ({ files }) => delete files['1.json'],
    'MISSING_CONTENT',
    /1\.json as a config, but does not hold it/,
  ],
  [
    'a config that is no JSON',
    ({ files }) => (files['1.json'] = 'no JSON'),
    'INVALID_MANIFEST',
    /1\.json is not valid JSON/,
  ],
  ['an empty config', ({ files }) => (files['1.json'] = ''), 'INVALID_MANIFEST', /1\.json is not valid JSON/],
  [
    'a config that is a list',
    ({ files }) => (files['1.json'] = '[]'),
    'INVALID_MANIFEST',
    /1\.json is not a valid docker-config/,
  ],
  [
    'a config without diffIDs',
    ({ files }) => (files['1.json'] = '{}'),
    'INVALID_ARCHIVE',
    /has 1 layers, but its config 0/,
  ],
  [
    'more layers than the config has',
    ({ item }) => (item.Layers = ['1/layer.tar', '0/layer.tar']),
    'INVALID_ARCHIVE',
    /has 2 layers, but its config 1/,
  ],
  [
    'fewer layers than the config has',
    ({ item }) => (item.Layers = []),
    'INVALID_ARCHIVE',
    /has 0 layers, but its config 1/,
  ],
  [
    'a layer whose path leads out',
    ({ item }) => (item.Layers = ['../../etc/passwd']),
    'INVALID_ARCHIVE',
    /leads out of it/,
  ],
  [
    'a layer that is a link to nothing',
    ({ files }) => (files['1/layer.tar'] = '-> ../x/layer.tar'),
    'INVALID_ARCHIVE',
    /is a link to x\/layer\.tar, which is not a file/,
  ],
  ['a layer without a path', ({ item }) => (item.Layers = ['']), 'MISSING_CONTENT', /names "" as a layer/],
  [
    'a layer in bzip2',
    ({ files }) => (files['1/layer.tar'] = Buffer.from(`BZh9${'x'.repeat(600)}`)),
    'UNSUPPORTED',
    /compressed with bzip2/,
  ],
  [
    'layers that are a text',
    ({ item }) => (item.Layers = '1/layer.tar'),
    'INVALID_ARCHIVE',
    /at \/1\/Layers, expected a list of strings/,
  ],
  [
    'no config named',
    ({ item }) => delete item.Config,
    'INVALID_ARCHIVE',
    /at \/1, expected a member "Config"/,
  ],
];

const GOOD = ['docker.io/good/one:1', 'docker.io/good/three:1'];
const BAD = 'docker.io/bad/two:1';

describe('a docker-archive with one image that is broken', () => {
  const path = useFolder();
  let server: WritableServed;
  beforeEach(async () => {
    server = await serveWritable();
  });
  afterEach(() => server.close());

  for (const [title, change, code, told] of BROKEN) {
    it(`shows, verifies and loads the others: ${title}`, async () => {
      const input = path('a.tar');
      await writeFile(input, archiveWith(change));

      const listed = await list(input);
      assert.ok(listed.kind === 'images');
      assert.deepEqual(listed.images.map(({ name }) => name).sort(), [BAD, ...GOOD]);
      const { images } = await inspect(input);
      assert.deepEqual(images.map(({ name }) => name).sort(), [BAD, ...GOOD]);
      for (const shown of [listed.images, images]) {
        assert.match(shown.find(({ name }) => name === BAD)?.problem ?? '', told);
        assert.ok(shown.every(({ name, problem }) => name === BAD || problem === undefined));
      }
      await inspect(input, { reference: 'good/one:1' });
      for (const reference of ['bad/two:1', '@1'])
        await assert.rejects(inspect(input, { reference }), { code, message: told });

      const { ok, findings, notes } = await verify(input);
      assert.ok(!ok);
      assert.deepEqual(
        findings.map((finding) => finding.code),
        [code],
      );
      assert.match(findings[0]?.message ?? '', told);
      assert.match(findings[0]?.message ?? '', /bad\/two:1/);
      assert.deepEqual(notes, []);

      const destination = server.registry;
      await assert.rejects(load({ input, destination }), { code, message: told });
      const loaded = await load({ input, destination, keepGoing: true });
      assert.deepEqual(loaded.images.map(({ name }) => name).sort(), GOOD);
      assert.deepEqual(
        loaded.failures.map(({ name }) => name),
        [BAD],
      );
      const one = await load({ input, destination, images: ['good/three:1'] });
      assert.equal(one.failures.length, 0);

      await assert.rejects(copyImages({ source: input, destination: path('out.tar') }), {
        code,
        message: told,
      });
      const output = path('three.tar');
      await convert({ source: input, reference: 'good/three:1', output, to: 'oci' });
      assert.ok((await verify(output)).ok);
    });
  }

  it('says how to load the others', async () => {
    await writeFile(
      path('a.tar'),
      archiveWith(({ files }) => delete files['1/layer.tar']),
    );
    const hint = /new save of docker\.io\/bad\/two:1\. The other images can be loaded without it\.$/;
    await assert.rejects(load({ input: path('a.tar'), destination: server.registry }), {
      hint,
      remedy: 'keepGoing',
    });
  });

  it('is served without it, which a warning says', async () => {
    await writeFile(
      path('a.tar'),
      archiveWith(({ files }) => delete files['1/layer.tar']),
    );
    const warnings: string[] = [];
    const served = await serve(path('a.tar'), { port: 0, onEvent: warningsInto(warnings) });
    try {
      const status = async (name: string) =>
        (await fetch(`http://${served.host}:${served.port}/v2/${name}/manifests/1`)).status;
      assert.deepEqual([await status('good/one'), await status('bad/two')], [200, 404]);
      assert.match(
        warnings.join('\n'),
        /docker\.io\/bad\/two:1 is not served, because it is damaged: .*layer\.tar/,
      );
    } finally {
      await served.close();
    }
  });

  it('shows it under each of its names, and by its place where it has none', async () => {
    for (const [RepoTags, names] of [
      [
        ['bad/two:1', 'bad/two:2'],
        [BAD, 'docker.io/bad/two:2'],
      ],
      [null, ['@1']],
      [['Bad/Two:1'], ['@1']],
    ] as const) {
      await writeFile(
        path('a.tar'),
        archiveWith(({ files, item }) => {
          delete files['1/layer.tar'];
          item.RepoTags = RepoTags;
        }),
      );
      const listed = await list(path('a.tar'));
      assert.ok(listed.kind === 'images');
      const broken = listed.images.filter(({ problem }) => problem !== undefined);
      assert.deepEqual(
        broken.map(({ name }) => name),
        names,
      );
      assert.equal((await verify(path('a.tar'))).findings.length, 1);
      const loaded = await load({ input: path('a.tar'), destination: server.registry, keepGoing: true });
      assert.deepEqual(
        loaded.failures.map(({ name }) => name),
        names,
      );
    }
  });

  it('does not give another image for its short name', async () => {
    const layer = plainLayer('x');
    const items = [
      { Config: 'c.json', RepoTags: ['reg.test/app:1'], Layers: ['l.tar'] },
      { Config: 'c.json', RepoTags: ['app:1'], Layers: ['missing.tar'] },
    ];
    await writeFile(path('a.tar'), dockerArchive({ 'c.json': configFor(layer), 'l.tar': layer }, items));
    const store = await openPath(path('a.tar'));
    try {
      await assert.rejects(store.resolve('app:1'), { code: 'MISSING_CONTENT' });
      await store.resolve('reg.test/app:1');
    } finally {
      await store.close();
    }
  });

  it('is refused by all but verify, which names each, when they all are', async () => {
    const layer = plainLayer('x');
    const item = { Config: 'c.json', Layers: ['missing.tar'] };
    const items = [
      { ...item, RepoTags: ['a:1'] },
      { ...item, RepoTags: ['b:1'] },
    ];
    await writeFile(path('a.tar'), dockerArchive({ 'c.json': configFor(layer) }, items));
    const { findings } = await verify(path('a.tar'));
    assert.equal(findings.length, 2);
    assert.match(findings[0]?.message ?? '', /a:1 needs it/);
    assert.match(findings[1]?.message ?? '', /b:1 needs it/);
    await assert.rejects(list(path('a.tar')), { code: 'MISSING_CONTENT', message: /a:1 needs it/ });
  });

  it('is refused as a whole where its name is that of another image, too: a reader may take it', async () => {
    await writeFile(
      path('a.tar'),
      archiveWith(({ files, item }) => {
        files['1/layer.tar'] = Buffer.from(`BZh9${'x'.repeat(600)}`);
        item.RepoTags = ['docker.io/good/one:1'];
      }),
    );
    const told = {
      code: 'INVALID_ARCHIVE',
      message: /good\/one:1 is the image with the config .* and also an image that cannot/,
    };
    await assert.rejects(list(path('a.tar')), told);
    assert.ok((await verify(path('a.tar'))).findings.some(({ message }) => told.message.test(message)));
  });

  it('is read beside the folders that docker save wrote for old versions of Docker', async () => {
    const view = await openTar(fixturePath('archives/docker20-multi.tar'));
    const files: Files = {};
    for (const { path: name } of await view.list()) files[name] = await view.read(name, 1_000_000);
    await view.close();
    const [missing] = Object.keys(files).filter(
      (name) => name.startsWith('6561') && name.endsWith('layer.tar'),
    );
    delete files[missing ?? ''];
    await writeFile(path('a.tar'), tarOf(files));
    const listed = await list(path('a.tar'));
    assert.ok(listed.kind === 'images');
    assert.deepEqual(
      listed.images.map(({ name, problem }) => [name, problem !== undefined]),
      [
        ['docker.io/library/tiny:1', false],
        ['docker.io/library/tiny:2', true],
      ],
    );
  });

  it('is refused as a whole where it can be read in two ways', async () => {
    const layers = [plainLayer('one'), plainLayer('two')];
    assert.equal(layers[0]?.length, layers[1]?.length);
    const good = archiveWith(() => undefined).subarray(0, -1024);
    const again = tarOf({ '1/layer.tar': plainLayer('layer x') });
    await writeFile(path('a.tar'), Buffer.concat([good, again]));
    await assert.rejects(list(path('a.tar')), { code: 'INVALID_ARCHIVE', message: /is ambiguous/ });
  });
});

describe('folders of images of which one is broken', () => {
  const path = useFolder();

  it('show the others', async () => {
    const version = 'Directory Transport Version: 1.1\n';
    const manifest = {
      schemaVersion: 2,
      config: { mediaType: 'x/y', digest: `sha256:${'a'.repeat(64)}`, size: 1 },
      layers: [],
    };
    const whole = {
      'a/version': version,
      'a/manifest.json': JSON.stringify({
        ...manifest,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
      }),
    };
    await writeFile(
      path('a.tar'),
      tarOf({ ...whole, 'b/version': version, 'b/manifest.json': '{}', 'c/version': version }),
    );
    const listed = await list(path('a.tar'));
    assert.ok(listed.kind === 'images');
    assert.deepEqual(
      listed.images.map(({ name, problem }) => [name, problem !== undefined]),
      [
        ['a', false],
        ['b', true],
        ['c', true],
      ],
    );
    assert.match(listed.images[1]?.problem ?? '', /b\/manifest\.json is not a valid manifest/);
    assert.match(listed.images[2]?.problem ?? '', /not both manifest\.json and version/);
  });
});
