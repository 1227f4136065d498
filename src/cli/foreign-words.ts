import type { CommandFlags } from './hints.js';

/** Commands of docker, podman, skopeo, crane, regctl, oras and ctr, and what lading has instead. */
const COMMANDS: readonly (readonly [words: string, sentence: string])[] = [
  ['cp sync mirror clone', 'lading copy SRC DST copies between registries, archives and layouts.'],
  [
    'list images image catalog tags list-tags repo repositories tag search',
    'lading ls SOURCE lists images, tags or repositories.',
  ],
  ['import restore', 'lading load -i PATH DEST pushes the images of an archive into a registry.'],
  ['export archive fetch download get bundle', 'lading save IMAGE -o OUT writes images to an archive.'],
  ['upload publish append', 'lading load -i PATH DEST pushes images into a registry.'],
  ['man usage', 'lading help COMMAND explains a command.'],
  [
    'show info describe manifest history digest layers tree discover referrers blob',
    'lading inspect SOURCE shows what an image consists of.',
  ],
  ['check validate test lint fsck', 'lading verify PATH checks an archive or layout.'],
  ['registry server daemon start run', 'lading serve PATH is a registry over an archive or layout.'],
  ['rebase mutate flatten transform', 'lading convert SRC --to FORMAT -o OUT writes another format.'],
  ['signin sign-in', 'lading login HOST stores a login.'],
  ['whoami credentials creds', 'lading auth HOST says which login would be used there.'],
  ['rmi delete remove untag', 'lading rm STORE IMAGE removes names from a bucket or a layout.'],
  ['build create commit', 'lading builds no images; it carries them.'],
];

/** Returns what lading has instead of a command of another tool. */
export function sentenceForCommand(word: string): string | undefined {
  return COMMANDS.find(([words]) => words.split(' ').includes(word))?.[1];
}

interface ForeignFlags {
  /** The flags without dashes, separated by spaces. */
  words: string;
  /** The flags of lading that the sentence names. */
  needs?: string;
  text: string;
}

