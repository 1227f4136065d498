import { LOCK_MEDIA_TYPE } from '../content/media-types.js';
import type { Finder } from './finder.js';
import { findInChart, isChart } from './forms/chart.js';
import { findInGitLab, findInWorkflow, isGitLab, isWorkflow } from './forms/ci.js';
import { type ComposeContext, findInCompose, findInExtended, isCompose } from './forms/compose.js';
import { ComposeFiles, type ComposeReading, firstReading } from './forms/compose-files.js';
import { findInInlineDockerfile } from './forms/dockerfile.js';
import { findInKubernetes } from './forms/kubernetes.js';
import { findInKustomization } from './forms/kustomization.js';
import { findInRegsync, findInSkopeoSync, isRegsync, isSkopeoSync } from './forms/sync.js';
import {
  findInHauler,
  findInImageSet,
  findInImagesLock,
  findInKbld,
  findInLock,
  findInZarf,
} from './forms/tools.js';
import { bareName, isPlausible } from './image-text.js';
import { type Mapping, type Node, pathTo, type Scalar, textOf } from './node.js';
import { isObject, Walker, type WalkOptions } from './walker.js';

/** What a document can be. */
export const KINDS = [
  'kubernetes',
  'chart',
  'values',
  'template',
  'kustomization',
  'compose',
  'dockerfile',
  'environment',
  'list',
  'skopeo',
  'regsync',
  'hauler',
  'zarf',
  'oc-mirror',
  'images-lock',
  'kbld',
  'lock',
  'ci',
  'gitlab',
  'other',
] as const;
export type Kind = (typeof KINDS)[number];

export interface FindInTreeOptions {
  file: string;
  as?: Kind | undefined;
  isTemplate: boolean;
  /** How a compose file is read that another one leads to. */
  compose?: ComposeReading | undefined;
  /** Parses a value that is a document by itself. */
  nested: (value: Scalar, path: string, outer: Finder) => { roots: Node[]; finder: Finder }[] | undefined;
  /** Looks into another compose file. */
  other: (bytes: Buffer, file: string, reading: ComposeReading) => Promise<unknown>;
}

/** Finds images in a document, by what it is. */
export async function findInTree(finder: Finder, root: Node, options: FindInTreeOptions): Promise<void> {
  const kind = options.as ?? kindOf(root, options.file);
  const nested = nestedFor(finder, options);
  // An action of a template may leave out what stands in it.
  const grades: Pick<WalkOptions, 'containers'> = { containers: options.isTemplate ? 'likely' : 'certain' };
  if (root.type !== 'mapping')
    return walkOther(finder, root, nested, kind === 'values' ? { containers: 'likely' } : grades);
  switch (kind) {
    case 'kubernetes':
      return findInKubernetes(finder, root, nested, grades.containers);
    case 'compose':
      return findInComposeFile(finder, root, nested, options);
    case 'skopeo':
      return findInSkopeoSync(finder, root);
    case 'regsync':
      return findInRegsync(finder, root);
    case 'hauler':
      return findInHauler(finder, root);
    case 'zarf':
      return findInZarf(finder, root);
    case 'oc-mirror':
      return findInImageSet(finder, root);
    case 'images-lock':
      return findInImagesLock(finder, root);
    case 'lock':
      return findInLock(finder, root);
    case 'kbld':
      findInKbld(finder, root);
      return;
    case 'chart':
      findInChart(finder, root, (value) => {
        const [document] = options.nested(value, '', finder) ?? [];
        const [first] = document?.roots ?? [];
        return document === undefined || first === undefined
          ? undefined
          : { root: first, finder: document.finder };
      });
      return;
    case 'kustomization':
      findInKustomization(finder, root);
      return walkOther(finder, root, nested, { containers: 'likely' });
    case 'ci':
      findInWorkflow(finder, root);
      return walkOther(finder, root, nested, { containers: 'likely' });
    case 'gitlab':
      findInGitLab(finder, root);
      return walkOther(finder, root, nested, { containers: 'likely' });
    case 'values':
      return walkOther(finder, root, nested, { containers: 'likely' });
    default:
      return walkOther(finder, root, nested, grades);
  }
}

