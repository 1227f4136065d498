/**
 * What the user can do about an error or a warning, as a word that callers can compare. Most words are options of the
 * library; `omit…` means to leave an option out, and the others are actions. A front end turns the word into a sentence
 * with its own means, such as a flag.
 */
export type Remedy =
  // Connections and logins
  /** Read a bucket that everybody may read without a key: `s3.anonymous`. */
  | 'anonymous'
  /** Specify a credential file, or another one. */
  | 'authFile'
  /** Trust the authority of a registry's certificate, or do not check certificates (`tlsVerify`). */
  | 'caFile'
  /** Use a client certificate: `certFile` with its `keyFile`. */
  | 'certFile'
  /** Correct the files of `caFile`, `certFile` and `keyFile`. */
  | 'certificates'
  /** Do less at once. */
  | 'concurrency'
  /** Specify the registry of a login in `credentials`; `remedyFor` is a possible one. */
  | 'credentials'
  /** Log in at the registry `remedyFor`, or specify credentials for the run. */
  | 'login'
  /** Use a mirror, or correct its name. */
  | 'mirrors'
  /** Leave `v1` out. */
  | 'omitV1'
  /** Use http. */
  | 'plainHTTP'
  /** Allow addresses of private networks. */
  | 'privateAddresses'
  /** Correct the endpoint of buckets (`s3.endpoint`). */
  | 's3Endpoint'
  /** Name the region of a bucket (`s3.region`); `remedyFor` is the right one. */
  | 's3Region'
  /** Sign requests to buckets: leave `s3.anonymous` out. */
  | 'signedRequests'
  /** Be the only writer of a bucket (`s3.singleWriter`). */
  | 'singleWriter'
  /** Give each side of a copy its own login: `sourceCredentials` and `destinationCredentials`. */
  | 'sideCredentials'
  /** Do not check certificates. */
  | 'tlsVerify'
  // Content of images
  /** Compress the layers again. */
  | 'compression'
  /** Fetch foreign layers, too. */
  | 'includeForeign'
  /** Take the images with an index that lists only these: `index` `rewrite`, with the `platforms` of `remedyFor`. */
  | 'index'
  /** Leave damaged images out, and continue with the others. */
  | 'keepGoing'
  /** Leave `verifySignature` out. */
  | 'omitVerifySignature'
  /** Choose one platform, or a `format` that can have several. */
  | 'onePlatform'
  /** Choose platforms. */
  | 'platforms'
  /** Leave out signatures, SBOMs and other attachments: `referrers` false. */
  | 'referrers'
  // Limits
  /** Raise the limit for the bytes of an archive. */
  | 'maxArchiveBytes'
  /** Raise the limit for the bytes of a layer. */
  | 'maxLayerBytes'
  /** Raise the limit for the ratio of decompressed to compressed bytes. */
  | 'maxRatio'
  // Outputs and names
  /** Keep the existing content of the output. */
  | 'append'
  /** Say how the archive as a whole is compressed: `archiveCompression`. */
  | 'archiveCompression'
  /** Write another format; `remedyFor` is the right one, if there is only one. */
  | 'format'
  /** Keep the hosts of names (`keepHost`), or distinguish images by rules (`mapFile`). */
  | 'keepHost'
  /** Ask for the names of the lock anew: `updateLock`. */
  | 'updateLock'
  /** Choose images of a place by their names: `select`, or `images`. */
  | 'select'
  /** Set names by rules. */
  | 'mapFile'
  /** Specify the name of an image. */
  | 'name'
  /** Remove a name whose object is damaged: `removeNames`; `remedyFor` is the place and the name. */
  | 'removeName'
  /** Leave `format` and `append` out, which are for files. */
  | 'omitFileOptions'
  /** Leave `format` out. */
  | 'omitFormat'
  /** Let the tag move: leave `noClobber` out. */
  | 'omitNoClobber'
  /** The same for the tag of a signature or attachment; `referrers: false` would leave it out as well. */
  | 'omitNoClobberOfAttachment'
  /** Tag images that have only a digest. */
  | 'tagDigests'
  // Actions
  /** Convert the image. */
  | 'convert'
  /** Copy the images to the destination. */
  | 'copy'
  /** Copy the images into a layout; `remedyFor` is the path that they are in. */
  | 'copyToLayout'
  /** Copy the images of two archives into one; the archives had been joined as files. */
  | 'copyBoth'
  /** List the images of the source `remedyFor`. */
  | 'list'
  /** Save the image. */
  | 'save'
  /** Write to a stream by saving or converting. */
  | 'stream'
  /** Check all content of the archive or layout. */
  | 'verify';
