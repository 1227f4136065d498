/** What the program says about itself, as data: man pages and completions are made from it, as `--help` is. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);
const PROGRAM = fileURLToPath(new URL('dist/cli/main.js', ROOT));
const TOPICS = ['formats', 'credentials', 'exit-codes'];

/** Returns the version, the commands with all that their help says, and the topics of the help. */
export async function readReference() {
  const { version, description } = JSON.parse(await readFile(new URL('package.json', ROOT), 'utf8'));
  const commands = ask().commands.map(({ name }) => ask(name));
  const topics = TOPICS.map((name) => ask(name));
  return { version, description, commands, topics };
}

function ask(...about) {
  // A clean environment: no settings of this user are in what is said.
  const env = { PATH: process.env.PATH, HOME: '/nonexistent', COLUMNS: '80' };
  return JSON.parse(
    execFileSync(process.execPath, [PROGRAM, 'help', ...about, '--json'], { encoding: 'utf8', env }),
  );
}
