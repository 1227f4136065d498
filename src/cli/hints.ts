import type { Options } from 'yargs';
import type { Remedy } from '../index.js';

/** The advice of an error or a warning of the library. */
export interface Advised {
  hint?: string | undefined;
  remedy?: Remedy | undefined;
  remedyFor?: string | undefined;
}

/** The flags of a command, by their names. */
export type CommandFlags = Readonly<Record<string, Options>>;

/** A sentence for a remedy. */
interface Sentence {
  /** The flags that the command must have, because the sentence names them without naming another command. */
  needs: readonly string[];
  text: string | ((what: string | undefined) => string);
}

function own(needs: string, text: Sentence['text']): Sentence {
  return { needs: needs.split(' '), text };
}

function anywhere(text: Sentence['text']): Sentence {
  return { needs: [], text };
}

/**
 * The sentences for each remedy; the first one whose flags the command has is used. The type requires an entry for each
 * remedy.
 */
const SENTENCES: Record<Remedy, readonly [Sentence, ...Sentence[]]> = {
  append: [own('append', '--append keeps what is there.')],
  anonymous: [own('sign-request', '--no-sign-request reads a bucket that everybody may read.')],
  archiveCompression: [
    own('compress-archive', '--compress-archive says what the archive is compressed with.'),
    anywhere('lading save and lading convert have --compress-archive.'),
  ],
  authFile: [own('authfile', '--authfile FILE names it.')],
  caFile: [own('ca tls-verify', 'The flags are --ca FILE and --tls-verify=false.')],
  certFile: [own('cert key-file', '--cert FILE and --key-file FILE name them.')],
  certificates: [own('ca cert key-file', '--ca, --cert and --key-file name such files.')],
  compression: [
    own('compression', '--compression gzip compresses layers anew.'),
    anywhere('lading convert --compression gzip compresses layers anew.'),
  ],
  concurrency: [own('concurrency', 'A smaller --concurrency does less at once.')],
  convert: [anywhere('lading convert does that.')],
  copy: [anywhere('lading copy does that.')],
  copyBoth: [
    anywhere('lading copy ONE.tar BOTH.tar, and then lading copy OTHER.tar BOTH.tar, makes one of two.'),
  ],
  copyToLayout: [anywhere((path = 'ARCHIVE') => `lading copy ${path} oci:DIRECTORY makes one.`)],
  credentials: [own('creds', (registry = 'HOST') => `--creds ${registry}=USER[:PASSWORD] does that.`)],
  format: [
    own('format', (format) =>
      format === undefined ? '--format names another.' : `--format ${format} writes such an archive.`,
    ),
  ],
  includeForeign: [
    own('include-foreign', '--include-foreign fetches them.'),
    anywhere('lading save --include-foreign fetches them.'),
  ],
  index: [
    own(
      'platform index',
      (platforms = 'OS/ARCH') => `--platform ${platforms} --index rewrite writes such an index.`,
    ),
    anywhere('lading save --index rewrite writes such an index.'),
  ],
  keepGoing: [
    own('keep-going', 'lading verify lists all damage, and --keep-going goes on with the other images.'),
    anywhere('lading verify lists all damage.'),
  ],
  keepHost: [own('keep-host map', '--keep-host keeps them, and --map FILE names the rules.')],
  list: [anywhere((source = 'SOURCE') => `lading ls ${source} shows what there is.`)],
  login: [
    own(
      'creds authfile',
      (registry = 'HOST') => `Log in with lading login ${registry}, or pass --creds or --authfile.`,
    ),
    anywhere((registry = 'HOST') => `Log in with lading login ${registry}.`),
  ],
  mapFile: [own('map', '--map FILE has rules for names.')],
  maxArchiveBytes: [own('max-archive-bytes', '--max-archive-bytes sets it.')],
  maxLayerBytes: [own('max-layer-bytes', '--max-layer-bytes sets it.')],
  maxRatio: [own('max-ratio', '--max-ratio sets it.')],
  mirrors: [own('mirror', 'A mirror is named as in --mirror docker.io=mirror.local:5000/dockerhub.')],
  name: [own('name', '--name IMAGE says it.')],
  omitFileOptions: [own('format append', 'Leave --format and --append out.')],
  omitFormat: [own('format', 'Leave --format out.')],
  omitNoClobber: [own('clobber', 'The tag moves without --no-clobber.')],
  omitNoClobberOfAttachment: [
    own(
      'clobber referrers',
      'The tag moves without --no-clobber, and --no-referrers leaves attachments out.',
    ),
  ],
  omitV1: [own('v1', 'Leave --v1 out.')],
  omitVerifySignature: [own('verify-signature', 'Leave --verify-signature out for that.')],
  onePlatform: [
    own('platform format', '--platform OS/ARCH names one, and --format universal has room for all.'),
  ],
  plainHTTP: [own('plain-http', '--plain-http speaks http to registries that do not have TLS.')],
  platforms: [
    own('platform', '--platform OS/ARCH chooses one.'),
    anywhere('lading save --platform OS/ARCH chooses one.'),
  ],
  privateAddresses: [own('private-addresses', '--private-addresses allows addresses of private networks.')],
  referrers: [
    own('referrers', '--no-referrers leaves out what is attached.'),
    anywhere('lading copy --no-referrers leaves out what is attached.'),
  ],
  removeName: [
    anywhere((name = 'STORE IMAGE') => `lading rm ${name} removes the name, and a save of it gives it anew.`),
  ],
  s3Endpoint: [own('s3-endpoint', '--s3-endpoint URL names it.')],
  s3Region: [own('s3-region', (region = 'REGION') => `--s3-region ${region} does that.`)],
  save: [anywhere('lading save IMAGE -o images.tar does that.')],
  select: [own('select', '--select IMAGE chooses some of its images.')],
  sideCredentials: [
    own('src-creds dest-creds', '--src-creds USER[:PASSWORD] and --dest-creds USER[:PASSWORD] do that.'),
  ],
  signedRequests: [own('sign-request', 'Without --no-sign-request, a key is used.')],
  singleWriter: [own('single-writer', '--single-writer says that nobody else writes there.')],
  stream: [anywhere('lading save -o - and lading convert -o - write to standard output.')],
  tagDigests: [own('tag-digests', '--tag-digests gives it a tag.')],
  tlsVerify: [own('tls-verify', 'The flag is --tls-verify=false.')],
  updateLock: [own('lock update', '--update asks for the names of the lock anew.')],
  verify: [anywhere('lading verify lists everything that is damaged.')],
};

/** Every remedy, for the tests of these sentences. */
export const REMEDIES = Object.keys(SENTENCES) as Remedy[]; // the record has a key for each remedy

/** Returns the sentence for a remedy; undefined if the command has no flags for it. */
export function sentenceFor({ remedy, remedyFor }: Advised, flags: CommandFlags): string | undefined {
  if (remedy === undefined) return undefined;
  const found = SENTENCES[remedy].find(({ needs }) => needs.every((flag) => Object.hasOwn(flags, flag)));
  return typeof found?.text === 'function' ? found.text(remedyFor) : found?.text;
}

/** Returns a hint followed by the sentence of its remedy. */
export function hintOf(advised: Advised, flags: CommandFlags): string | undefined {
  const parts = [advised.hint, sentenceFor(advised, flags)].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(' ');
}

/** Returns a warning followed by the sentence of its remedy in parentheses. */
export function warningOf(message: string, advised: Advised, flags: CommandFlags): string {
  const sentence = sentenceFor(advised, flags);
  return sentence === undefined ? message : `${message} (${sentence.replace(/\.$/, '')})`;
}
