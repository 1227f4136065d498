import { LadingError } from '../errors.js';
import { warningsTo } from '../events.js';
import { readVersion } from '../program.js';
import { type ConnectionOptions, readCertificates } from '../registry/connect.js';
import { Pace } from '../registry/http/pace.js';
import { createTransport } from '../registry/http/transport.js';
import { DEFAULT_RETRIES } from '../retry.js';
import { type BucketAddress, placeOf } from './address.js';
import { createS3Client, type S3Client } from './client.js';
import { createSupply } from './credentials/credentials.js';
import { credentialPlaces } from './credentials/places.js';
import { readProfile } from './credentials/shared-files.js';
import { placeIn } from './given-place.js';
import type { S3Options } from './options.js';
import type { S3RequesterOptions } from './request.js';

/** Options of a connection that buckets use: those of registries' logins and names are not among them. */
export interface BucketConnection
  extends Pick<
    ConnectionOptions,
    | 'tlsVerify'
    | 'caFile'
    | 'certFile'
    | 'keyFile'
    | 'concurrency'
    | 'limitRate'
    | 'retries'
    | 'stallTimeoutMs'
    | 's3'
    | 'onEvent'
  > {
  /** Connections at once for large blobs alone, which take a few MiB each; default unlimited. */
  mostBulk?: number | undefined;
  /** Sign everything, whatever `s3.anonymous` says, since the bucket is written to; default false. */
  needsKey?: boolean | undefined;
}

/** What a client takes from the process, unless the caller passes something else. */
export interface Surroundings extends Pick<S3RequesterOptions, 'wait' | 'now'> {
  /** Default `process.env`. */
  environment?: NodeJS.ProcessEnv | undefined;
}

/**
 * Creates a client for a bucket, with the credentials, the region and the endpoint where Amazon's tools find them.
 * Nothing is sent yet. Rejects with `USAGE` for settings that cannot be.
 */
export async function connectToBucket(
  { bucket }: BucketAddress,
  options: BucketConnection = {},
  { environment = process.env, wait, now }: Surroundings = {},
): Promise<S3Client> {
  const { s3 = {}, onEvent, concurrency, retries = DEFAULT_RETRIES, needsKey = false } = options;
  checkEncryption(s3);
  const profile = await readProfile(environment);
  const given = placeIn(environment, profile);
  const place = placeOf({ endpoint: s3.endpoint ?? given.endpoint, region: s3.region ?? given.region });
  const caFile = options.caFile ?? (environment.AWS_CA_BUNDLE || undefined);
  const transport = createTransport({
    ...(await readCertificates({ ...options, caFile })),
    tlsVerify: options.tlsVerify,
    concurrency,
    limitRate: options.limitRate,
    mostBulk: options.mostBulk,
    stallTimeoutMs: options.stallTimeoutMs,
    environment,
    onWarning: warningsTo(onEvent),
  });
  const direct = createTransport({ environment: {} });
  const { region } = place;
  const places = credentialPlaces({ environment, profile, region, transport, direct });
  return createS3Client({
    bucket,
    place,
    credentials: s3.anonymous && !needsKey ? undefined : createSupply(places, { now, isNeeded: needsKey }),
    transport,
    pace: new Pace({
      most: concurrency === 1 ? 1 : undefined,
      onChange: (pace) => onEvent?.({ type: 'paced', ...pace }),
    }),
    userAgent: `lading/${readVersion()}`,
    retries,
    encryption: s3,
    onEvent,
    wait,
    now,
    async close() {
      await Promise.all([transport.close(), direct.close()]);
    },
  });
}

function checkEncryption({ sse, sseKMSKey }: S3Options): void {
  if (sseKMSKey === undefined || sse === 'aws:kms') return;
  throw new LadingError('USAGE', 'a key for encryption needs the encryption aws:kms');
}
