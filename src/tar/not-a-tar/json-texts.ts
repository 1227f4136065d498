import type { Advice } from '../../errors.js';
import { shortened } from './recognised.js';

/** A JSON document that stands where an archive was expected. */
export interface RecognisedJSON extends Advice {
  /** The end of a sentence that begins with "it is". */
  is: string;
  hint: string;
  /** Whether it is a document of images, which `verify` checks by itself. */
  isOfImages: boolean;
}

type Members = Record<string, unknown>;

const SAVE_IT = {
  hint: 'Save the image itself, as docker save -o images.tar IMAGE does.',
  remedy: 'save',
} as const satisfies Advice;
const ANSWER = {
  hint: 'A server answered with this where the archive was expected: look at what it says, log in where it asks for that, and fetch the archive again.',
};
const ALONE = {
  hint: 'Its layers are not in it. Name the archive or the folder that it was taken from, or save the image anew.',
};

/** What a JSON document is; undefined for text that is no JSON. */
export function recogniseJSON(text: string): RecognisedJSON | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined; // whoever asks goes on to other kinds
  }
  if (Array.isArray(document)) return ofList(document);
  if (isMembers(document)) return ofMembers(document);
  return { is: 'a JSON document', ...SAVE_IT, isOfImages: false };
}

function ofList(list: readonly unknown[]): RecognisedJSON {
  const [first] = list;
  if (isMembers(first) && 'Config' in first && 'Layers' in first && !('Id' in first))
    return of('the manifest.json of a docker-archive, alone', ALONE);
  if (isMembers(first) && ('Id' in first || 'ID' in first))
    return other('what docker inspect or podman inspect prints', SAVE_IT);
  return other('a JSON document', SAVE_IT);
}

function ofMembers(document: Members): RecognisedJSON {
  const message = errorIn(document);
  if (message !== undefined) return other(`an error message of a server (${message})`, ANSWER);
  if ('imageLayoutVersion' in document)
    return of('the file oci-layout of an OCI layout, alone', { hint: 'Name the folder that it stands in.' });
  if ('bomFormat' in document || 'spdxVersion' in document) return other('an SBOM', SAVE_IT);
  if ('RepoTags' in document && 'LayersData' in document) return other('what skopeo inspect prints', SAVE_IT);
  if (Array.isArray(document.manifests) || Array.isArray(document.layers) || Array.isArray(document.fsLayers))
    return of(`the ${Array.isArray(document.manifests) ? 'index' : 'manifest'} of an image, alone`, ALONE);
  if ('rootfs' in document || ('architecture' in document && 'config' in document))
    return of('the config of an image, alone', ALONE);
  return other('a JSON document', SAVE_IT);
}

function of(is: string, advice: Advice & { hint: string }): RecognisedJSON {
  return { is, ...advice, isOfImages: true };
}

function other(is: string, advice: Advice & { hint: string }): RecognisedJSON {
  return { is, ...advice, isOfImages: false };
}

/** A registry's list of errors, or the members in which other servers say what is wrong. */
function errorIn({ errors, error, message, detail, code, status }: Members): string | undefined {
  const [first] = Array.isArray(errors) ? errors : [];
  if (isMembers(first)) return said([first.code, first.message]);
  if (typeof first === 'string') return said([first]);
  if (isMembers(error)) return said([error.code ?? error.status, error.message]);
  if (typeof error === 'string') return said([error, message]);
  const text = message ?? detail;
  return typeof text === 'string' ? said([code ?? status, text]) : undefined;
}

function said(parts: readonly unknown[]): string {
  const texts = parts.filter((part) => typeof part === 'string' || typeof part === 'number');
  return shortened(texts.join(': '));
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
