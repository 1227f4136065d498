import type { S3Place } from './address.js';
import type { CredentialSupply } from './credentials/credentials.js';
import { deleteObjects, type ListedObject, listObjects } from './listing.js';
import {
  abortUpload,
  type BegunUpload,
  completeUpload,
  createUpload,
  listUploads,
  type Part,
  stateOfUpload,
  type Upload,
  type UploadState,
  uploadPart,
  uploadPartCopy,
  uploadsOf,
} from './multipart.js';
import {
  type CallOptions,
  type Condition,
  copyObject,
  deleteObject,
  type GetOptions,
  getObject,
  headObject,
  type ObjectHead,
  type OpenedObject,
  putObject,
  type ReadObject,
  type RemoveOptions,
  readObject,
} from './objects.js';
import type { S3Options } from './options.js';
import { createS3Requests, type Payload, type S3RequesterOptions } from './request.js';

export type { ListedObject } from './listing.js';
export type { BegunUpload, Part, Upload, UploadState } from './multipart.js';
export type { CallOptions, Condition, GetOptions, ObjectHead, ReadObject, RemoveOptions } from './objects.js';
export { unchanged } from './objects.js';
export { isConflict, type Payload, payloadOf } from './request.js';

/** The requests to one bucket. Keys are whole; nothing is known of stores here. */
export interface S3Client {
  readonly bucket: string;
  /** `HOST[:PORT]` that is asked. */
  readonly host: string;
  /** Undefined if there is no such object. */
  head(key: string, options?: CallOptions): Promise<ObjectHead | undefined>;
  /** Opens an object, or a part of it; after a failure in the middle, the caller asks for the rest. */
  get(key: string, options?: GetOptions): Promise<OpenedObject | undefined>;
  /** Reads a small object; `unchanged` if it still has the ETag `etag`. */
  read(
    key: string,
    options: CallOptions & { maxBytes: number; etag?: string | undefined },
  ): Promise<ReadObject | 'unchanged' | undefined>;
  /** Writes an object whose digest is signed; undefined if the condition is not met, and nothing was written. */
  put(
    key: string,
    payload: Payload,
    options?: CallOptions & { condition?: Condition | undefined; contentType?: string | undefined },
  ): Promise<{ etag: string | undefined } | undefined>;
  /** False if the object has another ETag than `etag`; true if it is gone. */
  delete(key: string, options?: RemoveOptions & { etag?: string | undefined }): Promise<boolean>;
  /** Returns those that could not be removed. */
  deleteAll(keys: readonly string[], options?: RemoveOptions): Promise<{ key: string; problem: string }[]>;
  list(prefix: string, options?: CallOptions & { most?: number | undefined }): AsyncIterable<ListedObject>;
  /**
   * Copies an object in the bucket, at most 5 GiB; onto itself, it is as if it were written now. False if it is not
   * there, or has another ETag.
   */
  copy(from: string, to: string, options?: CallOptions & { etag?: string | undefined }): Promise<boolean>;
  createUpload(key: string, options?: CallOptions): Promise<Upload>;
  uploadPart(upload: Upload, number: number, payload: Payload, options?: CallOptions): Promise<Part>;
  uploadPartCopy(
    upload: Upload,
    number: number,
    source: { from: string; start: number; length: number },
    options?: CallOptions,
  ): Promise<Part>;
  /** Undefined if the service does not know the upload. */
  stateOfUpload(upload: Upload, options?: CallOptions): Promise<UploadState | undefined>;
  /** Lists what is not completed of a key, the oldest first. */
  uploadsOf(key: string, options?: CallOptions): Promise<Upload[]>;
  /** Lists what is not completed of all keys that begin with `prefix`. */
  listUploads(prefix: string, options?: CallOptions): AsyncIterable<BegunUpload>;
  /** False if the condition is not met. */
  completeUpload(
    upload: Upload,
    parts: readonly Part[],
    options?: CallOptions & { condition?: Condition | undefined },
  ): Promise<boolean>;
  abortUpload(upload: Upload, options?: CallOptions): Promise<void>;
  /** Returns a URL with which anybody can GET the object for so many seconds. */
  presign(key: string, seconds: number, options?: CallOptions): Promise<URL>;
  /**
   * From now on, a request fails, with `TIMEOUT` or what it failed with before, if its answer has not begun within so many
   * milliseconds, repetitions included. Until then, it may take as long as the attempts take.
   */
  answerWithin(milliseconds: number): void;
  /** Closes every connection. */
  close(): Promise<void>;
}

export interface S3ClientOptions extends Omit<S3RequesterOptions, 'place' | 'credentials'> {
  place: S3Place;
  credentials: CredentialSupply | undefined;
  encryption?: Pick<S3Options, 'sse' | 'sseKMSKey'> | undefined;
  close?: (() => Promise<void>) | undefined;
}

export function createS3Client(options: S3ClientOptions): S3Client {
  const { bucket, encryption = {} } = options;
  const requests = createS3Requests(options);
  const { request } = requests;
  const headers = {
    ...(encryption.sse !== undefined && { 'x-amz-server-side-encryption': encryption.sse }),
    ...(encryption.sseKMSKey !== undefined && {
      'x-amz-server-side-encryption-aws-kms-key-id': encryption.sseKMSKey,
    }),
  };
  return {
    bucket,
    get host() {
      return requests.host;
    },
    head: (key, call) => headObject(request, key, call),
    get: (key, call) => getObject(request, key, call),
    read: (key, call) => readObject(request, key, call),
    put: (key, payload, call) => putObject(request, key, payload, { ...call, headers }),
    delete: (key, call) => deleteObject(request, key, call),
    deleteAll: (keys, call) => deleteObjects(request, keys, call),
    list: (prefix, call) => listObjects(request, prefix, call),
    copy: (from, to, call) => copyObject(request, { bucket, from, to }, { ...call, headers }),
    createUpload: (key, call) => createUpload(request, key, { ...call, headers }),
    uploadPart: (upload, number, payload, call) => uploadPart(request, upload, number, payload, call),
    uploadPartCopy: (upload, number, source, call) =>
      uploadPartCopy(request, upload, number, { ...source, bucket }, call),
    stateOfUpload: (upload, call) => stateOfUpload(request, upload, call),
    uploadsOf: (key, call) => uploadsOf(request, key, call),
    listUploads: (prefix, call) => listUploads(request, prefix, call),
    completeUpload: (upload, parts, call) => completeUpload(request, upload, parts, call),
    abortUpload: (upload, call) => abortUpload(request, upload, call),
    presign: (key, seconds, call) => requests.presign(key, seconds, call?.signal),
    answerWithin: (milliseconds) => requests.answerWithin(milliseconds),
    close: async () => options.close?.(),
  };
}
