/** The library: every function of the command line, for use in programs. Named exports only. */

export type { CompressedForm } from './compression/compression.js';
export type { Descriptor, NamedDescriptor } from './content/descriptor.js';
export { type Digest, digestOf, isDigest, parseDigest } from './content/digest.js';
export { isManifest, MEDIA_TYPE } from './content/media-types.js';
export type { ImageOrigin } from './content/origin.js';
export { formatPlatform, type Platform, parsePlatform } from './content/platform.js';
export {
  formatFamiliar,
  formatReference,
  isReference,
  isRegistry,
  parseReference,
  type Reference,
  withDefaultTag,
} from './content/reference.js';
export { parseShard, type Shard, shardOf } from './content/shard.js';
export { verified } from './content/verify.js';
export type { Region } from './disk/region.js';
export { readFailure } from './disk/region.js';
export {
  type Advice,
  ContentError,
  type ErrorCode,
  type ErrorDetails,
  isLadingError,
  LadingError,
  messageOf,
  printable,
  RegistryError,
} from './errors.js';
export type { ConnectionsEvent, CopyEvent, OnCopyEvent } from './events.js';
export { KINDS, type Kind } from './find/kinds.js';
export type { FindLimits } from './find/limits.js';
export {
  type FindProblem,
  type FoundPattern,
  type FoundPlace,
  GRADES,
  type Grade,
  type Place,
  type UnresolvedPlace,
} from './find/report.js';
export type { AttachedTree } from './graph/attached.js';
export type { GraphOptions } from './graph/build.js';
export type { DocumentOptions } from './graph/documents.js';
export type { ContentSource, ManifestTree, PlannedContent } from './graph/tree.js';
export type { LockDifference, LockEntry, MovedImage } from './lock/compare-locks.js';
export type {
  Lock,
  LockedAttachment,
  LockedImage,
  LockedPattern,
  LockFormat,
  LockSelection,
} from './lock/lock.js';
export { parseLock } from './lock/parse-lock.js';
export type { ContainerConfig, HistoryEntry } from './manifest/config.js';
export type { GraphLimits } from './manifest/graph-budget.js';
export type { IdentifiedKind } from './manifest/identify.js';
export type { Engine, Irregularity } from './manifest/irregular.js';
export {
  type ArtifactManifest,
  type ImageIndex,
  type ImageManifest,
  type Manifest,
  parseManifest,
  type Schema1Manifest,
} from './manifest/manifest.js';
export type { ManifestWarning } from './manifest/warnings.js';
export {
  type CarriedProgram,
  type CarryProgramOptions,
  carryProgram,
  requireProgram,
} from './operations/carry-program.js';
export type { PlatformOptions } from './operations/choose-index.js';
export { convert } from './operations/convert/convert.js';
export type { ConvertOptions, ConvertResult } from './operations/convert/options.js';
export { type CopyImagesOptions, type CopyImagesResult, copyImages } from './operations/copy.js';
export type { ResolvedPattern } from './operations/expand-images.js';
export {
  type FindImagesOptions,
  type FindResult,
  type FoundImage,
  findImages,
} from './operations/find/find.js';
export { type ProbedImage, probeImages } from './operations/find/probe.js';
export { parseImageList } from './operations/image-list.js';
export { type IndexResult, indexBucket } from './operations/index-bucket.js';
export type { Attachment } from './operations/inspect/attachments.js';
export type { TotalBytes } from './operations/inspect/contents.js';
export {
  type ImageDocument,
  type ReadDocumentOptions,
  readDocument,
} from './operations/inspect/document.js';
export {
  type InspectedImage,
  type InspectOptions,
  type InspectResult,
  inspect,
} from './operations/inspect/inspect.js';
export type { InspectedBlob, InspectedLayer, InspectedPlatform } from './operations/inspect/manifest.js';
export {
  type ListedImage,
  type ListedImages,
  type ListOptions,
  type ListResult,
  list,
} from './operations/list.js';
export { type LoadOptions, type LoadResult, load } from './operations/load.js';
export { type LockOptions, type LockResult, lockImages } from './operations/lock/lock.js';
export { readLock } from './operations/lock/read-lock.js';
export { formatLockAs, writeLockFile } from './operations/lock/write-lock.js';
export type { StoredLogin } from './operations/login/credential-store.js';
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
export {
  type PlannedRequests,
  type PlanSaveOptions,
  type PullAllowance,
  planSave,
  type SavePlan,
} from './operations/plan.js';
export type { PruneOptions } from './operations/prune/options.js';
export { type PruneResult, prune } from './operations/prune/prune.js';
export {
  type RemoveNamesOptions,
  type RemoveNamesResult,
  removeNames,
} from './operations/remove-names/remove-names.js';
export { type SavedImage, type SaveResult, save } from './operations/save.js';
export type { SaveOptions } from './operations/save-options.js';
export type { ServeAccessOptions } from './operations/serve/access.js';
export type { ServeConversionOptions } from './operations/serve/conversion.js';
export { type ServeOptions, type Serving, serve } from './operations/serve/serve.js';
export type { ListeningServer, ServeServerOptions } from './operations/serve/server.js';
export type { ServeStoresOptions } from './operations/serve/stores.js';
export type {
  DamagedImage,
  Finding,
  Note,
  VerifiedDocument,
  VerifiedPlatforms,
  VerifyOptions,
  VerifyResult,
} from './operations/verify/result.js';
export type { ReportedSignature } from './operations/verify/signatures.js';
export { verify } from './operations/verify/verify.js';
export type { LoadedImage } from './operations/write-map.js';
export type { CredentialPlaceOptions } from './registry/auth/credential-places.js';
export type { RunCredentials } from './registry/auth/run-credentials.js';
export type { RegistriesPlaces } from './registry/configuration/registries-files.js';
export type { ConnectionOptions, RegistrySettings } from './registry/connect.js';
export type { AnsweredRequest } from './registry/http/answered-request.js';
export { ByteRate, type ByteRateOptions } from './registry/http/byte-rate.js';
export type { PullClock } from './registry/http/pull-limits.js';
export type { Remedy } from './remedy.js';
export type { S3Options } from './s3/options.js';
export type { Authorization } from './server/access/authorization.js';
export type { TLSIdentity } from './server/access/certificate.js';
export type { Repositories } from './server/endpoints.js';
export { type AccessEntry, formatAccess } from './server/operational/access-log.js';
export type { ServerLimits } from './server/operational/limits.js';
export type { Metrics, MetricsNow } from './server/operational/metrics.js';
export type { WritableOptions } from './server/push/push.js';
export type { ConversionRequest, Conversions, TaggedManifest } from './server/read/conversions.js';
export { createRegistryServer, type RegistryServer, type RegistryServerOptions } from './server/server.js';
export { type Attached, attachedTag, attachedTo } from './store/attached.js';
export { bucketPlace } from './store/bucket/bucket-place.js';
export { delegate } from './store/delegate.js';
export type { ArchiveLimits, LayerLimits } from './store/limits.js';
export { isBucket } from './store/locator.js';
export { createMemoryStore } from './store/memory.js';
export type { Amount, PruneReport } from './store/prune-report.js';
export { readVerified } from './store/read-content.js';
export type { RemovalReport, RemovedName } from './store/removal.js';
export {
  type FetchOptions,
  has,
  type OpenContent,
  type PushOptions,
  type Referrer,
  type Resolved,
  type SignalOption,
  type Source,
  type Store,
  type Wanted,
} from './store/store.js';
export type { WritableRepositories, WritableRepository } from './store/writable-repository.js';
export { systemFailure } from './system-error.js';
export type { ConvertedImage } from './transfer/convert/convert.js';
export type { ConversionFormat } from './transfer/convert/image-conversion.js';
export type { LayerCompression } from './transfer/convert/recompress.js';
export type { CopyOptions } from './transfer/copy.js';
export type {
  CheckRules,
  Destination,
  OutputSize,
  Standing,
  Survey,
  WriteOptions,
  WriteResult,
  WrittenImage,
} from './transfer/destination.js';
export {
  type DestinationLike,
  type OpenDestinationOptions,
  type OpenedDestination,
  openDestination,
} from './transfer/destinations.js';
export type { ArchiveCompressionOptions } from './transfer/files/compressed-archive.js';
export type { SaveOutputOptions } from './transfer/files/to-files.js';
export type { SaveFormat } from './transfer/files/write-files.js';
export type { CopyRequest, ImageTrees, Plan, PlannedImage, PlanOptions } from './transfer/plan.js';
export type { ReadImages } from './transfer/read-images.js';
export { requestsOf } from './transfer/requests.js';
export {
  type OpenedSource,
  openSource,
  type SourceLike,
} from './transfer/sources.js';
export { type TransferOptions, type TransferResult, transfer } from './transfer/transfer.js';
