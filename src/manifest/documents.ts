import type { Digest } from '../content/digest.js';

/** A list or map that Go writes as null when it is empty. */
type Nullable<T> = T | null;
type Descriptors = Nullable<DescriptorDocument[]>;

/**
 * What each schema guarantees of a document, in the spelling of the document. Members that lading does not
 * read are not listed, nor checked.
 */
export interface Documents {
  'oci-manifest': OCIManifestDocument;
  'oci-index': OCIIndexDocument;
  'oci-artifact-manifest': {
    artifactType?: string;
    blobs?: Descriptors;
    subject?: DescriptorDocument;
    annotations?: Nullable<Record<string, string>>;
  };
  'docker-schema2': { config: DescriptorDocument; layers: Descriptors };
  'docker-manifest-list': { manifests: DescriptorDocument[] };
  'docker-schema1': {
    name: string;
    tag: string;
    architecture: string;
    fsLayers: { blobSum: Digest }[];
    history: { v1Compatibility: string }[];
  };
  'docker-schema1-signed': { signatures: SignatureDocument[] };
  'oci-config': ConfigDocument;
  'docker-config': ConfigDocument;
  'v1-image': V1ImageDocument;
  'index-json': { manifests: Descriptors; annotations?: Nullable<Record<string, string>> };
  'oci-layout': { imageLayoutVersion: '1.0.0' };
  'docker-archive-manifest': ArchiveImageDocument[];
  'docker-archive-repositories': Record<string, Record<string, string>>;
}

export interface OCIManifestDocument {
  artifactType?: string;
  config: DescriptorDocument;
  layers: Descriptors;
  subject?: DescriptorDocument;
  annotations?: Nullable<Record<string, string>>;
}

export interface OCIIndexDocument {
  artifactType?: string;
  manifests: Descriptors;
  subject?: DescriptorDocument;
  annotations?: Nullable<Record<string, string>>;
}

export interface DescriptorDocument {
  mediaType: string;
  digest: Digest;
  size: number;
  urls?: Nullable<string[]>;
  annotations?: Nullable<Record<string, string>>;
  data?: Nullable<string>;
  platform?: PlatformDocument;
  artifactType?: string;
}

export interface PlatformDocument {
  architecture: string;
  os: string;
  'os.version'?: Nullable<string>;
  'os.features'?: Nullable<string[]>;
  variant?: Nullable<string>;
  features?: Nullable<string[]>;
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
  RepoTags?: Nullable<string[]>;
  Layers?: Nullable<string[]>;
  Parent?: Nullable<Digest | ''>;
  LayerSources?: Nullable<Record<Digest, DescriptorDocument>>;
}
