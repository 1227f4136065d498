import type { Finder } from '../finder.js';
import { isUnresolved } from '../image-text.js';
import { interpolated } from '../interpolate.js';
import {
  entriesOf,
  itemsOf,
  type Mapping,
  memberOf,
  type Node,
  pathTo,
  type Scalar,
  scalarOf,
  textOf,
} from '../node.js';
import type { Variables } from '../variables.js';
import type { ComposeFiles, ExtendedService } from './compose-files.js';

export interface ComposeContext {
  environment: Variables;
  /** The files that this one leads to. */
  files: ComposeFiles;
  /** Looks into a Dockerfile that is written within this one. */
  dockerfile: (value: Scalar, path: string) => void;
}

/** Finds the images of a compose file, of all profiles. (compose-spec, "Services", "Interpolation", "Include") */
export async function findInCompose(finder: Finder, root: Mapping, context: ComposeContext): Promise<void> {
  for (const section of SECTIONS)
    for (const { key, value } of entriesOf(memberOf(root, section)))
      await findInService(finder, value, { path: pathTo(section, key), context, isWithoutImage: false });
  for (const each of itemsOf(memberOf(root, 'include'))) {
    const files = each.type === 'scalar' ? [each] : pathsOf(memberOf(each, 'path'));
    const environments = pathsOf(memberOf(each, 'env_file'));
    const folder = scalarOf(each, 'project_directory');
    await context.files.included(files, 'include', { environments, folder });
  }
}

/**
 * Finds the images of one service, and of those of the same file that it extends. Returns these services, as a compose
 * file has them.
 */
export async function findInExtended(
  finder: Finder,
  root: Mapping,
  context: ComposeContext,
  extended: ExtendedService,
): Promise<Mapping> {
  const services: Mapping = { type: 'mapping', entries: [], at: root.at };
  const all = entriesOf(memberOf(root, 'services'));
  let { isWithoutImage } = extended;
  for (let name: string | undefined = extended.name; name !== undefined; ) {
    const entry = all.findLast(({ key }) => key === name);
    if (entry === undefined || services.entries.includes(entry)) break;
    if (name === extended.name) extended.onFound();
    services.entries.push(entry);
    const { key, value } = entry;
    await findInService(finder, value, { path: pathTo('services', key), context, isWithoutImage });
    isWithoutImage ||= scalarOf(value, 'image') !== undefined;
    const { file, service } = extendsOf(value);
    name =
      file === undefined && service !== undefined ? interpolated(service, context.environment) : undefined;
    if (name !== undefined && !all.some(({ key: other }) => other === name))
      finder.unresolved(
        name,
        value.at,
        pathTo(pathTo('services', key), 'extends'),
        'there is no such service',
      );
  }
  const { at } = root;
  return { type: 'mapping', entries: [{ key: 'services', at, value: services }], at };
}

const SECTIONS = ['services', 'jobs'] as const;
const TOP_LEVEL: ReadonlySet<string> = new Set([
  ...[
    'version',
    'name',
    'include',
    'services',
    'jobs',
    'networks',
    'volumes',
    'configs',
    'secrets',
    'models',
  ],
]);

/** True for a document that has services as compose files have them. */
export function isCompose(root: Mapping): boolean {
  const isOurs = root.entries.every(({ key }) => TOP_LEVEL.has(key) || key.startsWith('x-'));
  if (!isOurs) return false;
  if (entriesOf(memberOf(root, 'services')).some(({ value }) => value.type === 'mapping')) return true;
  // Pipelines of GitLab have other members.
  const include = itemsOf(memberOf(root, 'include'));
  return include.some((each) => each.type === 'scalar' || memberOf(each, 'path') !== undefined);
}

interface ServicePlace {
  path: string;
  context: ComposeContext;
  /** A service that extends it has another image. */
  isWithoutImage: boolean;
}

async function findInService(
  finder: Finder,
  service: Node,
  { path, context, isWithoutImage }: ServicePlace,
): Promise<void> {
  finder.visit(service);
  const image = scalarOf(service, 'image');
  if (image !== undefined) {
    if (!isWithoutImage) nameIn(finder, image, pathTo(path, 'image'), context, textOf(service, 'platform'));
    finder.done(image);
  }
  await findExtended(finder, service, {
    path,
    context,
    isWithoutImage: isWithoutImage || image !== undefined,
  });
  for (const hook of itemsOf(memberOf(service, 'pre_start'))) {
    const runs = scalarOf(hook, 'image');
    if (runs !== undefined) nameIn(finder, runs, pathTo(path, 'pre_start'), context);
  }
  const build = memberOf(service, 'build');
  const contexts = memberOf(build, 'additional_contexts');
  for (const value of [...entriesOf(contexts).map((entry) => entry.value), ...itemsOf(contexts)]) {
    const [, name] = (value.type === 'scalar' && /^(?:[^=]*=)?docker-image:\/\/(.+)$/.exec(value.text)) || [];
    if (name === undefined) continue;
    finder.named(
      interpolated(name, context.environment),
      value,
      pathTo(path, 'build.additional_contexts'),
      'certain',
    );
  }
  const inline = scalarOf(build, 'dockerfile_inline');
  if (inline !== undefined) context.dockerfile(inline, pathTo(path, 'build.dockerfile_inline'));
  for (const volume of itemsOf(memberOf(service, 'volumes'))) {
    const source = textOf(volume, 'type') === 'image' ? scalarOf(volume, 'source') : undefined;
    if (source !== undefined) nameIn(finder, source, pathTo(path, 'volumes'), context);
  }
}

function nameIn(
  finder: Finder,
  value: Scalar,
  path: string,
  { environment }: ComposeContext,
  givenPlatform?: string,
): void {
  finder.done(value);
  const name = interpolated(value.text, environment);
  const platform = givenPlatform === undefined ? undefined : interpolated(givenPlatform, environment);
  if (isUnresolved(name)) finder.unresolved(value.text, value.at, path, 'a variable has no value');
  else finder.named(name, value, path, 'certain', { platform });
}

/** What a service extends in another file; the services of its own file are found by themselves. */
async function findExtended(
  finder: Finder,
  service: Node,
  { path, context, isWithoutImage }: ServicePlace,
): Promise<void> {
  const { file, service: given } = extendsOf(service);
  if (file === undefined || given === undefined) return;
  const at = pathTo(path, 'extends');
  const name = interpolated(given, context.environment);
  if (isUnresolved(name)) finder.unresolved(given, file.at, at, 'a variable has no value');
  else await context.files.extended(file, at, { name, isWithoutImage });
}

function extendsOf(service: Node): { file?: Scalar | undefined; service?: string | undefined } {
  const extended = memberOf(service, 'extends');
  if (extended?.type === 'scalar') return { service: extended.text };
  return { file: scalarOf(extended, 'file'), service: textOf(extended, 'service') };
}

function pathsOf(node: Node | undefined): Scalar[] {
  if (node?.type === 'scalar') return [node];
  return itemsOf(node).filter((item) => item.type === 'scalar');
}
