/**
 * What can be done about an error or a warning, as a word that callers compare. Most words are options of the library;
 * `omit…` says which one to leave out, and the others are things to do. What a front end has for it, such as a flag, is
 * the front end's to say.
 */
export type Remedy =
  // How registries are reached, and as whom
  /** Name a file of credentials, or another one. */
  | 'authFile'
  /** Trust the authority of a registry's certificate, or do not check certificates (`tlsVerify`). */
  | 'caFile'
  /** Show a client certificate, `certFile` with its `keyFile`. */
  | 'certFile'
  /** Correct the files of `caFile`, `certFile` and `keyFile`. */
  | 'certificates'
  /** Do less at once. */
  | 'concurrency'
  /** Say in `credentials` which registry a login is for: `remedyFor` names one. */
  | 'credentials'
  /** Log in at the registry that `remedyFor` names, or give credentials for the run. */
  | 'login'
  /** Ask a mirror, or name it rightly. */
  | 'mirrors'
  /** Leave `v1` out. */
  | 'omitV1'
  /** Speak http. */
  | 'plainHTTP'
  /** Allow addresses of private networks. */
  | 'privateAddresses'
  /** Give each side of a copy its own login: `sourceCredentials` and `destinationCredentials`. */
  | 'sideCredentials'
  /** Do not check certificates. */
  | 'tlsVerify'
  // What is taken of the images
  /** Compress layers anew. */
  | 'compression'
  /** Fetch foreign layers, too. */
  | 'includeForeign'
  /** Have the images saved with an index that names no others. */
  | 'index'
  /** Leave damaged images out, and go on with the others. */
  | 'keepGoing'
  /** Leave `verifySignature` out. */
  | 'omitVerifySignature'
  /** Choose one platform, or a `format` that has room for several. */
  | 'onePlatform'
  /** Choose platforms. */
  | 'platforms'
  /** Leave out signatures, SBOMs and other attachments: `referrers` false. */
  | 'referrers'
  // Limits
  /** Raise the limit of the bytes of an archive. */
  | 'maxArchiveBytes'
  /** Raise the limit of the bytes of a layer. */
  | 'maxLayerBytes'
  /** Raise the limit of what comes out of compressed content. */
  | 'maxRatio'
  // Where the images go, and what they are called there
  /** Keep what the output holds. */
  | 'append'
  /** Write another format; `remedyFor` names it, where one is right. */
  | 'format'
  /** Keep the hosts of names (`keepHost`), or tell images apart with rules (`mapFile`). */
  | 'keepHost'
  /** Give names by rules. */
  | 'mapFile'
  /** Say what an image is called. */
  | 'name'
  /** Leave `format` and `append` out, which are for files. */
  | 'omitFileOptions'
  /** Leave `format` out. */
  | 'omitFormat'
  /** Let the tag move: leave `noClobber` out. */
  | 'omitNoClobber'
  /** The same for the tag of a signature or attachment, which `referrers` leaves out too. */
  | 'omitNoClobberOfAttachment'
  /** Tag what is named by digest alone. */
  | 'tagDigests'
  // Things to do first
  /** Convert the image. */
  | 'convert'
  /** Copy the images there. */
  | 'copy'
  /** Copy the images into a layout; `remedyFor` is the path of what holds them. */
  | 'copyToLayout'
  /** Copy the images of two archives, which were made one file, into one archive. */
  | 'copyBoth'
  /** See what there is; `remedyFor` is the source to list. */
  | 'list'
  /** Save the image. */
  | 'save'
  /** Write to a stream, which saving and converting do. */
  | 'stream'
  /** Have everything checked that an archive or layout holds. */
  | 'verify';
