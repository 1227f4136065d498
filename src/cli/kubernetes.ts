import type { InferredOptionTypes } from 'yargs';
import { LadingError } from '../index.js';
import { readVersion } from '../program.js';
import { requirePrintable, shellWords } from './command-words.js';
import type { CommandOption } from './options.js';

/** Flags of commands that print manifests of Kubernetes. */
export const KUBERNETES_OPTIONS = {
  name: {
    type: 'string',
    value: 'NAME',
    requiresArg: true,
    isOwn: true,
    describe: 'Name of what is printed',
    defaultDescription: 'lading',
    group: 'Kubernetes:',
  },
  namespace: {
    type: 'string',
    value: 'NAME',
    requiresArg: true,
    describe: 'Namespace; default that of kubectl',
    group: 'Kubernetes:',
  },
  image: {
    type: 'string',
    value: 'IMAGE',
    requiresArg: true,
    describe: 'Image of lading, where the cluster has it',
    defaultDescription: 'lading:VERSION',
    group: 'Kubernetes:',
  },
  's3-secret': {
    type: 'string',
    value: 'NAME',
    requiresArg: true,
    describe: 'Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    group: 'Kubernetes:',
  },
  'service-account': {
    type: 'string',
    value: 'NAME',
    requiresArg: true,
    describe: 'Service account of the pods, for a role of AWS too',
    group: 'Kubernetes:',
  },
  'role-arn': {
    type: 'string',
    value: 'ARN',
    requiresArg: true,
    describe: 'Role of AWS that a token of the service account stands for (web identity)',
    group: 'Kubernetes:',
  },
  'ca-config-map': {
    type: 'string',
    value: 'NAME[:KEY]',
    requiresArg: true,
    describe:
      'ConfigMap with authorities (PEM) that registries and the bucket have; KEY is ca.crt if not said',
    group: 'Kubernetes:',
  },
  'image-pull-secret': {
    type: 'string',
    array: true,
    value: 'NAME',
    nargs: 1, // otherwise it consumes the arguments that follow
    describe: 'Secret with the login by which the cluster gets the image of lading',
    group: 'Kubernetes:',
  },
} as const satisfies Record<string, CommandOption>;

export type KubernetesFlags = Partial<InferredOptionTypes<typeof KUBERNETES_OPTIONS>>;

/** A file from a Secret or a ConfigMap, or a folder, and where the container sees it. */
export interface Mount {
  /** Of the volume, within the pod. */
  name: string;
  path: string;
  volume: Record<string, unknown>;
}

/** The user of lading's own image. */
const USER = 65532;
const TOKEN_FOLDER = '/var/run/secrets/lading';
const AUTHORITIES_FOLDER = '/etc/lading/ca';
/** The key that cert-manager and Kubernetes itself (kube-root-ca.crt) give an authority. */
const AUTHORITIES_KEY = 'ca.crt';
/** Leaves room for the number of a pod behind it: such names have 63 characters at most. */
const MAX_NAME = 50;

/** Returns the metadata of an object; throws `USAGE` for a name that Kubernetes refuses. */
export function metadataOf(flags: KubernetesFlags, component: string, suffix = '') {
  const name = nameOf(flags);
  return {
    name: `${name}${suffix}`,
    ...(flags.namespace !== undefined && { namespace: label('namespace', flags.namespace, 63) }),
    labels: labelsOf(flags, component),
  };
}

/** Returns the name of what is printed; throws `USAGE` for one that Kubernetes refuses. */
export function nameOf({ name = 'lading' }: KubernetesFlags): string {
  return label('name', name, MAX_NAME);
}

/** Returns the labels that Kubernetes recommends, which also tell the pods of one command from others. */
export function labelsOf(flags: KubernetesFlags, component: string): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'lading',
    'app.kubernetes.io/instance': nameOf(flags),
    'app.kubernetes.io/component': component,
  };
}

/** Returns a name that can be a label; throws `USAGE` for others. (RFC 1123; Kubernetes, "Object Names and IDs") */
function label(flag: string, text: string, most: number): string {
  if (/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(text) && text.length <= most) return text;
  throw new LadingError('USAGE', `--${flag} takes a name of Kubernetes, not "${text}"`, {
    hint: `Such a name has small letters, digits and hyphens, and ${most} characters at most.`,
  });
}

/**
 * Returns the name of an object that the user has made, such as a Secret: it may have dots. Throws `USAGE` for others.
 * (Kubernetes, "Object Names and IDs")
 */
export function objectName(flag: string, text: string): string {
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(text) && text.length <= 253) return text;
  throw new LadingError('USAGE', `--${flag} takes the name of an object, not "${text}"`);
}

/** Returns a command line of kubectl in the namespace of the flags. */
export function kubectl({ namespace }: KubernetesFlags, ...words: string[]): string {
  return shellWords(['kubectl', ...words, ...(namespace === undefined ? [] : ['--namespace', namespace])]);
}

