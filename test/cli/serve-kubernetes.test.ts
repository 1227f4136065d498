import assert from 'node:assert/strict';
import { parseAllDocuments } from 'yaml';
import type { CommandOption } from '../../src/cli/command-option.js';
import { KUBERNETES_OPTIONS } from '../../src/cli/kubernetes.js';
import { SERVE_OPTIONS } from '../../src/cli/serve-flags.js';
import { MAX_WAIT_MS } from '../../src/server/operational/health.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';
import { runLading } from './program.js';

const PRINT = ['--print-config', 'kubernetes'];

describe('serve --print-config kubernetes', () => {
  const printed = async (...args: string[]) => {
    const { code, stdout, stderr } = await runInProcess(['serve', 's3://images/all', ...PRINT, ...args]);
    assert.equal(code, 0, stderr);
    return { stderr, objects: parseAllDocuments(stdout).map((document) => document.toJS()) };
  };

  it('is a Deployment of replicas, a Service and a budget that fit together', async () => {
    const { objects, stderr } = await printed(
      '--listen',
      '127.0.0.1:5000',
      '--max-requests',
      '100',
      '--name',
      'hub',
    );
    const [deployment, service, budget, ...others] = objects;
    assert.deepEqual(others, []);
    assert.deepEqual(
      [deployment.kind, service.kind, budget.kind],
      ['Deployment', 'Service', 'PodDisruptionBudget'],
    );
    const { replicas, selector, template } = deployment.spec;
    assert.equal(replicas, 2);
    for (const [label, value] of Object.entries(selector.matchLabels))
      assert.equal(template.metadata.labels[label], value);
    assert.deepEqual(service.spec.selector, selector.matchLabels);
    assert.deepEqual(budget.spec.selector, selector);
    const [container] = template.spec.containers;
    // A pod that listened on loopback would be reached by nobody.
    assert.deepEqual(container.args, [
      ...['serve', 's3://images/all', '--listen', '0.0.0.0:5000', '--max-requests', '100'],
    ]);
    const [port] = container.ports;
    assert.equal(service.spec.ports[0].targetPort, port.name);
    assert.equal(container.readinessProbe.httpGet.port, port.name);
    assert.deepEqual(
      [container.readinessProbe.httpGet.path, container.readinessProbe.httpGet.scheme],
      ['/healthz', 'HTTP'],
    );
    // Otherwise a probe of a bucket that hangs would end without the answer.
    assert.ok(container.readinessProbe.timeoutSeconds * 1000 > 2 * MAX_WAIT_MS);
    // It would be started again and again while the bucket cannot be reached.
    assert.equal(container.livenessProbe.httpGet, undefined);
    assert.equal(stderr, 'then: kubectl apply -f hub.yaml\n');
  });

  it('has certificates and users from Secrets, and says how they are made', async () => {
    const { objects, stderr } = await printed(
      ...['--tls-cert', 'my cert.pem', '--tls-key', 'key.pem', '--htpasswd', 'users', '--namespace', 'hub'],
      ...['--drain-timeout', '60'],
    );
    const [deployment] = objects;
    const pod = deployment.spec.template.spec;
    const [container] = pod.containers;
    assert.deepEqual(container.args.slice(4), [
      ...[
        '--drain-timeout',
        '60',
        '--tls-cert',
        '/etc/lading/tls/tls.crt',
        '--tls-key',
        '/etc/lading/tls/tls.key',
      ],
      ...['--htpasswd', '/etc/lading/users/htpasswd'],
    ]);
    assert.equal(container.readinessProbe.httpGet.scheme, 'HTTPS');
    assert.ok(pod.terminationGracePeriodSeconds > 60 + container.lifecycle.preStop.sleep.seconds);
    assert.deepEqual(
      pod.volumes.map(({ secret }: { secret?: { secretName: string } }) => secret?.secretName),
      [undefined, 'lading-tls', 'lading-htpasswd'],
    );
    assert.equal(
      stderr,
      "before: kubectl create secret tls lading-tls '--cert=my cert.pem' --key=key.pem --namespace hub\n" +
        'before: kubectl create secret generic lading-htpasswd --from-file=htpasswd=users --namespace hub\n' +
        'then: kubectl apply -f lading.yaml\n',
    );
  });

  it('has authorities from a ConfigMap, and a login for its own image', async () => {
    const { objects } = await printed('--ca-config-map', 'company', '--image-pull-secret', 'pull');
    const pod = objects[0].spec.template.spec;
    const [container] = pod.containers;
    assert.deepEqual(pod.imagePullSecrets, [{ name: 'pull' }]);
    assert.deepEqual(container.env[0], { name: 'SSL_CERT_FILE', value: '/etc/lading/ca/ca.crt' });
    assert.equal(pod.volumes[1].configMap.name, 'company');
    // Kubernetes' own flags are none of the pods'.
    assert.deepEqual(container.args, ['serve', 's3://images/all', '--listen', '0.0.0.0:5000']);
  });

  it('is for buckets, which are only read', async () => {
    for (const [args, said] of [
      [['images.tar'], /needs s3:\/\/BUCKET\[\/PREFIX\], not images\.tar\nhint: .*lading copy/],
      [[], /needs s3:\/\/BUCKET\[\/PREFIX\]\n/],
      [['s3://images/all', '--writable'], /replicas only read: leave --writable out/],
      [['s3://images/all', '--replicas', '0'], /--replicas takes a whole number from 1, not 0/],
      [['s3://images/all', '--listen', 'x:0'], /needs the port in --listen/],
    ] as const) {
      const { code, stderr } = await runInProcess(['serve', ...args, ...PRINT]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, said);
    }
  });
});