/** Returns what a document is: by its content, and where that says too little, by the name of its file. */
export function kindOf(root: Node, file: string): Kind {
  const name = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
  if (root.type !== 'mapping') return /^values.*\.ya?ml$/.test(name) ? 'values' : 'other';
  const apiVersion = textOf(root, 'apiVersion') ?? '';
  const kind = textOf(root, 'kind') ?? '';
  const group = apiVersion.split('/', 1)[0] ?? '';
  if (textOf(root, 'mediaType') === LOCK_MEDIA_TYPE) return 'lock';
  if (group === 'content.hauler.cattle.io') return 'hauler';
  if (group === 'zarf.dev' || /^Zarf(?:Package|Init)Config$/.test(kind)) return 'zarf';
  if (kind === 'ImageSetConfiguration') return 'oc-mirror';
  if (kind === 'ImagesLock') return 'images-lock';
  if (group === 'kbld.k14s.io' || group === 'kbld.carvel.dev') return 'kbld';
  if (group === 'kustomize.config.k8s.io' || /^kustomization(?:\.ya?ml)?$/i.test(name))
    return 'kustomization';
  if (apiVersion !== '' && kind !== '') return 'kubernetes';
  if (isChart(root)) return 'chart';
  if (isRegsync(root)) return 'regsync';
  if (isSkopeoSync(root)) return 'skopeo';
  if (isWorkflow(root)) return 'ci';
  if (/^\.gitlab-ci.*\.ya?ml$/.test(name)) return 'gitlab';
  if (isCompose(root)) return 'compose';
  if (isGitLab(root)) return 'gitlab';
  if (name.includes('values') && /\.ya?ml$/i.test(name)) return 'values';
  return 'other';
}

type Nested = (value: Scalar, path: string) => boolean;

/** Looks for images in values that are documents by themselves. */
function nestedFor(outer: Finder, options: FindInTreeOptions): Nested {
  return (value, path) => {
    const documents = options.nested(value, path, outer);
    if (documents === undefined) return false;
    outer.done(value);
    for (const { roots, finder } of documents) {
      const below = nestedFor(finder, options);
      for (const root of roots) {
        if (isObject(root)) findInKubernetes(finder, root, below);
        else walkOther(finder, root, below, { containers: 'likely' });
      }
    }
    return true;
  };
}

/** Looks for images in a document of no known kind. */
function walkOther(
  finder: Finder,
  root: Node,
  nested: Nested,
  { containers }: Pick<WalkOptions, 'containers'>,
): void {
  if (
    root.type === 'sequence' &&
    root.items.every((item) => item.type === 'scalar' && isPlausible(bareName(item.text)))
  ) {
    for (const [place, item] of root.items.entries())
      if (item.type === 'scalar') finder.certain(item, pathTo('', place), 'likely');
    return;
  }
  const walker = new Walker(finder, {
    containers,
    nested,
    object: (node) => {
      findInKubernetes(finder, node, nested);
      return 'skip';
    },
  });
  walker.walk(root, { key: '', path: '', depth: 1 });
}

async function findInComposeFile(
  finder: Finder,
  root: Mapping,
  nested: Nested,
  options: FindInTreeOptions,
): Promise<void> {
  const reading = options.compose ?? (await firstReading(finder, textOf(root, 'name')));
  const { environment, service } = reading;
  const context: ComposeContext = {
    environment,
    files: new ComposeFiles(finder, reading, options.other),
    dockerfile: (value, path) => findInInlineDockerfile(finder, value, path),
  };
  let read = root;
  if (service === undefined) await findInCompose(finder, root, context);
  else read = await findInExtended(finder, root, context, service);
  // Variables, labels and extensions may name images, too.
  finder.withVariables(environment, () => walkOther(finder, read, nested, { containers: 'likely' }));
}
