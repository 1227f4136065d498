import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';
import { leaveOut } from '../support/needs.js';
import { goEnvironment, hasGo } from '../support/programs/go.js';
import { type RunOptions, run, succeed } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';

/** The parts of the suite, as its report calls them. */
export const WORKFLOWS = ['Pull', 'Push', 'Content Discovery', 'Content Management'] as const;

export type Workflow = (typeof WORKFLOWS)[number];

export interface Case {
  workflow: Workflow;
  title: string;
  state: 'passed' | 'skipped' | 'failed';
  /** Of a failure: what was expected, and what came. */
  message: string;
}

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
  await succeed('go', ['test', '-c', '-o', program, PACKAGE], options);
  return program;
}

/** Runs the suite with its settings (see its README) and returns what became of every case. */
export async function runSuite(program: string, settings: Record<string, string>): Promise<Case[]> {
  const folder = await temporaryFolder('report');
  const flags = ['--ginkgo.json-report=report.json', '--ginkgo.no-color'];
  const { stdout, stderr } = await run(program, flags, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, OCI_REPORT_DIR: 'none', ...settings },
  });
  const report = await readFile(join(folder, 'report.json'), 'utf8').catch((cause: unknown) => {
    throw new Error(`the suite wrote no report:\n${stdout}${stderr}`, { cause });
  });
  return readReport(report);
}

interface Report {
  SpecReports: {
    LeafNodeType: string;
    LeafNodeText: string;
    ContainerHierarchyTexts: string[] | null;
    State: string;
    Failure?: { Message: string };
  }[];
}

/** Everything that was not skipped and did not pass has failed: ginkgo has words for panics and timeouts too. */
function readReport(text: string): Case[] {
  const reports = JSON.parse(text) as Report[]; // ginkgo v2, types.Report
  return reports
    .flatMap(({ SpecReports }) => SpecReports)
    .filter(({ LeafNodeType }) => LeafNodeType === 'It')
    .map(({ ContainerHierarchyTexts, LeafNodeText, State, Failure }) => {
      const [, workflow, ...places] = ContainerHierarchyTexts ?? [];
      return {
        workflow: requireWorkflow(workflow),
        title: [...places, LeafNodeText].join(': '),
        state: State === 'passed' || State === 'skipped' ? State : 'failed',
        message: Failure?.Message ?? State,
      };
    });
}

function requireWorkflow(name: string | undefined): Workflow {
  const workflow = WORKFLOWS.find((known) => known === name);
  if (workflow === undefined) throw new Error(`the suite has a workflow that is not known here: ${name}`);
  return workflow;
}
