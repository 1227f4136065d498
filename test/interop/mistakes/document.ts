import type { Answer, Answers } from './answers.js';
import { MISTAKES, PROGRAMS, type ProgramName } from './mistakes.js';

/** Returns `docs/mistakes.md`. */
export function documentOf({ versions, answers }: Answers): string {
  const sections = MISTAKES.map(({ title, situation, commands }, place) => {
    const blocks = PROGRAMS.map((name) => blockOf(name, commands[name], answers[place]?.[name]));
    return [`## ${title}`, situation, ...blocks].join('\n\n');
  });
  return `${[HEAD, PROGRAMS.map((name) => versionLine(name, versions)).join('\n'), ...sections].join('\n\n')}\n`;
}

/** Returns what the document says about a program's answer to a mistake; its time is `TIME`. */
export function blockIn(document: string, mistake: number, program: ProgramName): string {
  const section = document.split(/^(?=## )/m)[mistake + 1] ?? '';
  const block = section.split(/^(?=\*\*)/m)[PROGRAMS.indexOf(program) + 1] ?? '';
  return block.trimEnd().replace(/\d+\.\d+ s$/m, 'TIME');
}

/** True if the document was made with this version of the program. */
export function hasVersion(document: string, program: ProgramName, versions: Answers['versions']): boolean {
  return document.split('\n').includes(versionLine(program, versions));
}

function versionLine(name: ProgramName, versions: Answers['versions']): string {
  return `- ${name} ${versions[name]}`;
}

function blockOf(name: ProgramName, command: string, answer: Answer | undefined): string {
  if (answer === undefined) throw new Error(`${name} was not run: ${command}`);
  const { output, code, seconds } = answer;
  return `**${name}**: exit ${code}, ${seconds.toFixed(2)} s\n\n\`\`\`\n$ ${command}\n${output}\n\`\`\``;
}

const HEAD = `# Six mistakes, and what each program prints

Each section has one mistake, and what docker, skopeo, crane, oras and lading print for it on standard output and standard error.
The programs ran on one machine with two cores, which had other work to do, without a terminal, against docker-registry 2.8. The time is
the shortest of three runs and includes the start of the program, which takes lading longer than the others: Node.js starts before it.
Digests and times in the outputs are replaced by words.

\`npm run docs:mistakes\` makes the mistakes again and writes this file, and \`npm run test:interop\` compares it with what is printed.`;
