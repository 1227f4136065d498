import { isReference, isRegistry, parseReference } from '../content/reference.js';

/** Longer texts are no names: a host, 255 characters of a repository, a tag and a digest. */
const MAX_LENGTH = 800;

const SHAPE = /^[A-Za-z0-9[][\w.\-:/@+[\]]*$/;

/** Returns the name without what some tools put before it (`docker://`), and without spaces around it. */
export function bareName(text: string): string {
  return text.trim().replace(/^docker:\/\//, '');
}

/** True if a registry or an engine would take the text as the name of an image. */
export function isImageName(text: string): boolean {
  if (text.length > MAX_LENGTH || !SHAPE.test(text) || text.includes('://')) return false;
  return isReference(text);
}

/**
 * True if a text is the name of an image by itself, wherever it stands: a host with a dot, a port or `localhost`, and a
 * tag or a digest.
 */
export function isUnmistakable(text: string): boolean {
  if (!text.includes('/') || !isImageName(text)) return false;
  const host = text.slice(0, text.indexOf('/'));
  if (!hasHost(host)) return false;
  const { tag, digest } = parseReference(text);
  return digest !== undefined || (tag !== undefined && !isPort(text));
}

/** True if a name begins with a host. */
export function hasRegistry(name: string): boolean {
  const slash = name.indexOf('/');
  const host = name.slice(0, Math.max(slash, 0));
  return host === 'localhost' || /[.:]/.test(host);
}

function hasHost(host: string): boolean {
  if (host === 'localhost' || host.startsWith('localhost:')) return true;
  if (!isRegistry(host)) return false;
  const [name = '', port] = host.split(':');
  // The last part of a host is no number, as in `10.0.0.0/8`, unless there is a port.
  return port !== undefined
    ? /[a-z]|^\d+\.\d+\.\d+\.\d+$/i.test(name)
    : /^[a-z0-9.-]+\.[a-z][a-z0-9-]+$/i.test(name);
}

/** `host.example/metrics:8080` is an address rather than an image: such tags are numbers of ports. */
function isPort(text: string): boolean {
  const tag = text.slice(text.lastIndexOf(':') + 1);
  return /^(?:80|443|[1-9]\d{3,4})$/.test(tag) && Number(tag) < 65_536 && !/^20\d\d$/.test(tag);
}

/** Words that stand where images stand, and are none. */
const NO_IMAGES: ReadonlySet<string> = new Set(
  (
    'true false yes no on off null nil none auto default custom image always never ifnotpresent ' +
    'latest string object array integer boolean disabled enabled name tag repository registry digest ' +
    'scratch png jpg jpeg svg gif webp todo changeme placeholder'
  ).split(' '),
);
const OTHER_FILES =
  /\.(?:png|jpe?g|gif|svg|ico|webp|avif|bmp|iso|img|qcow2?|raw|vmdk|vhdx?|ova|tar|tgz|gz|zip|xz|ya?ml|json|toml|txt|md|html?|css|js|ts|go|py|sh)$/i;

const MEDIA_TYPE = /^(?:image|application|text|audio|video)\/[\w.+-]+$/;

/**
 * True if a text that is called an image can be one of a container: neither a picture, nor a disk of a machine, nor a
 * word such as `true`.
 */
export function isPlausible(text: string): boolean {
  if (!isImageName(text)) return false;
  if (NO_IMAGES.has(text.toLowerCase())) return false;
  if (/^[\d.]+$/.test(text) || MEDIA_TYPE.test(text)) return false;
  if (text.includes(':') || text.includes('@')) return true;
  // `container.image` is a member of something.
  return !OTHER_FILES.test(text) && !(text.includes('.') && !text.includes('/'));
}

/** True for a word that stands where something else puts an image, such as `auto`. */
export function isPlaceholder(text: string): boolean {
  return NO_IMAGES.has(text.toLowerCase());
}

/** True if a part of the text is filled in by something else: a template, a shell, or a person. */
export function isUnresolved(text: string): boolean {
  return PLACEHOLDER.test(text);
}

const PLACEHOLDER =
  /\{\{|\$\{|\$\(|\$[A-Za-z_]|^<[^<>]*>$|<[\w.-]+>|\{[A-Za-z_][\w.]*\}|%[A-Z_]+%|@@?[A-Z_]+@@?|__[A-Z_]+__/;

/** Puts a tag (`1.2`) or a digest (`sha256:…`) behind a repository; without one, the repository stays as it is. */
export function withVersion(repository: string, version: string | undefined): string {
  if (version === undefined || version === '') return repository;
  const isDigest = /^[A-Za-z0-9_+.-]+:[0-9a-fA-F]{32,}$/.test(version);
  const bare = version.replace(/^[:@]/, '');
  return isDigest ? `${repository}@${version}` : `${repository}${version.startsWith('@') ? '@' : ':'}${bare}`;
}
