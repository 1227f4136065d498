import { basename } from 'node:path';
import type { FileView } from '../../disk/files.js';
import { type Advice, ContentError, type ErrorCode } from '../../errors.js';
import { shellWord } from '../../tar/not-a-tar/recognised.js';

interface Kind extends Advice {
  /** The end of a sentence that begins with "it is". */
  is: string;
  hint: string;
}

const SAVE_IT = {
  hint: 'Save the image, as docker save -o images.tar IMAGE does.',
  remedy: 'save',
} as const satisfies Advice;

/**
 * Returns the error for files without images, which says what they are if that can be recognised. `folders` are those
 * that do contain images; `path` is the archive's name for commands in hints.
 */
export async function noImages(
  view: FileView,
  { code, folders, path }: { code: ErrorCode; folders: readonly string[]; path: string },
): Promise<ContentError> {
  const { location } = view;
  const [folder] = folders;
  if (folder !== undefined) {
    const others = folders.length > 1 ? ` and in ${folders.length - 1} more` : '';
    return new ContentError(
      code,
      `${location} holds no images at its top, but in its folder ${folder}${others}`,
      {
        hint:
          code === 'INVALID_LAYOUT'
            ? `Name that folder: ${shellWord(`${location}/${folder}`)}`
            : `Unpack it (tar -xf ${path}), and name that folder; or pack what is in the folder alone: tar -C ${shellWord(folder)} -cf NEW.tar .`,
      },
    );
  }
  const kind = code === 'INVALID_LAYOUT' ? undefined : await kindOf(view, path);
  return kind === undefined
    ? new ContentError(
        code,
        `${location} holds no images: it has neither index.json nor manifest.json nor repositories`,
        {
          hint:
            code === 'INVALID_LAYOUT'
              ? 'Name the folder that index.json or manifest.json stands in, or an archive.'
              : `Name the archive that lading, docker save or another tool wrote; tar -tf ${path} lists what is in this one.`,
        },
      )
    : new ContentError(code, `${location} holds no images: it is ${kind.is}`, {
        hint: kind.hint,
        remedy: kind.remedy,
      });
}

async function kindOf(view: FileView, path: string): Promise<Kind | undefined> {
  const paths = (await view.list()).map(({ path }) => path);
  const has = (pattern: RegExp): string | undefined => paths.find((path) => pattern.test(path));
  if (paths.length === 0)
    return {
      is: 'a tar of no files, or nothing but zeros',
      hint: 'Its space was set aside and nothing was written to it, as by a download or a copy that broke off, or no file was packed. Copy it again and compare its checksum with the original, or make it anew.',
    };
  const inner = has(/\.(?:tar|tgz|tar\.(?:gz|zst|bz2|xz)|zip)$/);
  if (inner !== undefined && paths.length <= MANY)
    return {
      is: `a tar of other files, ${inner} among them`,
      hint: `Unpack it, and name that file: tar -xf ${path} ${shellWord(inner)}`,
    };
  if (has(/^(?:[^/]+\/)?Chart\.yaml$/) !== undefined)
    return {
      is: 'a Helm chart',
      hint: `helm push ${path} oci://HOST/REPOSITORY puts it into a registry, from where it can be saved.`,
      remedy: 'save',
    };
  const tops = new Set((await view.folders()).map((folder) => folder.toLowerCase()));
  if (ROOT_FOLDERS.filter((folder) => tops.has(folder)).length >= 2)
    return {
      is: 'the file system of a container or a machine, as docker export writes it',
      hint: `It has no config and no layers: docker import makes an image of it, which docker save then writes. Or save the image that the container was started from: docker save -o images.tar IMAGE`,
    };
  if (has(/^(?:Dockerfile|Containerfile)$/) !== undefined)
    return {
      is: 'what an image is built from',
      ...SAVE_IT,
      hint: `Build it first (docker build). ${SAVE_IT.hint}`,
    };
  if (has(/^blobs\/sha(?:256|512)\//) !== undefined)
    return {
      is: 'an OCI layout that has lost its index.json',
      hint: 'Pack or copy it again, with all of its files.',
    };
  if (paths.length === 1 && paths[0] !== undefined)
    return { is: `a tar of one file, ${basename(paths[0])}`, ...SAVE_IT };
  return undefined;
}

/** Maximum number of files for which a tar is assumed to be a package of other archives. */
const MANY = 100;
const ROOT_FOLDERS = [
  'bin',
  'etc',
  'usr',
  'lib',
  'proc',
  'sys',
  'var',
  'dev',
  'root',
  'windows',
  'program files',
];
