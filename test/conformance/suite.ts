import assert from 'node:assert/strict';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';
import { leaveOut } from '../support/needs.js';
import { goEnvironment, hasGo } from '../support/programs/go.js';
import { type RunOptions, run, succeed } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';

export interface Case {
  /** The path of a check or of a group of them, `sparse/push/manifest-by-tag`; several may have one name. */
  name: string;
  state: 'passed' | 'skipped' | 'failed';
  /** Of a failure: what was expected, and what came. */
  message: string;
}

/** Every option that is not on by itself, but for sparse images. */
export const EVERY_OPTION = {
  OCI_API_BLOBS_DIGEST_HEADER: 'true',
  OCI_API_BLOBS_UPLOAD_CANCEL: 'true',
  OCI_API_MANIFESTS_DIGEST_HEADER: 'true',
  OCI_API_MANIFESTS_TAG_PARAM: 'true',
};

const PACKAGE = 'github.com/opencontainers/distribution-spec/conformance';
const MODULE = fileURLToPath(new URL('suite', import.meta.url));

/**
 * Builds the suite and returns the program; skips, saying why, where there is no Go, or no way to what it
 * downloads. Both caches are Go's own: the second time nothing is fetched, and little is compiled.
 */
export async function buildSuite(context: Context): Promise<string> {
  if (!(await hasGo())) return leaveOut(context, 'Go');
  const options: RunOptions = { cwd: MODULE, env: goEnvironment({ GOFLAGS: '-mod=readonly' }) };

  const download = await run('go', ['mod', 'download'], options);
  if (download.code !== 0) return leaveOut(context, 'the module proxy of Go', download.stderr.trim());

  const program = join(await temporaryFolder('suite'), 'conformance');
  await succeed('go', ['build', '-o', program, PACKAGE], options);
  return program;
}

/** Runs the suite with its settings (see its README) and returns what became of every case. */
export async function runSuite(
  program: string,
  { port, ...settings }: { port: number } & Record<string, string | number>,
): Promise<Case[]> {
  const folder = await temporaryFolder('report');
  const given = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));
  const { stdout, stderr } = await run(program, [], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      OCI_REGISTRY: `127.0.0.1:${port}`,
      OCI_TLS: 'disabled',
      OCI_RESULTS_DIR: folder,
      ...given,
    },
  });
  const cases = readResults(stdout, stderr);
  if (cases.length === 0) throw new Error(`the suite has no results:\n${stdout}${stderr}`);
  return cases;
}

/**
 * From what it prints: it ends before it writes a report when it is not allowed to push. What neither passed nor was
 * left out has failed; why stands in its log.
 */
function readResults(stdout: string, stderr: string): Case[] {
  const log = stderr.split('\n');
  return [...stdout.matchAll(/^ *(OCI Conformance Test[^:\n]*): (\w+)$/gm)].map(
    ([, path = '', status = '']) => ({
      name: path.replace(/^OCI Conformance Test\/?/, ''),
      state: STATES[status] ?? 'failed',
      message: log.find((line) => line.includes(`name="${path}"`)) ?? status,
    }),
  );
}

const STATES: Record<string, Case['state']> = { Pass: 'passed', Skip: 'skipped', Disabled: 'skipped' };

/** At least so many passed, so that a run in which nothing happened is none. */
export function assertPassed(cases: Case[], expected: number): void {
  const [passed, skipped, failed] = (['passed', 'skipped', 'failed'] as const).map((state) =>
    cases.filter((one) => one.state === state),
  );
  console.log(`        ${passed?.length} passed, ${skipped?.length} skipped, ${failed?.length} failed`);
  assert.deepEqual(
    failed?.map(({ name, message }) => `${name}: ${message}`),
    [],
  );
  assert.ok((passed?.length ?? 0) >= expected, `only ${passed?.length} cases passed, not ${expected}`);
}
