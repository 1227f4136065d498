import type { Mutant } from './mutations.js';
import { OPERATIONS, type Operation, type Outcome } from './outcomes.js';
import type { Subject } from './subjects.js';

export type Outcomes = Readonly<Record<Operation, Outcome>>;

export interface Verdict {
  /** Every operation gave what it gives for the original. */
  isHarmless: boolean;
  caughtBy: Operation[];
  /** Another name, or other content, where the form has no digest that could tell. */
  isBeyondProof: boolean;
  /** What must not be, one line each. */
  problems: string[];
  /** Where operations see the same mutant differently, as a class to be counted. */
  disagreement: string | undefined;
}

/** Documents that say which images there are and what they are called; nothing holds a digest of them. */
const NAMING = /^(index\.json|manifest\.json|repositories|oci-layout)$/;

/** Compares what operations made of a mutant with what they make of the original. */
export function judge(subject: Subject, mutant: Mutant, original: Outcomes, outcomes: Outcomes): Verdict {
  const verdict: Verdict = {
    isHarmless: true,
    caughtBy: [],
    isBeyondProof: false,
    problems: [],
    disagreement: undefined,
  };
  const seen: Partial<Record<Operation, string>> = {};
  for (const operation of OPERATIONS) {
    const outcome = outcomes[operation];
    if (outcome.type !== 'done') verdict.isHarmless = false;
    switch (outcome.type) {
      case 'wrong':
        verdict.problems.push(`${operation}: ${outcome.message}`);
        break;
      case 'refused':
        verdict.caughtBy.push(operation);
        seen[operation] = 'refused';
        if (outcome.exitCode !== 3 && isAboutNames(outcome.message, subject, mutant))
          verdict.isBeyondProof = true;
        else if (outcome.exitCode !== 3)
          verdict.problems.push(`${operation}: exit ${outcome.exitCode}, not 3: ${outcome.message}`);
        break;
      case 'done': {
        const problem = compare(subject, mutant, imagesOf(original[operation]), outcome.images, operation);
        seen[operation] = 'done';
        if (problem === undefined) break;
        verdict.isHarmless = false;
        if (problem === BEYOND_PROOF) verdict.isBeyondProof = true;
        else verdict.problems.push(`${operation}: ${problem}`);
      }
    }
  }
  const [verified, ...others] = OPERATIONS.map((operation) => seen[operation]);
  // The other way round it may be: what no image needs is read by nobody else.
  if (verified === 'done' && others.includes('refused') && !verdict.isBeyondProof)
    verdict.problems.push(`verify finds nothing; ${firstRefusal(outcomes)}`);
  if (others.some((other) => other !== verified))
    verdict.disagreement = OPERATIONS.map((operation) => `${operation} ${seen[operation] ?? 'wrong'}`).join(
      ', ',
    );
  return verdict;
}

const BEYOND_PROOF = 'beyond proof';

/**
 * Undefined when the same images came out under the same names. Where a mutant touched what gives names, or what
 * no digest covers, names or contents may differ; but no image may be lost in silence, and none may come out that
 * was not there.
 */
function compare(
  subject: Subject,
  mutant: Mutant,
  expected: ReadonlyMap<string, string>,
  images: ReadonlyMap<string, string>,
  operation: Operation,
): string | undefined {
  const isSame =
    expected.size === images.size && [...expected].every(([name, digest]) => images.get(name) === digest);
  if (isSame) return undefined;
  const [digests, expectedDigests] = [new Set(images.values()), new Set(expected.values())];
  const [{ undigested }, { touched }] = [subject, mutant];
  const mayBeLost =
    mayLoseFolders(subject, mutant) || (operation === 'serve' && mayLoseNames(subject, mutant));
  if (digests.size < expectedDigests.size && mayBeLost) return BEYOND_PROOF;
  if (digests.size < expectedDigests.size) return `images are lost: ${[...images]} of ${[...expected]}`;
  if (undigested !== undefined && touched.some((path) => undigested.test(path))) return BEYOND_PROOF;
  const isNaming = touched.some((path) => NAMING.test(path));
  // What has no name is called by its digest: an index in the place of index.json lists its children so.
  const strange = [...images].find(
    ([name, digest]) => !expectedDigests.has(digest) && !(isNaming && name === digest),
  );
  if (strange !== undefined) return `${strange.join(' is ')}, which the original does not hold`;
  const moved = [...images].find(([name, digest]) => (expected.get(name) ?? digest) !== digest);
  if (moved !== undefined) return `${moved.join(' is ')}, which is another image`;
  return isNaming ? BEYOND_PROOF : `names differ: ${[...images]} for ${[...expected]}`;
}

/** The user is asked for a name, or told that what no digest covers is not to be converted: not that bytes are wrong. */
function isAboutNames(message: string, subject: Subject, mutant: Mutant): boolean {
  if (/has no name|matches several images|holds no image/.test(message)) return mayLoseNames(subject, mutant);
  const { undigested } = subject;
  return undigested !== undefined && mutant.touched.some((path) => undigested.test(path));
}

/** Without its name an image is there, but `serve` has no place for it, and `load` asks what to call it. */
function mayLoseNames(subject: Subject, mutant: Mutant): boolean {
  return mutant.touched.some((path) => NAMING.test(path)) || mayLoseFolders(subject, mutant);
}

/** Where each image is a folder of its own, no list says how many there were before the end of the file was lost. */
function mayLoseFolders({ undigested }: Subject, { what }: Mutant): boolean {
  return undigested !== undefined && what.startsWith('truncate');
}

function imagesOf(outcome: Outcome): ReadonlyMap<string, string> {
  return outcome.type === 'done' ? outcome.images : new Map();
}

/** What the first of those that refuse says. */
export function firstRefusal(outcomes: Outcomes): string {
  for (const operation of OPERATIONS) {
    const outcome = outcomes[operation];
    if ('message' in outcome) return `${operation}: ${outcome.message}`;
  }
  return 'nobody refuses';
}
