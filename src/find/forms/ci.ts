import type { Finder } from '../finder.js';
import { bareName } from '../image-text.js';
import { entriesOf, itemsOf, type Mapping, memberOf, type Node, pathTo, scalarOf, textOf } from '../node.js';

/** True for a workflow of GitHub or Gitea: jobs with steps, or what they run on; and for an action. */
export function isWorkflow(root: Mapping): boolean {
  const jobs = memberOf(root, 'jobs');
  if (jobs?.type === 'mapping')
    return jobs.entries.some(({ value }) =>
      ['runs-on', 'steps', 'uses'].some((key) => memberOf(value, key) !== undefined),
    );
  return ['docker', 'composite'].includes(textOf(memberOf(root, 'runs'), 'using') ?? '');
}

/** Finds the containers, services and `docker://` actions of a workflow. (GitHub, "Workflow syntax") */
export function findInWorkflow(finder: Finder, root: Mapping): void {
  for (const { key, value: job } of entriesOf(memberOf(root, 'jobs'))) {
    const path = pathTo('jobs', key);
    container(finder, memberOf(job, 'container'), pathTo(path, 'container'));
    for (const { key: name, value } of entriesOf(memberOf(job, 'services')))
      container(finder, value, pathTo(pathTo(path, 'services'), name));
    steps(finder, job, path);
  }
  const runs = memberOf(root, 'runs');
  const image = scalarOf(runs, 'image');
  if (image?.text.startsWith('docker://')) finder.certain(image, 'runs.image');
  else if (image !== undefined) finder.done(image);
  if (runs !== undefined) steps(finder, runs, 'runs');
}

function container(finder: Finder, node: Node | undefined, path: string): void {
  const image = node?.type === 'scalar' ? node : scalarOf(node, 'image');
  if (image !== undefined && image.text !== '')
    finder.certain(image, node === image ? path : pathTo(path, 'image'));
}

function steps(finder: Finder, job: Node, path: string): void {
  for (const [place, step] of itemsOf(memberOf(job, 'steps')).entries()) {
    const uses = scalarOf(step, 'uses');
    // The names that an action gives to what it builds.
    for (const output of ['images', 'tags']) {
      const given = memberOf(memberOf(step, 'with'), output);
      if (given !== undefined) finder.done(given);
    }
    if (uses?.text.startsWith('docker://'))
      finder.certain(uses, pathTo(pathTo(pathTo(path, 'steps'), place), 'uses'));
  }
}

/** True for a pipeline of GitLab: jobs with scripts. */
export function isGitLab(root: Mapping): boolean {
  if (textOf(root, 'apiVersion') !== undefined) return false;
  const isJob = ({ key, value }: { key: string; value: Node }): boolean =>
    !key.startsWith('x-') &&
    value.type === 'mapping' &&
    (memberOf(value, 'script') !== undefined || memberOf(value, 'trigger') !== undefined);
  return (
    root.entries.some(isJob) &&
    (root.entries.some(({ key }) =>
      ['stages', 'image', 'default', 'variables', 'include', 'workflow', 'before_script'].includes(key),
    ) ||
      root.entries
        .filter(isJob)
        .some(
          ({ value }) => memberOf(value, 'stage') !== undefined || memberOf(value, 'image') !== undefined,
        ))
  );
}

/** Finds `image` and `services` of the jobs of GitLab; variables of the pipeline are filled in. (GitLab, "CI/CD YAML syntax") */
export function findInGitLab(finder: Finder, root: Mapping): void {
  const globals = variablesOf(memberOf(root, 'variables'));
  const look = (job: Node, path: string): void => {
    const variables = new Map([...globals, ...variablesOf(memberOf(job, 'variables'))]);
    for (const node of [memberOf(job, 'image'), ...itemsOf(memberOf(job, 'services'))]) {
      const image = node?.type === 'scalar' ? node : scalarOf(node, 'name');
      if (image === undefined || image.text === '' || finder.isDone(image)) continue;
      finder.done(image);
      const filled = image.text.replace(
        /\$\{?([A-Za-z_]\w*)\}?/g,
        (whole, name) => variables.get(name) ?? whole,
      );
      if (/\$/.test(filled)) finder.unresolved(image.text, image.at, path, 'a variable has no value');
      else finder.named(bareName(filled), image, path, 'certain');
    }
  };
  look(root, '');
  for (const { key, value } of root.entries) if (value.type === 'mapping') look(value, key);
}

function variablesOf(node: Node | undefined): Map<string, string> {
  const found = new Map<string, string>();
  for (const { key, value } of entriesOf(node)) {
    const text = value.type === 'scalar' ? value.text : textOf(value, 'value');
    if (text !== undefined) found.set(key, text);
  }
  return found;
}