/** Flags of the same tools. The first entry counts whose flags the command has. */
const FLAGS: readonly ForeignFlags[] = [
  {
    words:
      'insecure k insecure-registry insecure-skip-tls-verify skip-tls-verify insecure-policy allow-insecure no-check-certificate',
    needs: 'tls-verify plain-http',
    text: '--tls-verify=false accepts any certificate, and --plain-http speaks http.',
  },
  {
    words: 'src-tls-verify dest-tls-verify from-insecure to-insecure tlsverify',
    needs: 'tls-verify',
    text: '--tls-verify=false accepts any certificate, on both sides.',
  },
  {
    words: 'src-cert-dir dest-cert-dir cert-dir tls tlscert certificate',
    needs: 'ca cert key-file',
    text: '--ca FILE names an authority, --cert FILE and --key-file FILE a client certificate.',
  },
  {
    words: 'ca cacert ca-file ca-cert cafile ca-certificate ca-bundle ca-configmap',
    needs: 'ca-config-map',
    text: '--ca-config-map NAME[:KEY] names a ConfigMap with the authority, which the pods see.',
  },
  {
    words: 'image-pull-secrets pull-secret imagepullsecrets',
    needs: 'image-pull-secret',
    text: '--image-pull-secret NAME names the Secret with the login for the image of lading.',
  },
  {
    words:
      'cacert ca-file tlscacert ca-cert cafile ca-certificate src-ca-file dest-ca-file from-ca-file to-ca-file',
    needs: 'ca',
    text: '--ca FILE names the authority that signed the certificates.',
  },
  {
    words: 'cert-file client-cert tls-cert-file from-cert-file to-cert-file',
    needs: 'cert key-file',
    text: '--cert FILE and --key-file FILE name a client certificate and its key.',
  },
  {
    words: 'http use-http from-plain-http to-plain-http',
    needs: 'plain-http',
    text: '--plain-http speaks http.',
  },
  {
    words: 'all multi-arch a',
    needs: 'platform',
    text: 'All platforms are taken unless --platform names some.',
  },
  { words: 'all multi-arch a', text: 'All platforms of an image are taken, without a flag.' },
  {
    words: 'override-arch override-os override-variant arch os variant platforms p',
    needs: 'platform',
    text: '--platform OS/ARCH[/VARIANT] chooses platforms.',
  },
  {
    words: 'override-arch override-os override-variant arch os variant platform platforms p',
    text: 'lading save, load, copy and convert choose platforms with --platform OS/ARCH[/VARIANT].',
  },
  {
    words:
      'src-authfile dest-authfile registry-config auth-file from-registry-config to-registry-config compat-auth-file',
    needs: 'authfile',
    text: '--authfile FILE has the logins of all registries.',
  },
  {
    words:
      'from-username from-password src-username src-password to-username to-password dest-username dest-password',
    needs: 'src-creds dest-creds',
    text: '--src-creds and --dest-creds take USER[:PASSWORD].',
  },
  {
    words:
      'username user u password registry-token src-registry-token dest-registry-token src-creds dest-creds credentials',
    needs: 'creds',
    text: '--creds [HOST=]USER[:PASSWORD] is a login for this run, and lading login stores one.',
  },
  {
    words:
      'jobs j parallel workers threads image-parallel-copies max-concurrent-downloads max-concurrent-uploads parallelism',
    needs: 'concurrency',
    text: '--concurrency N sets how much is done at once.',
  },
  {
    words: 'retry retry-times max-retries retry-limit',
    needs: 'retries',
    text: '--retries N sets the number of attempts.',
  },
  { words: 'debug D d log-level trace verbosity', text: '--verbose shows every step.' },
  { words: 'silent s no-progress disable-progress', text: '--quiet shows no progress.' },
  {
    words: 'tarball out destination dest download-to directory dir',
    needs: 'output',
    text: '-o OUT names the file or directory.',
  },
  { words: 'tarball archive in source', needs: 'input', text: '-i PATH names the archive or layout.' },
  { words: 'tag t image image-name', needs: 'name', text: '--name IMAGE names an image that has no name.' },
  {
    words:
      'compress dest-compress dest-compress-format compression-format dest-decompress dest-compress-level',
    needs: 'compression',
    text: '--compression sets how layers are compressed.',
  },
  {
    words: 'compress dest-compress dest-compress-format compression-format dest-decompress compression',
    text: 'lading convert --compression compresses layers anew.',
  },
  {
    words: 'manifest-type f dest-oci-format to-format',
    needs: 'to',
    text: '--to FORMAT sets the format of the manifests.',
  },
  { words: 'manifest-type f format', text: 'lading convert --to FORMAT writes another format.' },
  {
    words: 'remove-signatures disable-content-trust',
    needs: 'referrers',
    text: '--no-referrers leaves signatures and other attachments out.',
  },
  {
    words: 'include-referrers recursive r include-external digest-tags with-signatures',
    needs: 'referrers',
    text: 'Signatures and other attachments are taken without a flag.',
  },
  {
    words: 'preserve-digests digestfile multi-arch-digests',
    text: 'Digests stay as they are, except in lading convert.',
  },
  {
    words: 'sign-by sign-by-sigstore sign-identity',
    text: 'lading signs nothing; it carries the signatures that there are.',
  },
  { words: 'exact n json-output', text: '--json prints a document for programs.' },
];

/** Returns what lading has instead of a flag of another tool, given without dashes and the flags of the command. */
export function sentenceForFlag(flag: string, flags: CommandFlags): string | undefined {
  const found = FLAGS.find(
    ({ words, needs = '' }) =>
      words.split(' ').includes(flag) &&
      needs.split(' ').every((needed) => needed === '' || Object.hasOwn(flags, needed)),
  );
  return found?.text;
}

/** Every sentence of `sentenceForFlag` with a word for it, for its tests. */
export const FOREIGN_FLAGS: readonly string[] = FLAGS.flatMap(({ words }) => words.split(' '));
export const FOREIGN_COMMANDS: readonly string[] = COMMANDS.flatMap(([words]) => words.split(' '));
