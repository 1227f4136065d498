import { isBucket, LadingError } from '../index.js';
import { wordsOfFlags } from './command-words.js';
import { kubectl, labelsOf, type Mount, metadataOf, podOf, spreadByMachine } from './kubernetes.js';
import { formatManifests } from './manifests.js';
import { wholeNumber } from './options.js';
import type { ConfigFile } from './serve-config.js';
import { isEveryAddress, type ServeArguments } from './serve-flags.js';
import { fileFlags, ownOptions } from './serve-own-options.js';

const TLS_FOLDER = '/etc/lading/tls';
const USERS_FOLDER = '/etc/lading/users';

/** Memory that was measured: docs/scale.md. */
const RESOURCES = { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } };

/** Seconds in which a pod that is to end still gets new requests, until all nodes know that it ends. */
const LAST_REQUESTS = 5;

/** What a registry in Kubernetes needs to know about its flags. */
export interface RegistryFacts {
  /** The address of `--listen`. */
  host: string;
  port: number;
  tls: boolean;
  drainSeconds: number;
}

/**
 * Returns replicas of a registry over buckets, with a Service before them, and the commands that make the Secrets that
 * they need. Throws `USAGE` for what is not the same for all replicas.
 */
export function kubernetesRegistry(
  flags: ServeArguments,
  { host, port, tls, drainSeconds }: RegistryFacts,
): { file: ConfigFile; next: string[] } {
  const paths = flags.PATH ?? [];
  const [first] = paths.filter((path) => !isBucket(path));
  if (paths.length === 0 || first !== undefined)
    throw new LadingError(
      'USAGE',
      `--print-config kubernetes needs s3://BUCKET[/PREFIX]${first === undefined ? '' : `, not ${first}`}`,
      {
        hint: 'Replicas run on any machine, and files are on one. lading copy ARCHIVE s3://BUCKET/PREFIX brings them there.',
      },
    );
  if (flags.writable)
    throw new LadingError('USAGE', 'replicas only read: leave --writable out', {
      hint: 'lading save, copy and load write to the bucket.',
    });
  const replicas = wholeNumber('replicas', flags.replicas, 1) ?? 2;
  const metadata = metadataOf(flags, 'serve');
  const { labels } = metadata;
  const selector = labelsOf(flags, 'serve');
  const scheme = tls ? 'https' : 'http';
  const secrets = secretsOf(flags, metadata);
  const args = [
    'serve',
    ...paths,
    '--listen',
    `${host.includes(':') && isEveryAddress(host) ? '[::]' : '0.0.0.0'}:${port}`,
    ...wordsOfFlags(replicaOptions(), flags),
    ...secrets.words,
  ];
  const container = {
    ports: [{ name: scheme, containerPort: port }],
    resources: RESOURCES,
    // It asks the bucket. If that cannot be reached, no restart helps, so whether a pod lives is not judged by it.
    readinessProbe: {
      httpGet: { path: '/healthz', port: scheme, scheme: scheme.toUpperCase() },
      periodSeconds: 5,
      timeoutSeconds: 5,
      failureThreshold: 3,
    },
    livenessProbe: { tcpSocket: { port: scheme }, periodSeconds: 10, failureThreshold: 3 },
    lifecycle: { preStop: { sleep: { seconds: LAST_REQUESTS } } },
  };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      replicas,
      selector: { matchLabels: selector },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels },
        spec: podOf(flags, args, {
          terminationGracePeriodSeconds: LAST_REQUESTS + drainSeconds + 5,
          topologySpreadConstraints: spreadByMachine(selector),
          container,
          mounts: secrets.mounts,
        }),
      },
    },
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { selector, ports: [{ name: scheme, port, targetPort: scheme }] },
  };
  const budget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata,
    spec: { maxUnavailable: 1, selector: { matchLabels: selector } },
  };
  const text = formatManifests([deployment, service, budget].map((object) => ({ object })));
  return { file: { path: `${metadata.name}.yaml`, text }, next: secrets.commands };
}

/** The flags that are given to each replica as they are. */
function replicaOptions() {
  const files = fileFlags();
  return Object.fromEntries(Object.entries(ownOptions()).filter(([name]) => !files.includes(name)));
}

/** Files of this machine become Secrets, which the user makes of them. */
function secretsOf(
  flags: ServeArguments,
  { name }: { name: string },
): { words: string[]; mounts: Mount[]; commands: string[] } {
  const { 'tls-cert': certificate, 'tls-key': key, htpasswd } = flags;
  const words: string[] = [];
  const mounts: Mount[] = [];
  const commands: string[] = [];
  const mount = (volume: string, path: string, secretName: string): void => {
    mounts.push({ name: volume, path, volume: { secret: { secretName } } });
  };
  const create = (...command: string[]): void => {
    commands.push(kubectl(flags, 'create', 'secret', ...command));
  };
  if (certificate !== undefined && key !== undefined) {
    words.push('--tls-cert', `${TLS_FOLDER}/tls.crt`, '--tls-key', `${TLS_FOLDER}/tls.key`);
    mount('tls', TLS_FOLDER, `${name}-tls`);
    create('tls', `${name}-tls`, `--cert=${certificate}`, `--key=${key}`);
  }
  if (htpasswd !== undefined) {
    words.push('--htpasswd', `${USERS_FOLDER}/htpasswd`);
    mount('users', USERS_FOLDER, `${name}-htpasswd`);
    create('generic', `${name}-htpasswd`, `--from-file=htpasswd=${htpasswd}`);
  }
  return { words, mounts, commands };
}
