import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type FindResult, findImages } from '../../src/operations/find/find.js';
import { useFolder } from '../support/temporary.js';

describe('findImages', () => {
  const path = useFolder();

  async function foundIn(files: Record<string, string>): Promise<FindResult> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(path(name)), { recursive: true });
      await writeFile(path(name), text);
    }
    return findImages({ paths: [path()] });
  }

  async function namesIn(text: string, file = 'a.yaml'): Promise<string[]> {
    const { images, problems } = await foundIn({ [file]: text });
    assert.deepEqual(problems, []);
    return images.filter(({ grade }) => grade !== 'possible').map(({ name }) => name);
  }

  it('puts names together: by a table of known fields, and by members that stand side by side', async () => {
    assert.deepEqual(
      await namesIn(`apiVersion: nvidia.com/v1
kind: ClusterPolicy
spec: {driver: {repository: nvcr.io/nvidia, image: driver, version: "550.90"}}
---
apiVersion: k8ssandra.io/v1alpha1
kind: K8ssandraCluster
spec: {medusa: {containerImage: {registry: docker.io, repository: k8ssandra, name: medusa, tag: "0.22"}}}
---
apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: KubeadmControlPlane
spec: {kubeadmConfigSpec: {clusterConfiguration: {dns: {imageRepository: registry.k8s.io/coredns, imageTag: v1.11.1}}}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
spec: {images: [{name: app, newName: ghcr.io/org/app, newTag: "2"}]}
---
apiVersion: v1
kind: Pod
metadata: {annotations: {config.linkerd.io/proxy-image: cr.l5d.io/linkerd/proxy, config.linkerd.io/proxy-version: stable-2.14}}
`),
      [
        'nvcr.io/nvidia/driver:550.90',
        'docker.io/k8ssandra/medusa:0.22',
        'registry.k8s.io/coredns/coredns:v1.11.1',
        'ghcr.io/org/app:2',
        'cr.l5d.io/linkerd/proxy:stable-2.14',
      ],
    );
  });

  it('knows flags of operators that have images and are not called so', async () => {
    assert.deepEqual(
      await namesIn(`apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      containers:
        - name: operator
          args:
            - --prometheus-config-reloader=quay.io/prometheus-operator/prometheus-config-reloader:v0.76.0
            - -nop-image
            - ghcr.io/org/nop:1
            - --other=ghcr.io/org/other:1
`),
      ['quay.io/prometheus-operator/prometheus-config-reloader:v0.76.0', 'ghcr.io/org/nop:1'],
    );
  });

  it('says of a range of versions, of an empty tag and of a new name without a tag that they are not resolved', async () => {
    const { images, unresolved } = await foundIn({
      'a.yaml': `apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
spec: {url: "oci://ghcr.io/org/manifests", ref: {semver: ">=1.0"}}
`,
      'values.yaml': 'image:\n  repository: ghcr.io/org/app\n  tag: ""\n',
      'kustomization.yaml': 'images: [{name: a, newName: ghcr.io/org/b}]\n',
    });
    assert.deepEqual(images, []);
    assert.deepEqual(
      unresolved.map(({ text }) => text),
      ['ghcr.io/org/manifests', 'ghcr.io/org/b', 'ghcr.io/org/app'],
    );
  });

  it('takes no ID of an image for a name, wherever it stands', async () => {
    const id = `sha256:${'1'.repeat(64)}`;
    const texts = [
      `containers: [{image: "${id}"}]`,
      `sidecarImage: "${id}"`,
      `app: {image: "${id}"}`,
      `env: [{name: APP_IMAGE, value: "${id}"}]`,
      `args: [--sidecar-image=${id}, --sidecar-image, "${id}"]`,
      `images: ["${id}"]`,
    ];
    for (const text of texts) assert.deepEqual(await namesIn(text), [], text);
  });

  it('reads images and documents in data of a Secret', async () => {
    const pod = Buffer.from(
      'apiVersion: v1\nkind: Pod\nspec: {containers: [{image: ghcr.io/a/b:1}]}\n',
    ).toString('base64');
    assert.deepEqual(
      await namesIn(`apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  pod.yaml: ${pod}\n`),
      ['ghcr.io/a/b:1'],
    );
  });

  it('reads compose files: variables, what is included with its own, and builds', async () => {
    const { images, unresolved } = await foundIn({
      'compose.yaml': `include:
  - path: more/compose.yaml
    env_file: more/.env
services:
  a: {image: "a.example/a:$TAG"}
  b: {image: "\${B:-b.example/b}:\${NONE:?is needed}"}
  c: {build: {dockerfile_inline: "FROM c.example/c:1\\nCOPY --from=c.example/d:2 / /\\n"}}
  d: {image: "d.example/d:\${X-\${TAG}}", platform: linux/arm64}
`,
      '.env': 'TAG="1.0"\nOTHER_IMAGE=o.example/o:1\n',
      'more/compose.yaml': `services: {m: {image: "m.example/m:\${M:-0}"}}\n`,
      'more/.env': 'M=7\n',
    });
    assert.deepEqual(images.map(({ name, grade }) => `${name} ${grade}`).sort(), [
      'a.example/a:1.0 certain',
      'c.example/c:1 certain',
      'c.example/d:2 certain',
      'd.example/d:1.0 certain',
      'm.example/m:7 certain',
      'o.example/o:1 likely',
    ]);
    assert.equal(images.find(({ name }) => name === 'd.example/d:1.0')?.origins[0]?.platform, 'linux/arm64');
    assert.deepEqual(
      unresolved.map(({ line, text }) => [line, text]),
      [[6, `\${B:-b.example/b}:\${NONE:?is needed}`]],
    );
  });

  it('turns selections of tags into patterns', async () => {
    const { patterns } = await foundIn({
      'sync.yaml': `r.example:
  images: {all: []}
  images-by-tag-regex: {some: "^1\\\\.[0-9]+$"}
  images-by-semver: {range: ">= 2.0, < 3"}
`,
      'regsync.yml': `version: 1
sync:
  - {source: r.example/x, target: t.example/x, type: repository, tags: {allow: ["1", "2.*"], deny: [".*-rc"]}}
`,
    });
    assert.deepEqual(
      patterns.map(({ pattern }) => pattern),
      [
        'r.example/x:{match /^(?:1|2.*)$/, not /^(?:.*-rc)$/}',
        'r.example/all:{match /./}',
        'r.example/some:{match /^1\\.[0-9]+$/}',
        'r.example/range:{>=2.0 <3}',
      ],
    );
  });

  it('turns selections of tags of the tools of Carvel into patterns, and never into latest', async () => {
    const { images, patterns, unresolved } = await foundIn({
      'kbld.yaml': `apiVersion: kbld.k14s.io/v1alpha1
kind: Config
overrides:
  - image: one
    newImage: r.example/one
    tagSelection: {semver: {constraints: ">=1.0.0, <2.0.0"}}
  - {image: two, newImage: "r.example/two:2"}
  - image: three
    newImage: r.example/three
    tagSelection: {semver: {constraints: ">3.0.0", prereleases: {identifiers: [rc]}}}
`,
      'app.yaml': `apiVersion: kappctrl.k14s.io/v1alpha1
kind: App
spec:
  fetch:
    - imgpkgBundle: {image: r.example/four, tagSelection: {semver: {}}}
    - image: {url: r.example/five, tagSelection: {semver: {constraints: 5.x}}}
    - image: {url: "r.example/six:6"}
---
apiVersion: vendir.k14s.io/v1alpha1
kind: Config
directories: [{path: a, contents: [{path: b, image: {url: "r.example/seven:7"}}]}]
---
apiVersion: data.packaging.carvel.dev/v1alpha1
kind: Package
spec: {template: {spec: {fetch: [{imgpkgBundle: {image: "r.example/eight:8"}}]}}}
`,
    });
    assert.deepEqual(
      patterns.map(({ pattern }) => pattern),
      [
        'r.example/four:{*, newest 1}',
        'r.example/five:{5.x, newest 1}',
        'r.example/one:{>=1.0.0 <2.0.0, newest 1}',
      ],
    );
    assert.deepEqual(images.map(({ name, grade }) => `${name} ${grade}`).sort(), [
      'r.example/eight:8 certain',
      'r.example/seven:7 certain',
      'r.example/six:6 certain',
      'r.example/two:2 certain',
    ]);
    assert.deepEqual(
      unresolved.map(({ text, line, reason }) => [text, line, reason]),
      [['r.example/three', 9, 'only its registry knows which of its tags is meant']],
    );
  });

  it('reads the first form of an ImagesLock, and what hauler takes from annotations', async () => {
    const digest = `sha256:${'ab'.repeat(32)}`;
    const { images, unresolved } = await foundIn({
      'images.yml': `apiVersion: imgpkg.carvel.dev/v1alpha1
kind: ImagesLock
spec: {images: [{image: "r.example/a@${digest}"}]}
`,
      'hauler.yaml': `apiVersion: content.hauler.cattle.io/v1
kind: Images
metadata: {annotations: {hauler.dev/platform: linux/arm64, hauler.dev/registry: h.example}}
spec: {images: [{name: "b:1"}, {name: "r.example/c:1", platform: linux/amd64}]}
---
apiVersion: content.hauler.cattle.io/v1
kind: Charts
spec: {charts: [{name: app, add-images: True}]}
`,
    });
    assert.deepEqual(
      images.map(({ name, origins }) => [name, origins[0]?.platform]),
      [
        ['h.example/b:1', 'linux/arm64'],
        ['r.example/c:1', 'linux/amd64'],
        [`r.example/a@${digest}`, undefined],
      ],
    );
    assert.deepEqual(
      unresolved.map(({ text }) => text),
      ['app'],
    );
  });

  it('takes no tag of a resource that a kustomization adds something to', async () => {
    const pod = 'apiVersion: v1\nkind: Pod\nspec: {containers: [{image: "app:1"}, {image: "db:1"}]}\n';
    const { images, unresolved, replaced } = await foundIn({
      'kustomization.yaml':
        'resources: [pod.yaml]\nimages: [{name: app, tagSuffix: -fips}, {name: db, newTag: "2", tagSuffix: -fips}]\n',
      'pod.yaml': pod,
    });
    assert.deepEqual(
      images.map(({ name }) => name),
      ['docker.io/library/db:2'],
    );
    assert.deepEqual(
      unresolved.map(({ text, path: place }) => [text, place]),
      [['app:*-fips', 'images[0].tagSuffix']],
    );
    assert.deepEqual(
      replaced.map(({ image }) => image),
      ['app:1', 'db:1'],
    );
  });

  it('takes the files of its own lock', async () => {
    const digest = `sha256:${'1'.repeat(64)}`;
    const lock = {
      mediaType: 'application/vnd.lading.lock.v1+json',
      images: [{ name: 'r.example/a:1', digest }],
    };
    assert.deepEqual(await namesIn(JSON.stringify(lock), 'images.lock.json'), [`r.example/a:1@${digest}`]);
  });

  it('reads one JSON value a line', async () => {
    const pod = (image: string) =>
      JSON.stringify({ apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ image }] } });
    const { images } = await foundIn({ 'pods.ndjson': `${pod('a.example/a:1')}\n${pod('b.example/b:1')}\n` });
    assert.deepEqual(
      images.map(({ name, origins }) => [name, origins[0]?.line]),
      [
        ['a.example/a:1', 1],
        ['b.example/b:1', 2],
      ],
    );
  });

  it('skips other files of a folder, and reads every file that is named', async () => {
    const { files } = await foundIn({
      'README.md': 'image: a.example/a:1\n',
      'main.go': 'image: a.example/a:1\n',
      '.git/config.yaml': 'image: a.example/a:1\n',
      'node_modules/a/compose.yaml': 'services: {a: {image: a.example/a:1}}\n',
    });
    assert.equal(files, 0);
    const { images } = await findImages({ paths: [path('README.md')] });
    assert.deepEqual(
      images.map(({ name }) => name),
      ['a.example/a:1'],
    );
  });
});