describe('serve --print-config systemd', () => {
  const path = useFolder();

  it('has the endpoint of the environment, as a unit of systemd has', async () => {
    const env = { AWS_ENDPOINT_URL: 'https://s3.local' };
    for (const kind of ['kubernetes', 'systemd']) {
      const { stdout } = await runInProcess(['serve', 's3://images/all', '--print-config', kind], { env });
      assert.match(stdout, /--s3-endpoint\s+(- )?https:\/\/s3\.local\s/);
    }
  });

  it('takes a bucket for no file', async () => {
    const { stdout } = await runInProcess([
      ...['serve', 's3://images/all', '--s3-endpoint', 'https://s3.local', '--print-config', 'systemd'],
    ]);
    assert.match(
      stdout,
      /^ExecStart=\/usr\/local\/bin\/lading serve s3:\/\/images\/all --listen 127\.0\.0\.1:5000 --s3-endpoint https:\/\/s3\.local$/m,
    );
    assert.doesNotMatch(stdout, /RequiresMountsFor/);
  });

  it('has every flag of serve that was given, in words that serve takes', async () => {
    const NOT_THE_SERVERS = [...Object.keys(KUBERNETES_OPTIONS), 'replicas', 'print-config', 'read-only'];
    const VALUES: Record<string, string> = {
      listen: '127.0.0.1:7000',
      platform: 'linux/arm64',
      select: 'ghcr.io/shop/**',
      's3-endpoint': 'https://s3.local',
    };
    const options = Object.entries<CommandOption>(SERVE_OPTIONS).filter(
      ([name]) => !NOT_THE_SERVERS.includes(name),
    );
    // None of them has its default.
    const wordsFor = ([name, option]: [string, CommandOption]): string[] => {
      const { type, choices, value } = option;
      if (type === 'boolean') return [option.default === true ? `--${name}=false` : `--${name}`];
      const some = choices ? String(choices[0]) : value === 'FILE' ? `/etc/${name}` : '9';
      return [`--${name}`, VALUES[name] ?? some];
    };
    const given = options.flatMap(wordsFor);
    const unit = async (words: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await runInProcess([...words, '--print-config', 'systemd']);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const printed = await unit(['serve', '/srv/layout', ...given]);
    const [, line = ''] = /^ExecStart=\/usr\/local\/bin\/lading (.*)$/m.exec(printed) ?? [];
    const words = line.split(' ').map((word) => word.replace(/^"(.*)"$/, '$1'));
    assert.deepEqual(words.slice(2).sort(), [...given].sort());
    assert.equal(await unit(words), printed);
  });

  it('has files by their whole path', async () => {
    const files = Object.entries<CommandOption>(SERVE_OPTIONS).flatMap(([name, { value }]) =>
      value === 'FILE' ? [name] : [],
    );
    // Each of them needs a place in a pod, too.
    assert.deepEqual(files, ['tls-cert', 'tls-key', 'htpasswd']);
    const words = ['serve', 'layout', ...files.flatMap((name) => [`--${name}`, 'a'])];
    // In a folder whose name needs no quotes, wherever the project is.
    const { stdout } = await runLading([...words, '--print-config', 'systemd'], { cwd: path() });
    for (const name of files) assert.ok(stdout.includes(` --${name} ${path('a')}`), stdout);
  });
});
