import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { EXIT } from '../../src/cli/exit-codes.js';
import { findImages, lockImages } from '../../src/index.js';
import { formatLockAs } from '../../src/operations/lock/write-lock.js';
import { startRegistry } from '../operations/registry.js';
import { makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';

const TO = ['--lock', 's3://images/all.lock.json', '-o', 's3://images/all', '--shards', '8'];

/** Prints a job, and returns its manifests as objects. */
async function manifests(...args: string[]) {
  const { code, stdout, stderr } = await runInProcess(['job', ...args]);
  assert.equal(code, 0, stderr);
  const documents = parseAllDocuments(stdout);
  assert.deepEqual(
    documents.flatMap(({ errors }) => errors),
    [],
  );
  return { stdout, stderr, objects: documents.map((document) => document.toJS()) };
}

describe('lading job', () => {
  const path = useFolder();

  it('is an Indexed Job whose pods save their shares, and one for the index that waits', async () => {
    const { objects, stderr, stdout } = await manifests(
      ...[...TO, '--parallel', '4', '--name', 'nightly', '--namespace', 'mirror'],
      ...['--image', 'registry.local:5000/lading:1', '--s3-secret', 'bucket', '--registry-secret', 'logins'],
      ...['--platform', 'linux/amd64,linux/arm64', '--no-referrers', '--s3-endpoint', 'https://s3.local'],
    );
    const [save, index, ...others] = objects;
    assert.deepEqual(others, []);
    assert.deepEqual(
      [save.kind, save.metadata.name, index.kind, index.metadata.name, save.metadata.namespace],
      ['Job', 'nightly', 'Job', 'nightly-index', 'mirror'],
    );
    const { template, podFailurePolicy, ...spec } = save.spec;
    assert.deepEqual(spec, {
      completionMode: 'Indexed',
      completions: 8,
      parallelism: 4,
      backoffLimitPerIndex: 3,
      maxFailedIndexes: 4,
    });
    const [container] = template.spec.containers;
    assert.deepEqual(container.args, [
      ...['save', '--lock', 's3://images/all.lock.json', '--output', 's3://images/all'],
      ...['--platform', 'linux/amd64,linux/arm64', '--referrers=false', '--s3-endpoint', 'https://s3.local'],
      ...['--shards', '8'],
    ]);
    assert.deepEqual(index.spec.template.spec.containers[0].args, [
      ...['index', 's3://images/all', '--s3-endpoint', 'https://s3.local'],
    ]);
    assert.equal(index.spec.suspend, true);
    for (const { spec: pod } of [template, index.spec.template]) {
      assert.equal(pod.restartPolicy, 'Never');
      assert.equal(pod.securityContext.runAsNonRoot, true);
      assert.equal(pod.containers[0].securityContext.readOnlyRootFilesystem, true);
      assert.ok(pod.containers[0].resources.limits.memory);
      assert.deepEqual(
        pod.volumes.find(({ name }: { name: string }) => name === 'tmp'),
        { name: 'tmp', emptyDir: {} },
      );
    }
    const wait = 'kubectl wait --for=condition=Complete --timeout=24h job/nightly --namespace mirror';
    const go = `kubectl patch job/nightly-index --patch '{"spec":{"suspend":false}}' --namespace mirror`;
    assert.equal(stderr, `then: ${wait}\nthen: ${go}\n`);
    assert.ok(stdout.includes(`# ${wait} &&\n# ${go}\n`));

    // What an inventory of the cluster finds.
    await writeFile(path('job.yaml'), stdout);
    const found = await findImages({ paths: [path('job.yaml')] });
    assert.deepEqual(
      found.images.map(({ name }) => name),
      ['registry.local:5000/lading:1'],
    );
  });

  it('has the endpoint and the region that the environment names, unless flags do', async () => {
    const env = { AWS_ENDPOINT_URL_S3: 'https://s3.local', AWS_REGION: 'eu-1' };
    for (const [flags, words] of [
      [[], ['--s3-endpoint', 'https://s3.local', '--s3-region', 'eu-1']],
      [
        ['--s3-region', 'eu-2'],
        ['--s3-endpoint', 'https://s3.local', '--s3-region', 'eu-2'],
      ],
    ] as const)
      for (const print of ['kubernetes', 'slurm', 'parallel']) {
        const { stdout } = await runInProcess(['job', ...TO, ...flags, '--print', print], { env });
        const spaced = stdout.replace(/\n +- /g, ' ');
        assert.ok(spaced.includes(` ${words.join(' ')}`), `${print}: ${stdout}`);
      }
  });

  it('decides by exit codes which failures are tried again', async () => {
    const { objects } = await manifests(...TO, '--quiet');
    const decided = new Map<number, string>();
    const [ignored, ...rules] = objects[0].spec.podFailurePolicy.rules;
    assert.deepEqual(ignored.onPodConditions, [{ type: 'DisruptionTarget', status: 'True' }]);
    for (const { action, onExitCodes } of rules)
      for (const code of onExitCodes.values) decided.set(code, action);
    assert.deepEqual(
      Object.fromEntries(decided),
      Object.fromEntries([
        [EXIT.usage, 'FailJob'],
        [EXIT.content, 'FailIndex'],
        [EXIT.notFound, 'FailIndex'],
        [EXIT.notAllowed, 'FailIndex'],
      ]),
    );
  });

  it('names secrets, and has no value of any', async () => {
    const env = { AWS_SECRET_ACCESS_KEY: 'hunter2', LADING_CREDS: 'registry.local=user:hunter2' };
    for (const print of ['kubernetes', 'slurm', 'parallel']) {
      const args = ['job', ...TO, '--print', print, '--s3-secret', 'bucket'];
      const { code, stdout, stderr } = await runInProcess(args, { env });
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stdout + stderr, /hunter2/, print);
    }
    const { objects } = await manifests(...TO, '--quiet', '--s3-secret', 'bucket');
    const [container] = objects[0].spec.template.spec.containers;
    assert.deepEqual(
      container.env
        .slice(0, 3)
        .map((each: { valueFrom: { secretKeyRef: object } }) => each.valueFrom.secretKeyRef),
      [
        { name: 'bucket', key: 'AWS_ACCESS_KEY_ID' },
        { name: 'bucket', key: 'AWS_SECRET_ACCESS_KEY' },
        { name: 'bucket', key: 'AWS_SESSION_TOKEN', optional: true },
      ],
    );
    const role = await manifests(
      ...TO,
      '-q',
      '--role-arn',
      'arn:aws:iam::1:role/x',
      '--service-account',
      'lading',
    );
    const pod = role.objects[0].spec.template.spec;
    assert.deepEqual(pod.containers[0].env.slice(0, 2), [
      { name: 'AWS_ROLE_ARN', value: 'arn:aws:iam::1:role/x' },
      { name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: '/var/run/secrets/lading/token' },
    ]);
    assert.equal(pod.serviceAccountName, 'lading');
  });

  it('has authorities from a ConfigMap, and a login for its own image, in all pods', async () => {
    const { objects } = await manifests(
      ...[...TO, '--quiet', '--ca-config-map', 'company', '--registry-secret', 'logins'],
      ...['--image-pull-secret', 'pull', '--image-pull-secret', 'pull.2'],
    );
    for (const { spec } of objects) {
      const pod = spec.template.spec;
      const [container] = pod.containers;
      const file = container.env.find(({ name }: { name: string }) => name === 'SSL_CERT_FILE');
      const mounted = container.volumeMounts.find(({ name }: { name: string }) => name === 'authorities');
      assert.equal(file.value, `${mounted.mountPath}/ca.crt`);
      assert.equal(mounted.readOnly, true);
      assert.deepEqual(pod.volumes.find(({ name }: { name: string }) => name === 'authorities').configMap, {
        name: 'company',
        items: [{ key: 'ca.crt', path: 'ca.crt' }],
      });
      assert.deepEqual(pod.imagePullSecrets, [{ name: 'pull' }, { name: 'pull.2' }]);
    }
    const own = await manifests(...TO, '--quiet', '--ca-config-map', 'company:ca-bundle.crt');
    const { volumes, imagePullSecrets } = own.objects[0].spec.template.spec;
    assert.deepEqual(volumes[1].configMap.items, [{ key: 'ca-bundle.crt', path: 'ca.crt' }]);
    assert.equal(imagePullSecrets, undefined);
  });

  it('has no variables of Kubernetes in arguments', async () => {
    const { objects } = await manifests(
      'alpine',
      '-o',
      's3://images/$(HOME)/$$x',
      '--shards',
      '1',
      '--quiet',
    );
    const [container] = objects[0].spec.template.spec.containers;
    // A double $ is one. (Kubernetes, "Define an environment dependent variable")
    assert.equal(container.args[3], 's3://images/$$(HOME)/$$$$x');
  });

  it('has a small lock in a ConfigMap, and refuses a large one', async () => {
    const registry = await startRegistry();
    try {
      await registry.put('app:1', await makeImage({ seed: 'one' }));
      const { lock } = await lockImages({ images: [`${registry.name}/app:1`] });
      const bytes = await formatLockAs(lock);
      await writeFile(path('small.json'), bytes);
      const to = ['-o', 's3://images/all', '--shards', '2', '--quiet'];
      const { objects } = await manifests('--lock', path('small.json'), ...to);
      const [configMap, save] = objects;
      assert.equal(configMap.kind, 'ConfigMap');
      assert.equal(configMap.data['images.lock'], bytes.toString());
      const pod = save.spec.template.spec;
      assert.ok(pod.containers[0].args.includes('/etc/lading/lock/images.lock'));
      const mounted = { name: 'lock', configMap: { name: configMap.metadata.name } };
      assert.deepEqual(pod.volumes.at(-1), mounted);

      const [image] = lock.images;
      assert.ok(image);
      const images = Array.from({ length: 3000 }, (_, i) => ({
        ...image,
        name: `${registry.name}/app-${i}:1`,
      }));
      await writeFile(path('large.json'), await formatLockAs({ ...lock, images }));
      const large = await runInProcess(['job', '--lock', path('large.json'), ...to]);
      assert.equal(large.code, 2);
      assert.match(
        large.stderr,
        /large\.json has \d+ KiB, and a ConfigMap has room for 900\nhint: Put it into the bucket/,
      );
    } finally {
      await registry.close();
    }
  });

  it('says what is wrong with its flags', async () => {
    const lock = ['--lock', 's3://images/x'];
    const to = ['-o', 's3://images/all', '--shards', '2'];
    for (const [args, said] of [
      [[...to], /no image was named/],
      [[...lock, 'alpine', ...to], /--lock says which images are meant/],
      [
        [...lock, '-o', 'images.tar', '--shards', '2'],
        /--output takes s3:\/\/BUCKET\[\/PREFIX\], not "images\.tar"/,
      ],
      [[...lock, '-o', 's3://x', '--shards', '2'], /"s3:\/\/x" names no bucket/],
      [[...lock, '-o', 's3://images', '--shards', '0'], /--shards takes a whole number from 1, not 0/],
      [[...lock, '-o', 's3://images', '--shards', '100001'], /--shards takes at most 100000/],
      [[...lock, ...to, '--name', 'Nightly'], /--name takes a name of Kubernetes, not "Nightly"/],
      [[...lock, ...to, '--s3-secret', 'a b'], /--s3-secret takes the name of an object, not "a b"/],
      [
        [...lock, ...to, '--s3-secret', 'a', '--role-arn', 'b'],
        /--s3-secret and --role-arn exclude each other/,
      ],
      [[...lock, ...to, '--ca-config-map', 'a:b:c'], /--ca-config-map takes NAME\[:KEY\], not "a:b:c"/],
      [[...lock, ...to, '--ca-config-map', 'a:../b'], /--ca-config-map takes NAME\[:KEY\], not "a:\.\.\/b"/],
      [[...lock, ...to, '--ca-config-map', '/etc/ca.crt'], /--ca-config-map takes the name of an object/],
      [
        [...lock, ...to, '--image-pull-secret', 'A'],
        /--image-pull-secret takes the name of an object, not "A"/,
      ],
      [[...lock, ...to, '--ca', '/etc/ca.crt'], /unknown flag --ca\nhint: --ca-config-map NAME\[:KEY\]/],
      [['--lock', 'a\nb', ...to], /--lock has a control character: a\\x0ab/],
      [['--lock', '/nonexistent', ...to], /the lock \/nonexistent does not exist/],
    ] as const) {
      const { code, stderr } = await runInProcess(['job', ...args]);
      assert.match(stderr, said);
      assert.ok(code === 2 || code === 5, stderr);
    }
  });
});
