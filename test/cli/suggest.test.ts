import assert from 'node:assert/strict';
import { COMMANDS, findCommand } from '../../src/cli/commands.js';
import {
  FOREIGN_COMMANDS,
  FOREIGN_FLAGS,
  sentenceForCommand,
  sentenceForFlag,
} from '../../src/cli/foreign-words.js';
import { type CommandOptions, GLOBAL_OPTIONS } from '../../src/cli/options.js';
import { closest } from '../../src/cli/suggest.js';
import { runInProcess } from './in-process.js';

describe('what is said of words that lading does not know', () => {
  const commands = new Map<string, CommandOptions>();
  before(async () => {
    for (const { name, load } of COMMANDS)
      commands.set(name, { ...(await load()).options, ...GLOBAL_OPTIONS });
  });
  const optionsOf = (command: string): CommandOptions => commands.get(command) ?? assert.fail(command);

  it('finds the closest name, and none that is far away', () => {
    const names = ['platform', 'plain-http', 'password-stdin', 'output'];
    for (const [word, meant] of [
      ['plattform', 'platform'],
      ['platfrom', 'platform'],
      ['PLATFORM', 'platform'],
      ['outptu', 'output'],
      ['pass', 'password-stdin'],
      ['pla', undefined],
      ['mirror', undefined],
      ['', undefined],
    ] as const)
      assert.equal(closest(word, names), meant, word);
  });

  it('names commands that exist, for words of other tools that are no commands', () => {
    for (const word of FOREIGN_COMMANDS) {
      assert.equal(findCommand(word), undefined, word);
      const [, command] = /^lading (\w+)\b/.exec(sentenceForCommand(word) ?? '') ?? [];
      assert.ok(command === 'builds' || findCommand(command ?? ''), word);
    }
  });

  it('names flags that the command has, or that of another command', () => {
    for (const [command, options] of commands)
      for (const word of FOREIGN_FLAGS) {
        const sentence = sentenceForFlag(word, options) ?? '';
        let owner = options;
        for (const [, other, flag] of sentence.matchAll(/lading (\w+)|(?<![\w-])--?([a-z][a-z0-9-]*)/g)) {
          if (other !== undefined) owner = commands.get(other) ?? owner;
          else if (flag !== undefined)
            assert.ok(isFlag(flag, owner), `${command} says of ${word}: ${sentence}`);
        }
      }
  });

  const SAID: [command: string, flag: string, RegExp][] = [
    ['copy', 'insecure', /--tls-verify=false/],
    ['copy', 'src-tls-verify', /--tls-verify=false/],
    ['copy', 'all', /--platform names some/],
    ['find', 'all', /without a flag/],
    ['save', 'all', /--platform/],
    ['save', 'override-arch', /--platform OS\/ARCH/],
    ['load', 'override-arch', /--platform OS\/ARCH/],
    ['find', 'override-arch', /lading save, load, copy and convert .*--platform/],
    ['inspect', 'p', /--platform/],
    ['copy', 'dest-authfile', /--authfile/],
    ['load', 'f', /lading convert --to/],
    ['save', 'retry-times', /--retries/],
    ['verify', 'jobs', /--concurrency/],
    ['ls', 'debug', /--verbose/],
  ];
  for (const [command, flag, sentence] of SAID)
    it(`says in ${command} what --${flag} is`, () =>
      assert.match(sentenceForFlag(flag, optionsOf(command)) ?? '', sentence));

  it('is a hint of the program', async () => {
    const mistakes: [string[], message: string, hint: string][] = [
      [['images'], 'there is no command "images"', 'lading ls SOURCE lists images, tags or repositories.'],
      [
        ['cp', 'a', 'b'],
        'there is no command "cp"',
        'lading copy SRC DST copies between registries, archives and layouts.',
      ],
      [['sav'], 'there is no command "sav"', 'Did you mean lading save?'],
      [['frobnicate'], 'there is no command "frobnicate"', 'lading --help shows what there is.'],
      [
        ['ls', 'a', '--append'],
        'unknown flag --append',
        'lading save, lading plan and lading convert have --append.',
      ],
      [['ls', 'a', '--frobnicate'], 'unknown flag --frobnicate', 'lading ls --help shows what there is.'],
      [
        ['save', 'a', '--all-platforms'],
        'unknown flag --all-platforms',
        'lading save --help shows what there is.',
      ],
      [
        ['copy', 'a', 'b', '-o', 'x'],
        'unknown flag -o',
        'lading save, lading plan, lading lock, lading convert and lading job have -o.',
      ],
      [['-o', 'x.tar', 'sav'], 'there is no command "x.tar"', 'lading --help shows what there is.'],
      [['--jsn'], 'unknown flag --jsn', 'Did you mean --json?'],
      [['help', 'exit'], 'there is no help for "exit"', 'Did you mean lading help exit-codes?'],
    ];
    for (const [args, message, hint] of mistakes)
      assert.deepEqual(await runInProcess(args), {
        code: 2,
        stdout: '',
        stderr: `lading: ${message}\nhint: ${hint}\n`,
      });
  });
});

function isFlag(flag: string, options: CommandOptions): boolean {
  if (flag.length === 1) return Object.values(options).some(({ alias }) => alias === flag);
  return Object.hasOwn(options, flag) || options[flag.replace(/^no-/, '')]?.type === 'boolean';
}
