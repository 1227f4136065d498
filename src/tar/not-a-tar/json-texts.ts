import type { Advice } from '../../errors.js';
import { shortened } from './recognised.js';

/** The kind of a JSON document that was found instead of an archive. */
export interface RecognisedJSON extends Advice {
  /** The end of a sentence that begins with "it is". */
  is: string;
  hint: string;
  /** True for a document of an image, which `verify` can check on its own. */
  isOfImages: boolean;
}

type Members = Record<string, unknown>;

const SAVE_IT = {
  hint: 'Save the image itself, as docker save -o images.tar IMAGE does.',
  remedy: 'save',
} as const satisfies Advice;
const ANSWER = {
  hint: 'A server sent this instead of the archive. Read what it says, log in if it asks for that, and fetch the archive again.',
};
const ALONE = {
  hint: 'Its layers are not in it. Name the archive or the folder that it was taken from, or save the image again.',
};

/** Recognises a JSON document; returns undefined if the text is not JSON. */
export function recogniseJSON(text: string): RecognisedJSON | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined; // the caller tries other kinds
  }
  if (Array.isArray(document)) return ofList(document);
  if (isMembers(document)) return ofMembers(document);
  return { is: 'a JSON document', ...SAVE_IT, isOfImages: false };
}

function ofList(list: readonly unknown[]): RecognisedJSON {
  const [first] = list;
  if (isMembers(first) && 'Config' in first && 'Layers' in first && !('Id' in first))
    return of('only the manifest.json of a docker-archive', ALONE);
  if (isMembers(first) && ('Id' in first || 'ID' in first))
    return other('the output of docker inspect or podman inspect', SAVE_IT);
  return other('a JSON document', SAVE_IT);
}

function ofMembers(document: Members): RecognisedJSON {
  const message = errorIn(document);
  if (message !== undefined) return other(`an error message from a server (${message})`, ANSWER);
  if ('imageLayoutVersion' in document)
    return of('only the file oci-layout of an OCI layout', { hint: 'Name the folder that contains it.' });
  if ('bomFormat' in document || 'spdxVersion' in document) return other('an SBOM', SAVE_IT);
  if ('RepoTags' in document && 'LayersData' in document)
    return other('the output of skopeo inspect', SAVE_IT);
  if (Array.isArray(document.manifests) || Array.isArray(document.layers) || Array.isArray(document.fsLayers))
    return of(`only the ${Array.isArray(document.manifests) ? 'index' : 'manifest'} of an image`, ALONE);
  if ('rootfs' in document || ('architecture' in document && 'config' in document))
    return of('only the config of an image', ALONE);
  return other('a JSON document', SAVE_IT);
}

function of(is: string, advice: Advice & { hint: string }): RecognisedJSON {
  return { is, ...advice, isOfImages: true };
}

function other(is: string, advice: Advice & { hint: string }): RecognisedJSON {
  return { is, ...advice, isOfImages: false };
}

/** Returns the text of an error answer: from a registry's list of errors, or from members that other servers use. */
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
