import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fixturePath } from '../support/fixtures.js';
import { needs } from '../support/needs.js';
import { type DockerRegistry, startDockerRegistry } from '../support/programs/docker-registry.js';
import { ladingJSON, runLading } from '../support/programs/lading.js';
import { peer, type RunPeer } from '../support/programs/peers.js';
import { succeed } from '../support/programs/run.js';
import { skopeo } from '../support/programs/skopeo.js';
import { temporaryFolder } from '../support/programs/workplace.js';

async function writeAll(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder('find');
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

/** The names that lading finds, sorted; nothing may be unresolved. */
async function found(args: readonly string[], stdin?: string): Promise<string[]> {
  const { code, stdout, stderr } = await runLading(['find', ...args], stdin === undefined ? {} : { stdin });
  assert.equal(code, 0, stderr);
  return stdout.trimEnd().split('\n').sort();
}

/** A chart with a subchart, named templates, ranges, conditions, hooks and a definition of a kind. */
const CHART = {
  'Chart.yaml':
    'apiVersion: v2\nname: shop\nversion: 1.0.0\nappVersion: "4.2"\ndependencies: [{name: queue, version: 0.1.0, condition: queue.enabled}]\n',
  'values.yaml': `image: {registry: ghcr.io, repository: shop/web, tag: ""}
sidecars:
  - {name: logs, image: "cr.example.com:5000/logs/agent:2.1@sha256:${'ab'.repeat(32)}"}
  - {name: stats, image: quay.io/shop/stats:7}
migrate: {image: {repository: shop/migrate, tag: 3}}
operator: {reloader: quay.io/shop/reloader:0.9}
queue: {enabled: true, image: {tag: "3.13-alpine"}}
debug: {enabled: false}
`,
  'templates/_helpers.tpl': `{{- define "shop.image" -}}
{{ .Values.image.registry }}/{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
`,
  'templates/web.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}-web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
        - name: wait
          image: docker.io/library/busybox:1.36
          command: ["sh", "-c", "until nc -z db 5432; do sleep 1; done"]
      containers:
        - name: web
          image: {{ include "shop.image" . | quote }}
          args:
            - --reloader-image={{ .Values.operator.reloader }}
          env:
            - {name: RELATED_IMAGE_MIGRATE, value: "{{ .Values.migrate.image.repository }}:{{ .Values.migrate.image.tag }}"}
{{- range .Values.sidecars }}
        - name: {{ .name }}
          image: {{ .image }}
{{- end }}
{{- if .Values.debug.enabled }}
        - {name: debug, image: "shop/debug:never"}
{{- end }}
`,
  'templates/hook.yaml': `apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations: {"helm.sh/hook": pre-install}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - {name: migrate, image: "{{ .Values.migrate.image.repository }}:{{ .Values.migrate.image.tag }}"}
`,
  'charts/queue/Chart.yaml': 'apiVersion: v2\nname: queue\nversion: 0.1.0\n',
  'charts/queue/values.yaml': 'image: {repository: rabbitmq, tag: none}\n',
  'charts/queue/templates/queue.yaml': `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: queue}
spec:
  template:
    spec:
      containers:
      - name: queue
        image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
        imagePullPolicy: IfNotPresent
`,
};

describe('what lading finds', () => {
  it('in the output of helm template is what its templates ask for', async function () {
    const helm: RunPeer = await peer(this, 'helm');
    const folder = await writeAll(CHART);
    const expected = [
      `cr.example.com:5000/logs/agent:2.1@sha256:${'ab'.repeat(32)}`,
      'docker.io/library/busybox:1.36',
      'docker.io/library/rabbitmq:3.13-alpine',
      'docker.io/shop/migrate:3',
      'ghcr.io/shop/web:4.2',
      'quay.io/shop/reloader:0.9',
      'quay.io/shop/stats:7',
    ];
    assert.deepEqual(await found(['-'], await helm('template', 'one', folder)), expected);
    const other = await helm(
      'template',
      'one',
      folder,
      '--set',
      'debug.enabled=true,queue.enabled=false,image.tag=5',
    );
    assert.deepEqual(
      await found(['-'], other),
      [
        ...expected.filter((name) => !/rabbitmq|web:/.test(name)),
        'docker.io/shop/debug:never',
        'ghcr.io/shop/web:5',
      ].sort(),
    );
    // Packed, and not rendered: what it says, and the places of what is not said.
    await helm('package', folder, '--destination', folder);
    const { code, stdout, stderr } = await runLading(['find', join(folder, 'shop-1.0.0.tgz')]);
    assert.equal(code, 4);
    assert.match(stderr, /shop-1\.0\.0\.tgz\/shop\/templates\/web\.yaml:15: not resolved/);
    for (const name of ['docker.io/library/busybox:1.36', 'quay.io/shop/stats:7', 'docker.io/shop/migrate:3'])
      assert.ok(stdout.split('\n').includes(name), name);
  });

  it('in a folder of kustomizations is what kustomize builds', async function () {
    const kustomize: RunPeer = await peer(this, 'kustomize');
    const folder = await writeAll({
      'base/kustomization.yaml':
        'resources: [app.yaml, job.yaml]\nimages: [{name: helper, newName: quay.io/org/helper, newTag: "1"}]\n',
      'base/app.yaml':
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      containers:\n        - {name: app, image: "app:latest"}\n        - {name: proxy, image: "envoyproxy/envoy:v1.31"}\n',
      'base/job.yaml':
        'apiVersion: batch/v1\nkind: Job\nmetadata: {name: job}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: job, image: helper}]\n',
      'overlay/kustomization.yaml': `resources: [../base]
images:
  - {name: app, newName: ghcr.io/org/app, digest: "sha256:${'cd'.repeat(32)}"}
  - {name: envoyproxy/envoy, newTag: v1.32}
`,
    });
    const built = await found(['-'], await kustomize('build', join(folder, 'overlay')));
    assert.deepEqual(built, [
      'docker.io/envoyproxy/envoy:v1.32',
      `ghcr.io/org/app@sha256:${'cd'.repeat(32)}`,
      'quay.io/org/helper:1',
    ]);
    assert.deepEqual(await found([folder]), built);
  });
});

describe('what lading saves from the files of other tools', () => {
  let registry: DockerRegistry;
  let destination: DockerRegistry;
  const TAGS: Record<string, readonly string[]> = {
    'team/api': ['1.0.0', '1.1.0', '1.2.0-rc.1', '2.0.0', 'latest', 'nightly'],
    'team/web': ['v1', 'v1.0', 'v2', 'edge'],
    'team/all': ['a', 'b', '3.1'],
  };

  before(async function () {
    needs(this, 'docker-registry', 'skopeo');
    registry = await startDockerRegistry();
    destination = await startDockerRegistry();
    const image = `docker-archive:${fixturePath('archives/docker20-single.tar')}`;
    for (const [repository, tags] of Object.entries(TAGS))
      for (const tag of tags)
        await skopeo(
          'copy',
          '--dest-tls-verify=false',
          image,
          `docker://${registry.host}/${repository}:${tag}`,
        );
  });

  /** The images of a registry, `REPOSITORY:TAG`. */
  async function tagsOf({ host }: DockerRegistry): Promise<string[]> {
    const found: string[] = [];
    const { repositories } = await ladingJSON<{ repositories: string[] }>('ls', host, '--plain-http');
    for (const repository of repositories) {
      const { tags } = await ladingJSON<{ tags: string[] }>('ls', `${host}/${repository}`, '--plain-http');
      found.push(...tags.map((tag) => `${repository}:${tag}`));
    }
    return found.sort();
  }

  async function savedFrom(path: string): Promise<string[]> {
    const output = join(await temporaryFolder('saved'), 'images.tar');
    const { images } = await ladingJSON<{ images: { name: string }[] }>(
      ...['save', '--from', path, '-o', output, '--plain-http'],
    );
    return images.map(({ name }) => name.slice(registry.host.length + 1)).sort();
  }

  // skopeo before 1.15 does not know images-by-semver.
  it('is what skopeo sync copies by the same file', async () => {
    const folder = await writeAll({
      'sync.yaml': `${registry.host}:
  tls-verify: false
  credentials: {username: nobody, password: secret-of-nobody}
  images:
    team/web: [v1, edge]
    team/all: []
  images-by-tag-regex:
    team/web: ^v2$
    team/api: ^1[.].*0$
`,
    });
    const path = join(folder, 'sync.yaml');
    const copies = join(folder, 'copies');
    await mkdir(copies);
    await skopeo('sync', '--all', '--scoped', '--src', 'yaml', '--dest', 'dir', path, copies);
    const directories = (await succeed('find', [copies, '-name', 'manifest.json'])).trim().split('\n');
    const copied = directories.map((file) => dirname(file).slice(dirname(file).indexOf('team/'))).sort();
    assert.deepEqual(await savedFrom(path), copied);
    assert.equal(copied.length, 8);
    const { stdout } = await runLading(['find', path, '--json']);
    assert.ok(!stdout.includes('secret-of-nobody'));
  });

  it('is what regsync copies by the same file', async function () {
    const regsync: RunPeer = await peer(this, 'regsync');
    const folder = await writeAll({
      'regsync.yml': `version: 1
creds:
  - {registry: "${registry.host}", tls: disabled}
  - {registry: "${destination.host}", tls: disabled}
sync:
  - {source: "${registry.host}/team/web:edge", target: "${destination.host}/team/web:edge", type: image}
  - source: ${registry.host}/team/api
    target: ${destination.host}/team/api
    type: repository
    tags: {allow: ["1\\\\..*", latest], deny: [".*-rc.*"]}
  - source: ${registry.host}/team/all
    target: ${destination.host}/team/all
    type: repository
`,
    });
    const path = join(folder, 'regsync.yml');
    await regsync('once', '-c', path);
    const copied = await tagsOf(destination);
    assert.deepEqual(await savedFrom(path), copied);
    assert.deepEqual(copied, [
      'team/all:3.1',
      'team/all:a',
      'team/all:b',
      'team/api:1.0.0',
      'team/api:1.1.0',
      'team/api:latest',
      'team/web:edge',
    ]);
  });
});
