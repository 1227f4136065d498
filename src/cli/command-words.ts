import { LadingError, printable } from '../index.js';
import type { CommandOptions } from './options.js';

/** Values of flags as yargs has parsed them. */
type Values = Readonly<Record<string, unknown>>;

/** Returns the words that give a command these flags again; those with their default, or without a value, are left out. */
export function wordsOfFlags(options: CommandOptions, flags: Values): string[] {
  return Object.entries(options).flatMap(([name, option]) => {
    const value = flags[name];
    if (value === undefined || value === option.default) return [];
    if (typeof value === 'boolean') return [value ? `--${name}` : `--${name}=false`];
    return [value].flat().flatMap((one) => wordsOf(name, String(one)));
  });
}

function wordsOf(name: string, value: string): string[] {
  requirePrintable(`--${name}`, value);
  return value.startsWith('-') ? [`--${name}=${value}`] : [`--${name}`, value];
}

/** Throws `USAGE` for a value with control characters: a comment or a line of a script would end in its middle. */
export function requirePrintable(what: string, value: string): void {
  if (/\p{Cc}/u.test(value))
    throw new LadingError('USAGE', `${what} has a control character: ${printable(value)}`);
}

/** Quotes words for a POSIX shell. (POSIX.1-2024, Shell Command Language, 2.2.2) */
export function shellWords(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * Quotes words for a template of GNU parallel, which is a line for a shell. An empty pair of quotes is put behind each
 * brace: `{…}` in a word would be replaced otherwise, also between quotes. (parallel(1), "{}", "{.}", "{= =}")
 */
export function templateWords(words: readonly string[]): string {
  return words.map((word) => shellWord(word).replaceAll('{', "{''")).join(' ');
}
