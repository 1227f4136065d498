import type { CommandDescription } from '../cli/describe-command.js';

export interface Reference {
  version: string;
  description: string;
  commands: CommandDescription[];
  topics: { topic: string; text: string }[];
}

export function readReference(): Promise<Reference>;