/** Lets pods with these labels run on different machines, as far as there are any. */
export function spreadByMachine(labels: Record<string, string>) {
  return [
    {
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: labels },
    },
  ];
}

/**
 * Returns the specification of a pod that runs lading: not as root, with a file system that only `/tmp` can be written
 * in, and without a token for the cluster.
 */
export function podOf(
  flags: KubernetesFlags,
  args: readonly string[],
  {
    container = {},
    mounts = [],
    environment = [],
    ...pod
  }: {
    container?: Record<string, unknown>;
    mounts?: readonly Mount[];
    environment?: readonly Record<string, unknown>[];
    [member: string]: unknown;
  },
) {
  const { image = `lading:${readVersion()}` } = flags;
  requirePrintable('--image', image);
  const authorities = authoritiesOf(flags);
  const all = [TEMPORARY, ...identityMounts(flags), ...authorities.mounts, ...mounts];
  const pullSecrets = flags['image-pull-secret']?.map((name) => ({
    name: objectName('image-pull-secret', name),
  }));
  const account = flags['service-account'];
  return {
    ...pod,
    ...(account !== undefined && { serviceAccountName: objectName('service-account', account) }),
    ...(pullSecrets !== undefined && { imagePullSecrets: pullSecrets }),
    automountServiceAccountToken: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER,
      runAsGroup: USER,
      fsGroup: USER,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: 'lading',
        image,
        args: args.map(literal),
        env: [
          ...credentialsOf(flags),
          ...authorities.environment,
          ...environment,
          { name: 'XDG_CACHE_HOME', value: '/tmp' },
        ],
        ...container,
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        volumeMounts: all.map(({ name, path }) => ({
          name,
          mountPath: path,
          ...(name !== TEMPORARY.name && { readOnly: true }),
        })),
      },
    ],
    volumes: all.map(({ name, volume }) => ({ name, ...volume })),
  };
}

/** `$(NAME)` would be a variable. (Kubernetes, "Use environment variables to define arguments") */
function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}

const TEMPORARY: Mount = { name: 'tmp', path: '/tmp', volume: { emptyDir: {} } };

/** The variables by which lading finds the key of a bucket. */
function credentialsOf(flags: KubernetesFlags): Record<string, unknown>[] {
  const { 's3-secret': secret, 'role-arn': role } = flags;
  if (secret !== undefined && role !== undefined)
    throw new LadingError('USAGE', '--s3-secret and --role-arn exclude each other');
  if (role !== undefined)
    return [
      { name: 'AWS_ROLE_ARN', value: literal(role) },
      { name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: `${TOKEN_FOLDER}/token` },
    ];
  if (secret === undefined) return [];
  const name = objectName('s3-secret', secret);
  const from = (key: string, optional?: true) => ({
    name: key,
    valueFrom: { secretKeyRef: { name, key, ...(optional && { optional }) } },
  });
  return [from('AWS_ACCESS_KEY_ID'), from('AWS_SECRET_ACCESS_KEY'), from('AWS_SESSION_TOKEN', true)];
}

/** A token for AWS alone, which the kubelet renews. */
function identityMounts({ 'role-arn': role }: KubernetesFlags): Mount[] {
  if (role === undefined) return [];
  requirePrintable('--role-arn', role);
  const serviceAccountToken = { audience: 'sts.amazonaws.com', expirationSeconds: 3600, path: 'token' };
  return [
    { name: 'identity', path: TOKEN_FOLDER, volume: { projected: { sources: [{ serviceAccountToken }] } } },
  ];
}

/**
 * Authorities in a ConfigMap, as they are no secret. The variable is read by every command, and counts for registries, the
 * bucket and the service of tokens; the usual authorities stay.
 */
function authoritiesOf({ 'ca-config-map': text }: KubernetesFlags): {
  environment: Record<string, unknown>[];
  mounts: Mount[];
} {
  if (text === undefined) return { environment: [], mounts: [] };
  const [name = '', key = AUTHORITIES_KEY, ...rest] = text.split(':');
  objectName('ca-config-map', name);
  // (Kubernetes, core/v1, ConfigMap, "data")
  if (rest.length > 0 || !/^[\w.-]{1,253}$/.test(key))
    throw new LadingError('USAGE', `--ca-config-map takes NAME[:KEY], not "${text}"`);
  const items = [{ key, path: AUTHORITIES_KEY }];
  return {
    environment: [{ name: 'SSL_CERT_FILE', value: `${AUTHORITIES_FOLDER}/${AUTHORITIES_KEY}` }],
    mounts: [{ name: 'authorities', path: AUTHORITIES_FOLDER, volume: { configMap: { name, items } } }],
  };
}
