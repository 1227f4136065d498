/** A service with the API of Amazon S3, which has the bucket `images`. */
export interface BucketService {
  /** The environment of a client; of one of the processes, if there are several. */
  environment(place?: number): Record<string, string>;
  stop(): Promise<void>;
}
