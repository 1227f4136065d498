import type {
  Attachment,
  ContainerConfig,
  HistoryEntry,
  InspectedBlob,
  InspectedImage,
  InspectedLayer,
  InspectedPlatform,
  ListedImage,
  ReportedSignature,
} from '../index.js';
import type { Shape } from './shape.js';

/** The shapes of the documents that `--format` prints: each member of the library's results. */

const ATTACHMENT = {
  digest: 'text',
  subject: 'text',
  kind: 'text',
  artifactType: 'text',
  tag: 'text',
  size: 'bytes',
} as const satisfies Record<keyof Attachment, Shape>;

export const LISTED_IMAGE: Shape = {
  members: {
    name: 'text',
    digest: 'text',
    mediaType: 'text',
    platforms: { each: 'text' },
    artifactType: 'text',
    size: 'bytes',
    attachments: { each: { members: ATTACHMENT } },
    isBlob: 'flag',
    problem: 'text',
  } satisfies Record<keyof ListedImage, Shape>,
};

export const LISTED_TAG: Shape = { members: { name: 'text', repository: 'text', tag: 'text' } };
export const LISTED_REPOSITORY: Shape = { members: { name: 'text', registry: 'text', repository: 'text' } };

/** Docker has more members than OCI; `config` keeps all that an image states. */
const CONFIG: Shape = {
  members: {
    ...({
      User: 'text',
      ExposedPorts: 'any',
      Env: { each: 'text' },
      Entrypoint: { each: 'text' },
      Cmd: { each: 'text' },
      Volumes: 'any',
      WorkingDir: 'text',
      Labels: 'any',
      StopSignal: 'text',
    } satisfies Record<keyof ContainerConfig, Shape>),
    ...{ ArgsEscaped: 'flag', Domainname: 'text', Healthcheck: 'any', Hostname: 'text', Image: 'text' },
    ...{ OnBuild: { each: 'text' }, Shell: { each: 'text' }, StopTimeout: 'number', Tty: 'flag' },
  },
};

const BLOB = {
  digest: 'text',
  mediaType: 'text',
  size: 'bytes',
} as const satisfies Record<keyof InspectedBlob, Shape>;

const LAYER = {
  ...BLOB,
  diffID: 'text',
  createdBy: 'text',
} as const satisfies Record<keyof InspectedLayer, Shape>;

const STEP = {
  created: 'text',
  created_by: 'text',
  author: 'text',
  comment: 'text',
  empty_layer: 'flag',
} as const satisfies Record<keyof HistoryEntry, Shape>;

const SIGNATURE = {
  keyId: 'text',
  algorithm: 'text',
  valid: 'flag',
  problem: 'text',
} as const satisfies Record<keyof ReportedSignature, Shape>;

const PLATFORM = {
  os: 'text',
  architecture: 'text',
  variant: 'text',
  'os.version': 'text',
  digest: 'text',
  mediaType: 'text',
  size: 'bytes',
  layers: { each: { members: LAYER } },
  config: CONFIG,
  history: { each: { members: STEP } },
  signatures: { each: { members: SIGNATURE } },
} as const satisfies Record<keyof InspectedPlatform, Shape>;

export const INSPECTED_IMAGE: Shape = {
  members: {
    name: 'text',
    digest: 'text',
    mediaType: 'text',
    size: 'bytes',
    platforms: { each: { members: PLATFORM } },
    blobs: { each: { members: BLOB } },
    absent: { each: 'text' },
    referrers: { each: { members: { digest: 'text', artifactType: 'text', tag: 'text' } } },
    attachments: { each: { members: ATTACHMENT } },
    problem: 'text',
  } satisfies Record<keyof InspectedImage, Shape>,
};
