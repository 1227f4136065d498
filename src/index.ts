/** The library: everything that the command line does. */

export type { Descriptor, NamedDescriptor } from './content/descriptor.js';
export { type Digest, digestOf, isDigest, parseDigest } from './content/digest.js';
export { MEDIA_TYPE } from './content/media-types.js';
export { formatPlatform, type Platform, parsePlatform } from './content/platform.js';
export {
  formatFamiliar,
  formatReference,
  isRegistry,
  parseReference,
  type Reference,
  withDefaultTag,
} from './content/reference.js';
export {
  ContentError,
  type ErrorCode,
  isLadingError,
  LadingError,
  messageOf,
  printable,
  RegistryError,
} from './errors.js';
export type { CopyEvent, OnCopyEvent } from './events.js';
export { type Manifest, parseManifest } from './manifest/manifest.js';
export { convert } from './operations/convert/convert.js';
export type { ConvertOptions, ConvertResult } from './operations/convert/options.js';
export { type CopyImagesOptions, type CopyImagesResult, copyImages } from './operations/copy.js';
export { parseImageList } from './operations/image-list.js';
export { type InspectOptions, type InspectResult, inspect } from './operations/inspect/inspect.js';
export { type ListedImage, type ListOptions, type ListResult, list } from './operations/list.js';
export { type LoadOptions, type LoadResult, load } from './operations/load.js';
export {
  type CredentialExplanation,
  type ExplainCredentialsOptions,
  type ExplainedPlace,
  explainCredentials,
} from './operations/login/explain-credentials.js';
export {
  type LoginOptions,
  type LoginResult,
  type LogoutOptions,
  type LogoutResult,
  login,
  logout,
} from './operations/login/login.js';
export { type SaveOptions, type SaveResult, save } from './operations/save.js';
export { type ServeOptions, type Serving, serve } from './operations/serve/serve.js';
export type { Finding, VerifyOptions, VerifyResult } from './operations/verify/result.js';
export { verify } from './operations/verify/verify.js';
export type { CredentialPlaceOptions } from './registry/auth/credential-places.js';
export type { RunCredentials } from './registry/auth/run-credentials.js';
export type { ConnectionOptions } from './registry/connect.js';
export { type AccessEntry, formatAccess } from './server/operational/access-log.js';
export { createRegistryServer, type RegistryServer, type RegistryServerOptions } from './server/server.js';
export { createMemoryStore } from './store/memory.js';
export type {
  FetchOptions,
  OpenContent,
  PushOptions,
  Referrer,
  Source,
  Store,
} from './store/store.js';
export { systemFailure } from './system-error.js';
export type { SaveFormat } from './transfer/write-files.js';
