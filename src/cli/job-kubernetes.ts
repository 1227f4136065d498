import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isBucket, LadingError } from '../index.js';
import { EXIT } from './exit-codes.js';
import type { JobFlags } from './job-flags.js';
import type { JobPlan, PrintedJob } from './job-plan.js';
import {
  kubectl,
  labelsOf,
  type Mount,
  metadataOf,
  objectName,
  podOf,
  spreadByMachine,
} from './kubernetes.js';
import { formatManifests, type Manifest } from './manifests.js';
import { readLockAt } from './wanted.js';

/** A ConfigMap has 1 MiB at most, with its names and all that the service adds. */
const MAX_CONFIG_BYTES = 900 * 1024;
const LOCK_FOLDER = '/etc/lading/lock';
const LOGIN_FOLDER = '/etc/lading/docker';

/** Memory that was measured: docs/scale.md. */
const RESOURCES = {
  requests: { cpu: '500m', memory: '512Mi' },
  limits: { memory: '1Gi' },
};
const INDEX_RESOURCES = {
  requests: { cpu: '100m', memory: '128Mi' },
  limits: { memory: '512Mi' },
};

/** Attempts after the first one, of each share. What a job has done stays, so another attempt has less to do. */
const RETRIES = 3;

/** Returns an Indexed Job, the lock if it is a file, and a job that writes the index. */
export async function textOf(plan: JobPlan, flags: JobFlags): Promise<PrintedJob> {
  const lock = await lockOf(plan, flags);
  const logins = loginsOf(flags);
  const save = saveJob(plan, flags, lock, logins);
  const index = indexJob(plan, flags);
  const { name } = metadataOf(flags, 'save');
  const next = [
    kubectl(flags, 'wait', '--for=condition=Complete', '--timeout=24h', `job/${name}`),
    kubectl(flags, 'patch', `job/${name}-index`, '--patch', '{"spec":{"suspend":false}}'),
  ];
  return {
    text: formatManifests([
      ...(lock === undefined ? [] : [lock.manifest]),
      { object: save },
      {
        comment: `index.json, for tools that read layouts. Jobs do not wait for each other, so this one is suspended until\nall shares are saved:\n${next.join(' &&\n')}`,
        object: index,
      },
    ]),
    next,
  };
}

interface LockFile {
  manifest: Manifest;
  mount: Mount;
  path: string;
}

function saveJob(plan: JobPlan, flags: JobFlags, lock: LockFile | undefined, logins: Logins) {
  const { shards, parallel } = plan;
  const place = lock?.path ?? plan.lock;
  const args = [
    'save',
    ...(place === undefined ? [] : ['--lock', place]),
    ...plan.save,
    '--shards',
    String(shards),
  ];
  const labels = labelsOf(flags, 'save');
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: metadataOf(flags, 'save'),
    spec: {
      completionMode: 'Indexed',
      completions: shards,
      parallelism: parallel,
      backoffLimitPerIndex: RETRIES,
      // If half of the shares fail, the rest would fail of the same.
      maxFailedIndexes: Math.floor(shards / 2),
      podFailurePolicy: { rules: FAILURE_RULES },
      template: {
        metadata: { labels },
        spec: podOf(flags, args, {
          restartPolicy: 'Never',
          // Each machine has its own line to the registries.
          topologySpreadConstraints: spreadByMachine(labels),
          container: { resources: RESOURCES },
          environment: logins.environment,
          mounts: [...(lock === undefined ? [] : [lock.mount]), ...logins.mounts],
        }),
      },
    },
  };
}

/**
 * By exit codes: a wrong command line is wrong in every pod; wrong content, missing images and refused logins are not
 * mended by another attempt. All other failures (1, 4, 7, and those by signals and for lack of memory) are tried again. A
 * pod that the cluster takes away is not counted.
 */
const FAILURE_RULES = [
  { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
  { action: 'FailJob', onExitCodes: exitCodes(EXIT.usage) },
  { action: 'FailIndex', onExitCodes: exitCodes(EXIT.content, EXIT.notFound, EXIT.notAllowed) },
];

function exitCodes(...values: number[]) {
  return { containerName: 'lading', operator: 'In', values };
}

function indexJob(plan: JobPlan, flags: JobFlags) {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: metadataOf(flags, 'index', '-index'),
    spec: {
      suspend: true,
      backoffLimit: RETRIES,
      template: {
        metadata: { labels: labelsOf(flags, 'index') },
        spec: podOf(flags, plan.index, {
          restartPolicy: 'Never',
          container: { resources: INDEX_RESOURCES },
        }),
      },
    },
  };
}

/** Returns a ConfigMap with the lock, undefined for one in a bucket. Its name changes with the lock, as it cannot be changed. */
async function lockOf({ lock }: JobPlan, flags: JobFlags): Promise<LockFile | undefined> {
  if (lock === undefined || isBucket(lock)) return undefined;
  await readLockAt(lock); // says what is wrong with it
  const bytes = await readFile(lock);
  if (bytes.byteLength > MAX_CONFIG_BYTES)
    throw new LadingError(
      'USAGE',
      `${lock} has ${Math.ceil(bytes.byteLength / 1024)} KiB, and a ConfigMap has room for ${MAX_CONFIG_BYTES / 1024}`,
      {
        hint: 'Put it into the bucket, lading lock -o s3://BUCKET/KEY, and name it with --lock s3://BUCKET/KEY.',
      },
    );
  const { name, ...metadata } = metadataOf(flags, 'save');
  const configMap = `${name}-lock-${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`;
  const file = 'images.lock';
  return {
    manifest: {
      object: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: configMap, ...metadata },
        immutable: true,
        data: { [file]: bytes.toString('utf8') },
      },
    },
    mount: { name: 'lock', path: LOCK_FOLDER, volume: { configMap: { name: configMap } } },
    path: `${LOCK_FOLDER}/${file}`,
  };
}

interface Logins {
  environment: Record<string, unknown>[];
  mounts: Mount[];
}

/** The file of logins is that of docker, in a Secret of the type for it. */
function loginsOf({ 'registry-secret': name }: JobFlags): Logins {
  if (name === undefined) return { environment: [], mounts: [] };
  const items = [{ key: '.dockerconfigjson', path: 'config.json' }];
  return {
    environment: [{ name: 'DOCKER_CONFIG', value: LOGIN_FOLDER }],
    mounts: [
      {
        name: 'logins',
        path: LOGIN_FOLDER,
        volume: { secret: { secretName: objectName('registry-secret', name), items } },
      },
    ],
  };
}
