import { LadingError } from '../index.js';
import type { CommandOption, CommandOptions } from './options.js';
import { closest, listWords, lowerFirst } from './suggest.js';

/** The arguments and flags of a command line, checked as far as that is possible without the other arguments. */
export interface Line {
  /** Arguments for yargs: every flag with its full name, and its value behind `=`. */
  args: string[];
  /** The names of the flags that were given. */
  given: Set<string>;
  /** Flags that the command does not have, with their dashes. */
  unknown: string[];
}

/**
 * Reads what follows a command's name. Short flags may be combined and followed by their value (`-qoFILE`), which yargs
 * does not know. Throws `USAGE` for a missing or invalid value, and for a flag that is given too often.
 */
export function readLine(args: readonly string[], options: CommandOptions): Line {
  const line: Line = { args: [], given: new Set(), unknown: [] };
  const rest = [...args];
  const set = (flag: Flag, value: string): void => {
    const { name, option } = flag;
    if (line.given.has(name) && option.array !== true)
      throw new LadingError('USAGE', `--${name} was given more than once`);
    const problem = problemOf(option, value);
    if (problem !== undefined) throw wrongValue(`--${name}`, problem);
    line.given.add(name);
    line.args.push(`--${name}=${value}`);
  };
  const take = (flag: Flag, inline: string | undefined): void => {
    const { name, option } = flag;
    if (option.type === 'boolean') {
      const next = inline ?? (/^(true|false)$/.test(rest[0] ?? '') ? rest.shift() : 'true');
      set(flag, flag.isNegated ? 'false' : (next ?? 'true'));
      return;
    }
    if (option.bareValue !== undefined) {
      set(flag, inline || option.bareValue);
      return;
    }
    const value = inline ?? (isValue(rest[0]) ? rest.shift() : undefined);
    if (value === undefined || value === '')
      throw new LadingError('USAGE', `--${name} needs a value${explain(option)}`);
    set(flag, value);
    refuseAnother(name, value, rest[0]);
  };
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const [, long, inline] = /^--([^=]+)(?:=(.*))?$/s.exec(argument) ?? [];
    if (long !== undefined) {
      const flag = findFlag(long, options);
      if (flag === undefined) line.unknown.push(`--${long}`);
      else if (flag.isNegated && inline !== undefined)
        throw new LadingError('USAGE', `--${long} takes no value`);
      else take(flag, inline);
    } else if (/^-./s.test(argument)) {
      const short = splitShort(argument, options);
      if (short === undefined) line.unknown.push(argument.replace(/=.*/s, ''));
      else for (const { flag, value } of short) take(flag, value);
    } else line.args.push(argument);
  }
  return line;
}

interface Flag {
  name: string;
  option: CommandOption;
  /** Whether it was given as `--no-NAME`. */
  isNegated: boolean;
}

function findFlag(word: string, options: CommandOptions): Flag | undefined {
  const own = Object.entries(options).find(([name, { alias }]) => name === word || alias === word);
  if (own !== undefined) return { name: own[0], option: own[1], isNegated: false };
  const name = word.startsWith('no-') ? word.slice(3) : '';
  const option = Object.hasOwn(options, name) ? options[name] : undefined;
  return option?.type === 'boolean' ? { name, option, isNegated: true } : undefined;
}

/** Splits `-qoFILE` into its flags; undefined if a letter is no flag. */
function splitShort(
  argument: string,
  options: CommandOptions,
): { flag: Flag; value: string | undefined }[] | undefined {
  const flags: { flag: Flag; value: string | undefined }[] = [];
  for (let place = 1; place < argument.length; place++) {
    const letter = argument.charAt(place);
    const flag = Object.entries(options).find(([, { alias }]) => alias === letter);
    if (flag === undefined) return undefined;
    const [name, option] = flag;
    const rest = argument.slice(place + 1);
    const takesRest = rest !== '' && (option.type !== 'boolean' || rest.startsWith('='));
    flags.push({
      flag: { name, option, isNegated: false },
      value: takesRest ? rest.replace(/^=/, '') : undefined,
    });
    if (takesRest) break;
  }
  return flags;
}

/** Whether an argument is a value rather than a flag. `-` is standard input or output. */
function isValue(argument: string | undefined): argument is string {
  return argument !== undefined && (!argument.startsWith('-') || /^-(\d.*)?$/.test(argument));
}

/** Returns what is wrong with a value of a flag, after the name of the flag: `takes a whole number, not "x"`. */
export function problemOf(option: CommandOption, value: string): string | undefined {
  const choices = option.choices?.map(String);
  if (choices !== undefined && !choices.includes(value)) {
    return `takes ${listWords(choices, 'or')}, not "${value}"`;
  }
  if (option.type === 'number' && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value))
    return `takes a whole number, not "${value}"`;
  if (option.type === 'boolean' && value !== 'true' && value !== 'false')
    return `takes true or false, not "${value}"`;
  return undefined;
}

function wrongValue(flag: string, problem: string): LadingError {
  const [, choices = '', value = ''] = /^takes (.*), not "(.*)"$/s.exec(problem) ?? [];
  const meant = closest(value, choices.split(/, | or /));
  return new LadingError(
    'USAGE',
    `${flag} ${problem}`,
    meant === undefined ? {} : { hint: `Did you mean ${meant}?` },
  );
}

function explain({ describe, choices }: CommandOption): string {
  if (choices !== undefined) return `: ${listWords(choices.map(String), 'or')}`;
  return describe === undefined ? '' : `: ${lowerFirst(describe)}`;
}

/** Of flags that may be repeated, what a second value looks like: without the flag, it would be taken for an image. */
const LIKE_ANOTHER: Record<string, RegExp> = {
  platform:
    /^(linux|windows|darwin|macos|freebsd)\/(amd64|x86_64|arm64|aarch64|arm|armhf|386|i386|ppc64le|s390x|riscv64|mips64le|loong64)\b/i,
  mirror: /^[^/=]+=[^=]+$/,
  creds: /^[^/=]+=[^:]+/,
};

function refuseAnother(flag: string, value: string, next: string | undefined): void {
  // A flag is no value, also if it looks like one: --tls-verify=false.
  if (next === undefined || next.startsWith('-') || LIKE_ANOTHER[flag]?.test(next) !== true) return;
  const together =
    flag === 'platform' ? `--platform ${value},${next}` : `--${flag} ${value} --${flag} ${next}`;
  throw new LadingError(
    'USAGE',
    `--${flag} takes one value, and "${next}" after it would be taken for an image`,
    {
      hint: flag === 'creds' ? 'Repeat --creds before each login.' : `Write ${together}.`,
    },
  );
}
