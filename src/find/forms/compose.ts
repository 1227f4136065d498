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

export interface ComposeContext {
  /** Variables of the `.env` beside the file. */
  environment: ReadonlyMap<string, string>;
  /** Looks into another file, as a compose file with the same variables. Only for some services, if they are named. */
  include: (path: string, more: IncludeOptions) => Promise<boolean>;
  /** Looks into a Dockerfile that is written within this one. */
  dockerfile: (value: Scalar, path: string) => void;
}

export interface IncludeOptions {
  /** Files of variables that it is read with. */
  environments?: readonly string[];
  /** Only these services. */
  services?: readonly string[];
}

/** Only these services, and no included files. */
export interface ComposeSelection {
  services?: readonly string[] | undefined;
}

/** Finds the images of a compose file, of all profiles. (compose-spec, "Services", "Interpolation", "Include") */
export async function findInCompose(
  finder: Finder,
  root: Mapping,
  context: ComposeContext,
  { services }: ComposeSelection = {},
): Promise<void> {
  for (const { key, value } of entriesOf(memberOf(root, 'services'))) {
    if (services !== undefined && !services.includes(key)) continue;
    await findInService(finder, value, { path: pathTo('services', key), root, context });
  }
  if (services !== undefined) return;
  const include = memberOf(root, 'include');
  for (const each of include?.type === 'sequence' ? include.items : []) {
    const paths = each.type === 'scalar' ? [each] : pathsOf(memberOf(each, 'path'));
    const environments = pathsOf(memberOf(each, 'env_file')).map(({ text }) => text);
    for (const path of paths) await follow(finder, path, 'include', context, { environments });
  }
}

const TOP_LEVEL: ReadonlySet<string> = new Set([
  ...['version', 'name', 'include', 'services', 'networks', 'volumes', 'configs', 'secrets', 'models'],
]);

/** True for a document that has services as compose files have them. */
export function isCompose(root: Mapping): boolean {
  const isOurs = root.entries.every(({ key }) => TOP_LEVEL.has(key) || key.startsWith('x-'));
  if (!isOurs) return false;
  const services = memberOf(root, 'services');
  if (services?.type === 'mapping') return services.entries.some(({ value }) => value.type === 'mapping');
  return memberOf(root, 'include')?.type === 'sequence';
}

interface ServicePlace {
  path: string;
  root: Mapping;
  context: ComposeContext;
}

async function findInService(
  finder: Finder,
  service: Node,
  { path, root, context }: ServicePlace,
): Promise<void> {
  finder.visit(service);
  const image = scalarOf(service, 'image');
  const platform = textOf(service, 'platform');
  if (image !== undefined) {
    const name = interpolated(image.text, context.environment);
    finder.done(image);
    if (isUnresolved(name))
      finder.unresolved(image.text, image.at, pathTo(path, 'image'), 'a variable has no value');
    else finder.named(name, image, pathTo(path, 'image'), 'certain', { platform });
  } else await findExtended(finder, service, { path, root, context });
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

function nameIn(finder: Finder, value: Scalar, path: string, { environment }: ComposeContext): void {
  finder.named(interpolated(value.text, environment), value, path, 'certain');
}

/** A service without an image of its own may have that of another one. */
async function findExtended(finder: Finder, service: Node, { path, context }: ServicePlace): Promise<void> {
  const extended = memberOf(service, 'extends');
  const file = scalarOf(extended, 'file');
  const name = textOf(extended, 'service');
  // Without a file it is a service of this one, which is found by itself.
  if (file !== undefined && name !== undefined)
    await follow(finder, file, pathTo(path, 'extends'), context, { services: [name] });
}

async function follow(
  finder: Finder,
  { text, at }: Scalar,
  path: string,
  { environment, include }: ComposeContext,
  more: IncludeOptions,
): Promise<void> {
  const file = interpolated(text, environment);
  if (isUnresolved(file) || /^[a-z]+:\/\//i.test(file) || !(await include(file, more)))
    finder.unresolved(text, at, path, 'the file is not there');
}

function pathsOf(node: Node | undefined): Scalar[] {
  if (node?.type === 'scalar') return [node];
  return itemsOf(node).filter((item) => item.type === 'scalar');
}
