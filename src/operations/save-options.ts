import type { ImageOrigin } from '../content/origin.js';
import type { Shard } from '../content/shard.js';
import type { Lock, LockFormat } from '../lock/lock.js';
import type { ConnectionOptions } from '../registry/connect.js';
import type { DestinationLike } from '../transfer/destinations.js';
import type { SaveOutputOptions } from '../transfer/files/to-files.js';
import type { PlatformOptions } from './choose-index.js';

export interface SaveOptions
  extends ConnectionOptions,
    PlatformOptions,
    Omit<SaveOutputOptions, 'dockerPlatform' | 'inputs' | 'name'> {
  /**
   * Names of images and patterns of tags (`REPOSITORY:{>=3.19 <3.22, newest 2}`), as users type them; none if there is a
   * lock.
   */
  images?: readonly string[] | undefined;
  /** A file, a directory (`…/`), a bucket (`s3://…`), a stream for an archive, or any store. */
  output: DestinationLike;
  /**
   * Leave these of the images out, by their names, the ends of their names, or patterns (`ghcr.io/product/*`,
   * `alpine:{<3.19}`); default none. One that leaves nothing out causes a warning.
   */
  exclude?: readonly string[] | undefined;
  /** Save every tag of the repositories that are named without a tag; default false. */
  allTags?: boolean | undefined;
  /** Also save signatures, SBOMs and attestations; default true. */
  referrers?: boolean | undefined;
  /** Also fetch foreign layers, from their registry or from the `urls` in their manifests; default false. */
  includeForeign?: boolean | undefined;
  /** The platform in the Docker half of an archive; default linux/amd64, or else the first. */
  dockerPlatform?: string | undefined;
  /** Refuse images whose documents violate their specification; default: they cause a warning. */
  strict?: boolean | undefined;
  /** Save the other images if one fails; default false. */
  keepGoing?: boolean | undefined;
  /** Save the images of this lock, by digest: no tag is asked for, and only what was attached to them then is taken. */
  lock?: Lock | undefined;
  /** Ask for the names of the lock anew, with its platforms; default false. The lock itself is not changed. */
  updateLock?: boolean | undefined;
  /** A file, or an object in a bucket (`s3://BUCKET/KEY`), that a lock of what was saved is written to. */
  writeLock?: string | undefined;
  /** The form of that lock; default `lading`. The one of `imgpkg` has neither platforms nor attachments. */
  lockFormat?: LockFormat | undefined;
  /**
   * Save only the images whose repositories belong to this shard, of the list or the lock; the others are not asked for.
   * Default: all.
   */
  shard?: Shard | undefined;
  /** Where the names of `images` were found, for locks. */
  origins?: ReadonlyMap<string, readonly ImageOrigin[]> | undefined;
}
