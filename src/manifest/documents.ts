import type { Digest } from '../content/digest.js';

/** A list or map that Go writes as null when it is empty. */
type Nullable<T> = T | null;

/** The types of documents that are valid by their schemas, with the member names of the documents. */
export interface Documents extends MovedDocuments {
  'docker-schema1': {
    name: string;
    tag: string;
    architecture: string;
    fsLayers: { blobSum: Digest }[];
    history: { v1Compatibility: string }[];
  };
  'docker-schema1-signed': { signatures: SignatureDocument[] };
  'oci-config': unknown;
  'docker-config': unknown;
  'v1-image': V1ImageDocument;
  'oci-layout': { imageLayoutVersion: '1.0.0' };
  'docker-archive-manifest': ArchiveImageDocument[];
  'docker-archive-repositories': Record<string, Record<string, string>>;
}

/**
 * The types of documents that are only copied: the digests and sizes in their descriptors are checked. Other members
 * are content, and may have any type.
 */
export interface MovedDocuments {
  'oci-manifest': ImageDocument;
  'docker-schema2': ImageDocument;
  'oci-index': IndexDocument;
  'docker-manifest-list': IndexDocument;
  'index-json': IndexDocument;
  'oci-artifact-manifest': ArtifactDocument;
  'oras-artifact-manifest': ArtifactDocument;
}

type Descriptors = Nullable<DescriptorDocument[]>;

/** The optional members that all OCI manifests have. */
export interface AttachmentDocument {
  artifactType?: unknown;
  subject?: Nullable<DescriptorDocument>;
  annotations?: unknown;
}

export interface ArtifactDocument extends AttachmentDocument {
  blobs?: Descriptors;
}

export interface ImageDocument extends AttachmentDocument {
  config: DescriptorDocument;
  layers?: Descriptors;
}

export interface IndexDocument extends AttachmentDocument {
  manifests?: Descriptors;
}

export interface DescriptorDocument {
  mediaType?: Nullable<string>;
  digest: Digest;
  size: number;
  urls?: unknown;
  annotations?: unknown;
  data?: unknown;
  platform?: unknown;
  artifactType?: unknown;
}

export interface SignatureDocument {
  header: {
    alg: string;
    jwk?: JWKDocument;
    /** Base64 of DER, the signer's certificate first. */
    x5c?: string[];
  };
  signature: string;
  protected: string;
}

export interface JWKDocument {
  kty: 'EC' | 'RSA';
  kid?: string;
  crv?: string;
  x?: string;
  y?: string;
  n?: string;
  e?: string;
}

export interface ConfigDocument {
  created?: Nullable<string>;
  author?: Nullable<string>;
  architecture?: Nullable<string>;
  os?: Nullable<string>;
  'os.version'?: Nullable<string>;
  'os.features'?: Nullable<string[]>;
  variant?: Nullable<string>;
  config?: Nullable<ContainerConfigDocument>;
  rootfs: { type: 'layers' | 'layers+base'; diff_ids?: Nullable<Digest[]>; base_layer?: Nullable<string> };
  history?: Nullable<HistoryDocument[]>;
}

export interface ContainerConfigDocument {
  User?: Nullable<string>;
  ExposedPorts?: Nullable<Record<string, unknown>>;
  Env?: Nullable<string[]>;
  Entrypoint?: Nullable<string[]>;
  Cmd?: Nullable<string[]>;
  Volumes?: Nullable<Record<string, unknown>>;
  WorkingDir?: Nullable<string>;
  Labels?: Nullable<Record<string, string>>;
  StopSignal?: Nullable<string>;
}

export interface HistoryDocument {
  created?: Nullable<string>;
  created_by?: Nullable<string>;
  author?: Nullable<string>;
  comment?: Nullable<string>;
  empty_layer?: Nullable<boolean>;
}

export interface V1ImageDocument {
  id: string;
  parent?: Nullable<string>;
  created?: Nullable<string>;
  author?: Nullable<string>;
  comment?: Nullable<string>;
  architecture?: Nullable<string>;
  os?: Nullable<string>;
  variant?: Nullable<string>;
  docker_version?: Nullable<string>;
  config?: Nullable<ContainerConfigDocument>;
  container_config?: Nullable<ContainerConfigDocument>;
  throwaway?: Nullable<boolean>;
}

export interface ArchiveImageDocument {
  Config: string;
  /** The names, if it is a list of strings. */
  RepoTags?: unknown;
  Layers?: Nullable<string[]>;
  Parent?: Nullable<Digest | ''>;
  /** Descriptors by diffID, if it is an object of descriptors. */
  LayerSources?: unknown;
}
