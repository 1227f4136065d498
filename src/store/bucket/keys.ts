import { algorithmOf, type Digest, encodedOf, isDigest } from '../../content/digest.js';
import { nameKey, readName } from '../../content/names.js';
import { blobPath } from '../layout/layout-reader.js';

/**
 * Where everything is in a bucket, below a prefix: an OCI layout (`oci-layout`, `blobs/`, `index.json`), and beside it an
 * object for each name and each attachment, so that no object has two writers for different things.
 */
export class BucketKeys {
  /** Begins every key: empty, or with a slash at its end. */
  readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** The version of the layout. (image-spec, image-layout.md, "oci-layout file") */
  get layout(): string {
    return `${this.prefix}oci-layout`;
  }

  /** The index for other tools. (image-spec, image-layout.md, "index.json file") */
  get index(): string {
    return `${this.prefix}index.json`;
  }

  blob(digest: Digest): string {
    return this.prefix + blobPath(digest);
  }

  get blobs(): string {
    return `${this.prefix}blobs/`;
  }

  /** An object that no digest names, to try out what the service refuses. */
  get probe(): string {
    return `${this.prefix}probe`;
  }

  /** Who collects garbage, and how often that was done. */
  get collection(): string {
    return `${this.prefix}gc.lock`;
  }

  /** What a collection will remove, unless it is needed again by then. */
  get condemned(): string {
    return `${this.prefix}gc.condemned.json`;
  }

  /** What writers need that have not named it yet. */
  get holds(): string {
    return `${this.prefix}holds/`;
  }

  hold(id: string): string {
    return `${this.holds}${id}.json`;
  }

  get names(): string {
    return `${this.prefix}names/`;
  }

  /** Begins the keys of objects that are there while a program gives names to another tool's images; they are no names. */
  get adoptions(): string {
    return `${this.names}adopting-`;
  }

  isAdoption(key: string): boolean {
    return key.startsWith(this.adoptions) && this.nameIn(key) === undefined;
  }

  /** Spellings of one name have one key. */
  name(name: string): string {
    const spelling = readName(name).kind === 'image' ? nameKey(name) : name;
    return `${this.names}${Buffer.from(spelling).toString('base64url')}.json`;
  }

  /** Returns the name in a key, in its full spelling; undefined for other keys. */
  nameIn(key: string): string | undefined {
    if (!key.startsWith(this.names) || !key.endsWith('.json')) return undefined;
    const text = key.slice(this.names.length, -'.json'.length);
    return /^[\w-]+$/.test(text) ? Buffer.from(text, 'base64url').toString('utf8') : undefined;
  }

  /** What is attached to a manifest by its `subject`. */
  attachments(subject?: Digest): string {
    const folder = `${this.prefix}attachments/`;
    return subject === undefined ? folder : `${folder}${algorithmOf(subject)}/${encodedOf(subject)}/`;
  }

  attachment(subject: Digest, digest: Digest): string {
    return `${this.attachments(subject)}${algorithmOf(digest)}-${encodedOf(digest)}.json`;
  }

  /** Returns the manifest that an attachment's key names. */
  attachedIn(key: string): Digest | undefined {
    const digest = key.slice(key.lastIndexOf('/') + 1, -'.json'.length).replace('-', ':');
    return this.subjectIn(key) !== undefined && key.endsWith('.json') && isDigest(digest)
      ? digest
      : undefined;
  }

  /** Returns the manifest that an attachment's key says it belongs to. */
  subjectIn(key: string): Digest | undefined {
    const [algorithm, encoded] = key.slice(this.attachments().length).split('/');
    const digest = `${algorithm}:${encoded}`;
    return key.startsWith(this.attachments()) && isDigest(digest) ? digest : undefined;
  }
}
