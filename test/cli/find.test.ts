import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';
import { runLading } from './program.js';

const POD = (...images: string[]): string =>
  `apiVersion: v1\nkind: Pod\nspec:\n  containers:\n${images.map((image) => `    - image: ${image}\n`).join('')}`;

describe('lading find', () => {
  const path = useFolder('the suite');
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry();
    await registry.put('app:1', await makeImage({ seed: 'app' }));
    await registry.put('side:2', await makeImage({ seed: 'side' }));
  });
  after(() => registry.close());

  it('prints the names of standard input, one a line, each once, and what is unsure on standard error', async () => {
    const stdin = `${POD('nginx:1.27', 'ghcr.io/org/app:1')}---\n${POD('docker.io/library/nginx:1.27')}---\nseen: quay.io/org/seen:3\n`;
    const { code, stdout, stderr } = await runLading(['find', '-'], { stdin });
    assert.deepEqual([code, stdout], [0, 'docker.io/library/nginx:1.27\nghcr.io/org/app:1\n']);
    assert.equal(stderr, 'warning: -:14: quay.io/org/seen:3 is only possible\n');
    const all = await runLading(['find', '-', '--grade', 'possible'], { stdin });
    assert.deepEqual([all.code, all.stderr], [0, '']);
    assert.match(all.stdout, /^quay\.io\/org\/seen:3$/m);
    const certain = await runLading(['find', '-', '--grade', 'certain'], { stdin: 'image: a/b:1\n' });
    assert.deepEqual([certain.code, certain.stdout], [0, '']);
  });

  it('ends with 4 when something is not resolved or cannot be read, and with 1 if that must not be', async () => {
    await writeFile(path('pod.yaml'), POD('nginx:1', '"$(TAG)"'));
    const { code, stdout, stderr } = await runInProcess(['find', path('pod.yaml')]);
    assert.deepEqual([code, stdout], [4, 'docker.io/library/nginx:1\n']);
    assert.match(stderr, /pod\.yaml:6: not resolved: \$\(TAG\) \(/);
    const strict = await runInProcess(['find', path('pod.yaml'), '--strict']);
    assert.equal(strict.code, 1);
    assert.match(strict.stderr, /1 place could not be read or resolved/);
    await writeFile(path('bad.yaml'), 'a: "b\n');
    const bad = await runInProcess(['find', path('bad.yaml')]);
    assert.equal(bad.code, 4);
    assert.match(bad.stderr, /bad\.yaml:\d: /);
    assert.equal((await runInProcess(['find', path('none.yaml')])).code, 5);
    assert.equal((await runLading(['find', '-', '-'])).code, 2);
  });

  it('reads a pipe that has a name, as a shell makes of <(helm template app)', async () => {
    execFileSync('mkfifo', [path('pipe')]);
    const [found] = await Promise.all([
      runLading(['find', path('pipe')]),
      writeFile(path('pipe'), POD('nginx:1.27')),
    ]);
    assert.deepEqual([found.code, found.stdout], [0, 'docker.io/library/nginx:1.27\n'], found.stderr);
    const endless = await runLading(['find', '/dev/zero', '--max-file-bytes', '1000000']);
    assert.equal(endless.code, 4);
    assert.match(
      endless.stderr,
      /^warning: \/dev\/zero: it has more than 1000000 bytes, and is not read \(lading find --max-file-bytes allows more\)/,
    );
    await writeFile(path('deep.yaml'), `image: ${'['.repeat(300)}${']'.repeat(300)}\n`);
    const saved = await runInProcess(['save', '--from', path('deep.yaml'), '-o', path('deep.tar')]);
    assert.match(saved.stderr, /deeper than 200 levels \(lading find --max-depth allows more\)/);
  });

  it('has places, grades and paths with --json, and shows why an image is there', async () => {
    await writeFile(path('why.yaml'), POD('nginx:1.27', 'nginx:1.26'));
    const { images } = JSON.parse((await runInProcess(['find', path('why.yaml'), '--json'])).stdout);
    assert.deepEqual(images[0], {
      name: 'docker.io/library/nginx:1.27',
      grade: 'certain',
      origins: [
        {
          image: 'nginx:1.27',
          grade: 'certain',
          file: path('why.yaml'),
          line: 5,
          path: 'spec.containers[0].image',
        },
      ],
    });
    const why = await runInProcess(['find', path('why.yaml'), '--why', 'nginx:1.27']);
    assert.equal(why.stdout, `${path('why.yaml')}:5  certain  spec.containers[0].image  nginx:1.27\n`);
    assert.equal(
      (await runInProcess(['find', path('why.yaml'), '--why', 'nginx'])).stdout.split('\n').length,
      3,
    );
    const other = await runInProcess(['find', path('why.yaml'), '--why', 'ghcr.io/a/nginx:2']);
    assert.equal(other.code, 5);
    assert.match(other.stderr, /There is docker\.io\/library\/nginx:1\.27, /);
  });

  it('asks registries for what is only possible', async () => {
    const [there, gone] = [`${registry.name}/app:1`, `${registry.name}/app:9`];
    const args = ['find', '-', '--probe', '--plain-http'];
    const { code, stdout, stderr } = await runLading(args, { stdin: `a: ${there}\nb: ${gone}\n` });
    assert.deepEqual([code, stdout], [0, `${there}\n`]);
    assert.match(stderr, new RegExp(`${gone} is only possible`));
    const { probed } = JSON.parse(
      (await runLading([...args, '--json'], { stdin: `a: ${there}\nb: ${gone}\n` })).stdout,
    );
    assert.deepEqual(probed, [
      { name: there, isThere: true },
      { name: gone, isThere: false },
    ]);
  });

  it('gives its images to save: --from, and a document given as a list', async () => {
    await writeFile(path('deploy.yaml'), POD(`${registry.name}/app:1`, `${registry.name}/side:2`));
    const saved = await runInProcess([
      'save',
      '--from',
      path('deploy.yaml'),
      '-o',
      path('a.tar'),
      '--plain-http',
      '--json',
    ]);
    assert.equal(saved.code, 0, saved.stderr);
    assert.deepEqual(
      JSON.parse(saved.stdout).images.map(({ name }: { name: string }) => name),
      [`${registry.name}/app:1`, `${registry.name}/side:2`],
    );
    const listed = await runInProcess([
      'save',
      '-f',
      path('deploy.yaml'),
      '-o',
      path('b.tar'),
      '--plain-http',
    ]);
    assert.equal(listed.code, 0, listed.stderr);
    assert.match(listed.stderr, /deploy\.yaml is a document rather than a list of names/);
  });

  it('gives the places of names to a lock', async () => {
    await writeFile(path('locked.yaml'), POD(`${registry.name}/app:1`));
    const args = ['lock', '--from', path('locked.yaml'), '-o', path('lock.json'), '--plain-http'];
    const { code, stderr } = await runInProcess(args);
    assert.equal(code, 0, stderr);
    const [image] = JSON.parse(await readFile(path('lock.json'), 'utf8')).images;
    assert.deepEqual(image.origins, [
      { file: path('locked.yaml'), grade: 'certain', line: 5, path: 'spec.containers[0].image' },
    ]);
    const found = await runInProcess(['find', path('lock.json')]);
    assert.equal(found.stdout, `${registry.name}/app:1@${image.digest}\n`);
  });

  it('saves what files of skopeo and regsync select by tags', async () => {
    await registry.put('many:1.1', await makeImage({ seed: '1.1' }));
    await registry.put('many:1.2', await makeImage({ seed: '1.2' }));
    await registry.put('many:2.0', await makeImage({ seed: '2.0' }));
    await writeFile(path('sync.yaml'), `${registry.name}:\n  images-by-semver:\n    many: ">= 1.0, < 2"\n`);
    const found = await runInProcess(['find', path('sync.yaml')]);
    assert.equal(found.stdout, `${registry.name}/many:{>=1.0 <2}\n`);
    const saved = await runInProcess([
      'save',
      '--from',
      path('sync.yaml'),
      '-o',
      path('e.tar'),
      '--plain-http',
      '--json',
    ]);
    assert.equal(saved.code, 0, saved.stderr);
    assert.deepEqual(
      JSON.parse(saved.stdout).images.map(({ name }: { name: string }) => name),
      [`${registry.name}/many:1.1`, `${registry.name}/many:1.2`],
    );
  });

  it('lets save go on with the others when an image is not resolved, or refuse', async () => {
    await writeFile(path('open.yaml'), POD(`${registry.name}/app:1`, '"{{ .Values.image }}"'));
    const args = ['save', '--from', path('open.yaml'), '-o', path('c.tar'), '--plain-http'];
    const refused = await runInProcess([...args, '--strict']);
    assert.equal(refused.code, 1, refused.stderr);
    const { code, stderr } = await runInProcess(args);
    assert.equal(code, 4, stderr);
    assert.match(stderr, /not resolved: \{\{ \.Values\.image \}\}/);
    assert.match((await runInProcess(['ls', path('c.tar')])).stdout, /app:1/);
  });

  it('keeps a list with a mistake a list', async () => {
    await writeFile(path('list.txt'), 'docker.io/library/nginx:1\nA/b:c d\n');
    const { code, stderr } = await runInProcess(['save', '-f', path('list.txt'), '-o', path('d.tar')]);
    assert.equal(code, 2);
    assert.match(stderr, /invalid image name/);
  });
});
