import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { FindLimits } from '../../src/find/limits.js';
import { type FindResult, findImages } from '../../src/operations/find/find.js';
import { processorTimeMs } from '../support/processor-time.js';
import { makeTar } from '../support/tar-maker.js';
import { useFolder } from '../support/temporary.js';

describe('findImages, given what strangers wrote,', () => {
  const path = useFolder();

  async function found(
    content: string | Buffer,
    { name = 'a.yaml', ...limits }: FindLimits & { name?: string } = {},
  ) {
    await mkdir(dirname(path(name)), { recursive: true });
    await writeFile(path(name), content);
    return findImages({ paths: [path(name)], limits });
  }
  const names = ({ images }: FindResult): string[] => images.map(({ name }) => name);
  /** The one problem, as `LINE MESSAGE`. */
  const problem = ({ problems }: FindResult): string => {
    assert.equal(problems.length, 1, JSON.stringify(problems));
    return problems.map(({ line, message }) => `${line ?? '-'} ${message}`).join();
  };
  const POD = (image: string) =>
    `apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: a\n      image: ${image}\n`;

  it('takes no memory for a billion laughs, and says where it stopped', async () => {
    const laughs = ['a: &a0 [x.example/a:1]'];
    for (let depth = 1; depth < 30; depth++)
      laughs.push(
        `b${depth}: &a${depth} [${Array(9)
          .fill(`*a${depth - 1}`)
          .join(', ')}]`,
      );
    const start = performance.now();
    assert.match(
      problem(await found(`${laughs.join('\n')}\n`, { maxNodes: 100_000 })),
      /more than 100000 values/,
    );
    assert.ok(performance.now() - start < 5000);
  });

  it('finds the places in one long line as fast as in many', async () => {
    const items = Array.from({ length: 40_000 }, (_, place) => ({ image: `quay.io/a/b:${place}` }));
    const seconds = async (text: string): Promise<number> => {
      const start = process.cpuUsage();
      assert.equal((await found(text, { name: 'a.json' })).images.length, items.length);
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1e6;
    };
    const many = await seconds(JSON.stringify({ items }, undefined, 1));
    const one = await seconds(JSON.stringify({ items }));
    assert.ok(one < 2 * many + 0.5, `${one} s in one line, ${many} s in many`);
  });

  it('takes no memory for variables that double with each line, or grow', async () => {
    const lines = (from: number, line: (at: number) => string): string =>
      Array.from({ length: from }, (_, at) => line(at + 1)).join('\n');
    for (const [name, text] of [
      ['doubled.env', `A0=x\n${lines(100, (at) => `A${at}=$A${at - 1}$A${at - 1}`)}\n`],
      ['grown.env', `A0=x\n${lines(20_000, (at) => `A${at}=$A${at - 1}x`)}\n`],
      ['Dockerfile', `ARG A0=x\n${lines(100, (at) => `ARG A${at}=$A${at - 1}$A${at - 1}`)}\nFROM a:$A100\n`],
      ['run.yaml', `run: |\n  A0=x\n${lines(100, (at) => `  A${at}=$A${at - 1}$A${at - 1}`)}\n`],
    ] as const) {
      await writeFile(path(name), text);
      const { images } = await findImages({ paths: [path(name)] });
      assert.deepEqual(images, [], name);
    }
  });

  it('takes no memory for a long value that is named often', async () => {
    const [value, argument] = ['x'.repeat(1e6), '$(X)'.repeat(1000)];
    const { images } = await found(
      `spec: {containers: [{env: [{name: X, value: "${value}"}], args: ["--image=${argument}"]}]}\n`,
    );
    assert.deepEqual(images, []);
  });

  it('takes a time for parameters that grows with their number', async () => {
    const time = async (count: number): Promise<number> => {
      const list = (line: (at: number) => string): string =>
        Array.from({ length: count }, (_, at) => line(at)).join('');
      const parameters = list((at) => `  - {name: p${at}, default: x}\n`);
      const steps = list((at) => `  - image: "$(params.p${at}) $(x)"\n`);
      const text = `apiVersion: tekton.dev/v1\nkind: Task\nspec:\n  params:\n${parameters}  steps:\n${steps}`;
      const start = processorTimeMs();
      assert.deepEqual((await found(text)).images, []);
      return processorTimeMs() - start;
    };
    const some = await time(4000);
    const many = await time(8000);
    assert.ok(many < 3 * some + 500, `${some} ms for 4000, ${many} ms for 8000`);
  });

  it('stops at anchors that go in a circle', async () => {
    const result = await found('a: &a\n  image: nginx:1.27\n  b: *a\n  c: [*a, *a]\n', { maxNodes: 10_000 });
    assert.match(problem(result), /more than 10000 values|nested deeper/);
  });

  it('refuses values that stand in each other too deep, in YAML and JSON', async () => {
    const deep = 5000;
    for (const [name, text] of [
      ['a.yaml', `image: ${'['.repeat(deep)}${']'.repeat(deep)}`],
      ['b.json', `{"image": ${'['.repeat(deep)}${']'.repeat(deep)}}`],
      ['c.yaml', Array.from({ length: 500 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
    ] as const)
      assert.match(problem(await found(text, { name })), /nested/, name);
  });

  it('leaves out documents and files beyond the limits, and reads the others', async () => {
    const long = `a: ${'x'.repeat(5000)}\n---\n${POD('nginx:1.27')}`;
    const result = await found(long, { maxDocumentBytes: 1000 });
    assert.deepEqual(names(result), ['docker.io/library/nginx:1.27']);
    assert.match(problem(result), /^1 a document has 500\d bytes, which is more than 1000/);
    assert.match(
      problem(await found(long, { maxFileBytes: 1000 })),
      /^- it has \d+ bytes, which is more than 1000/,
    );
    const many = await found(
      `${POD('a.example/b:1')}---\n${POD('a.example/c:1')}---\n${POD('a.example/d:1')}`,
      { maxDocuments: 2 },
    );
    assert.equal(names(many).length, 2);
    assert.match(problem(many), /^1[0-9] it has more than 2 documents; the rest is not read/);
  });

  it('reads CRLF, tabs after values, a byte order mark, UTF-16 and Latin-1', async () => {
    const pod = POD('ghcr.io/a/b:1');
    const utf16 = Buffer.from(`\ufeff${pod}`, 'utf16le');
    for (const content of [
      pod.replaceAll('\n', '\r\n'),
      pod.replaceAll('\n', '\t\n'),
      `\ufeff${pod}`,
      utf16,
      Buffer.from(utf16).swap16(),
      Buffer.from(pod, 'utf16le'),
    ]) {
      const result = await found(content);
      assert.deepEqual([names(result), result.problems], [['ghcr.io/a/b:1'], []]);
      assert.equal(result.images[0]?.origins[0]?.line, 6);
    }
    const latin = await found(Buffer.from(`# r\u00e9gie\n${pod}`, 'latin1'));
    assert.deepEqual(
      [names(latin), problem(latin)],
      [['ghcr.io/a/b:1'], '- it is not UTF-8; read as Latin-1'],
    );
  });

  it('has one line for what is binary, UTF-32, or no YAML', async () => {
    assert.equal(problem(await found(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0, 1, 2]))), '- it is binary');
    assert.equal(
      problem(await found(Buffer.from('fffe0000610000', 'hex'))),
      '- it is UTF-32, which is not read',
    );
    assert.match(problem(await found('image: nginx\n\tbad: [\n')), /^\d /);
    assert.match(problem(await found('a: b\n---\nb: "unclosed\n')), /^[34] /);
  });

  it('tells the lines of templates that are not rendered', async () => {
    const template =
      '{{- if .Values.on }}\nkind: Pod\napiVersion: v1\nspec:\n  containers:\n    - image: "{{ .Values.image }}:{{ .Chart.Version }}"\n    - image: busybox:1.36\n{{- end }}\n';
    const { images, unresolved, problems } = await found(template, { name: 'templates/a.yaml' });
    assert.deepEqual(
      unresolved.map(({ line, text }) => [line, text]),
      [[6, '{{ .Values.image }}:{{ .Chart.Version }}']],
    );
    assert.deepEqual(
      images.map(({ name, grade }) => [name, grade]),
      [['docker.io/library/busybox:1.36', 'likely']],
    );
    assert.deepEqual(problems, []);
  });

  it('takes nothing for an image that only looks like one', async () => {
    const result = await found(`apiVersion: v1
kind: ConfigMap
metadata:
  name: a
  annotations: {docs: "https://example.com/image:1", help: "set image: ghcr.io/a/b:1 to change it"}
data:
  url: https://ghcr.io/a/b:1
  pattern: docker.io*
  class: com.example.images.ImageService:run
  maven: com.example:images:1.2
  address: registry.example.com/health:8080
  imagePullPolicy: Always
  imageFormat: image/png
  cidr: 10.0.0.0/8
  logo-image: logo.png
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: system:image-puller}
rules: [{apiGroups: [image.openshift.io], resources: [imagestreams/layers], verbs: [get]}]
---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: tags}
spec:
  rules:
    - validate: {pattern: {spec: {containers: [{image: "!*:latest"}]}}}
      verifyImages: [{imageReferences: ["ghcr.io/org/*"]}]
`);
    assert.deepEqual([names(result), result.unresolved, result.problems], [[], [], []]);
  });

  it('has no secret of skopeo, regsync or a Secret in its result', async () => {
    const secret = 'hunter2';
    const texts = [
      `reg.example.com:\n  credentials: {username: u, password: ${secret}}\n  images: {a/b: ["1"]}\n`,
      `version: 1\ncreds: [{registry: r.example, user: u, pass: ${secret}}]\nsync: [{source: r.example/a:1, target: t.example/a:1, type: image}]\n`,
      `apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {password: ${secret}, image: r.example/c:1}\n`,
    ];
    for (const text of texts) {
      const result = await found(text);
      assert.equal(names(result).length, 1);
      assert.ok(!JSON.stringify(result).includes(secret));
    }
  });

  it('does not follow links out of a folder, and reads no file beside it', async () => {
    await mkdir(path('in/deep'), { recursive: true });
    await writeFile(path('outside.yaml'), 'services: {a: {image: outside.example/a:1}}\n');
    await symlink(path('outside.yaml'), path('in/link.yaml'));
    await symlink(path('.'), path('in/all'));
    await symlink('deep', path('in/inner'));
    await writeFile(
      path('in/deep/compose.yaml'),
      'include: [../../outside.yaml, missing.yaml]\nservices: {b: {image: in.example/b:1}}\n',
    );
    const result = await findImages({ paths: [path('in')] });
    assert.deepEqual(names(result), ['in.example/b:1']);
    assert.deepEqual(
      result.problems.map(({ file }) => file.slice(path('in').length)),
      ['/all', '/link.yaml'],
    );
    assert.deepEqual(
      result.unresolved.map(({ text }) => text),
      ['../../outside.yaml', 'missing.yaml'],
    );
  });

  it('bounds archives: their bytes, those within them, and their files', async () => {
    const member = { name: 'a/values.yaml', body: 'image: ghcr.io/a/b:1\n' };
    const inner = gzipSync(makeTar(member));
    let nested = inner;
    for (let depth = 0; depth < 6; depth++)
      nested = gzipSync(makeTar({ name: 'a/charts/b.tgz', body: nested }));
    assert.deepEqual(names(await found(nested, { name: 'a.tgz' })), ['ghcr.io/a/b:1']);
    assert.match(problem(await found(nested, { name: 'a.tgz', maxFolders: 3 })), /deeper than 3/);
    const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024));
    assert.match(
      problem(await found(bomb, { name: 'b.tgz', maxFileBytes: 1024 * 1024 })),
      /1048576|too large|larger/i,
    );
    assert.match(problem(await found(inner.subarray(0, inner.length - 12), { name: 'c.tgz' })), /^- /);
    const upwards = gzipSync(makeTar({ name: '../../evil.yaml', body: 'image: ghcr.io/a/b:1\n' }));
    assert.equal(names(await found(upwards, { name: 'd.tgz' })).length, 0);
  });

  it('counts values before it keeps them, in every reader', async () => {
    const lines = 'a: b\n'.repeat(5000);
    for (const [name, text] of [
      ['block.yaml', lines],
      ['flow.yaml', `a: [${'b, '.repeat(5000)}c]\n`],
      ['a.json', `[${'1,'.repeat(5000)}2]`],
      ['package.yaml', `x: &a b\n${lines}`],
    ] as const)
      assert.match(problem(await found(text, { name, maxNodes: 1000 })), /more than 1000 values/, name);
    const long = `a: &a "${'x'.repeat(17 * 1024 * 1024)}"\n`;
    assert.match(problem(await found(long)), /in a form that takes too much memory/);
  });

  it('reads a stream up to its limit', async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.from('a: b\n'.repeat(1000));
      })(),
    );
    const result = await findImages({ input: endless, limits: { maxFileBytes: 100_000 } });
    assert.equal(problem(result), '- it has more than 100000 bytes, and is not read');
  });
});
