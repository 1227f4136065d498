import { readVersion } from '../program.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';

export const versionCommand: CommandModule = {
  options: {},
  positionals: {},
  examples: [{ line: 'lading version', summary: 'the same as lading --version' }],
  async run(_argv, { output }) {
    const version = readVersion();
    output.result({ version }, () => `${version}\n`);
    return EXIT.done;
  },
};
