/** How buckets are reached and written. */
export interface S3Options {
  /**
   * `http[s]://HOST[:PORT]` of the service; `{bucket}` in it stands for the name of the bucket, which is part of the path
   * otherwise. Default: `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the profile, or Amazon's.
   */
  endpoint?: string | undefined;
  /** Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile, or else the region that the service names. */
  region?: string | undefined;
  /**
   * Sign no request that reads, and look for no credentials, for a bucket that everybody may read; what writes to a bucket
   * is signed nevertheless. Default false.
   */
  anonymous?: boolean | undefined;
  /** Encryption that the service is asked for when objects are written; default: the bucket's own. */
  sse?: 'AES256' | 'aws:kms' | undefined;
  /** Key of `aws:kms`; default: the account's. */
  sseKMSKey?: string | undefined;
  /** Bytes of a part; larger blobs are written in parts, at least 5 MiB. Default 64 MiB. */
  partBytes?: number | undefined;
  /**
   * The only writer: write to servers that ignore conditions, where two writers could take each other's names. Default
   * false.
   */
  singleWriter?: boolean | undefined;
}

/** The smallest part but the last. (Amazon S3 User Guide, "Multipart upload limits") */
export const MIN_PART_BYTES = 5 * 1024 * 1024;
export const DEFAULT_PART_BYTES = 64 * 1024 * 1024;
export const MAX_PARTS = 10_000;
