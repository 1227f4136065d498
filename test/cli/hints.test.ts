import assert from 'node:assert/strict';
import type { CommandModule } from '../../src/cli/command.js';
import { COMMANDS } from '../../src/cli/commands.js';
import { type Advised, hintOf, REMEDIES, sentenceFor, warningOf } from '../../src/cli/hints.js';
import { GLOBAL_OPTIONS } from '../../src/cli/options.js';
import type { Remedy } from '../../src/remedy.js';

type Options = CommandModule['options'];

describe('the sentence of a remedy', () => {
  const commands = new Map<string, Options>();
  before(async () => {
    for (const { name, load } of COMMANDS) commands.set(name, (await load()).options);
  });
  const flagsOf = (command: string): Options => commands.get(command) ?? assert.fail(command);
  const say = (command: string, advised: Advised): string | undefined =>
    sentenceFor(advised, flagsOf(command));

  it('names only flags of the command that prints it, or of the one that it names', () => {
    for (const command of commands.keys())
      for (const remedy of REMEDIES)
        for (const remedyFor of [undefined, 'registry.local:5000'])
          for (const [owner, flag] of namedIn(say(command, { remedy, remedyFor }) ?? '', command)) {
            const has = { ...GLOBAL_OPTIONS, ...flagsOf(owner) };
            assert.ok(isFlagOf(has, flag), `${command} says of ${remedy} that ${owner} has ${flag}`);
          }
  });

  it('is a sentence, and some command has one for every remedy', () => {
    for (const remedy of REMEDIES) {
      const said = [...commands.keys()].map((command) => say(command, { remedy }));
      const sentences = said.filter((sentence) => sentence !== undefined);
      assert.ok(sentences.length > 0, remedy);
      for (const sentence of sentences) assert.match(sentence, /^(?:[A-Z]|--|lading )[^\n]* [^\n]*\.$/);
    }
  });

  // What each hint named when the library still knew the flags.
  const NAMED: [command: string, remedy: Remedy, named: RegExp, remedyFor?: string][] = [
    ['save', 'append', /--append/],
    ['convert', 'append', /--append/],
    ['save', 'archiveCompression', /--compress-archive/],
    ['copy', 'archiveCompression', /lading save and lading convert/],
    ['save', 'authFile', /--authfile/],
    ['logout', 'authFile', /--authfile/],
    ['save', 'caFile', /--ca FILE.*--tls-verify=false/],
    ['login', 'caFile', /--ca FILE.*--tls-verify=false/],
    ['load', 'certFile', /--cert FILE and --key-file FILE/],
    ['save', 'certificates', /--ca, --cert and --key-file/],
    ['convert', 'compression', /^--compression gzip/],
    ['save', 'compression', /lading convert --compression gzip/],
    ['verify', 'concurrency', /--concurrency/],
    ['load', 'convert', /lading convert/],
    ['save', 'copy', /lading copy/],
    ['load', 'copyBoth', /lading copy ONE\.tar BOTH\.tar, and then lading copy OTHER\.tar BOTH\.tar/],
    ['save', 'copyToLayout', /lading copy a\.tar oci:DIRECTORY/, 'a.tar'],
    ['serve', 'copyToLayout', /lading copy ARCHIVE oci:DIRECTORY/],
    ['save', 'credentials', /--creds reg\.test=USER\[:PASSWORD\]/, 'reg.test'],
    ['save', 'format', /--format universal/, 'universal'],
    ['convert', 'format', /--format docker-archive/, 'docker-archive'],
    ['save', 'format', /--format names another/],
    ['save', 'includeForeign', /^--include-foreign/],
    ['load', 'includeForeign', /lading save --include-foreign/],
    ['load', 'index', /^--platform linux\/amd64 --index rewrite/, 'linux/amd64'],
    ['convert', 'index', /lading save --index rewrite/],
    ['load', 'keepGoing', /lading verify.*--keep-going/],
    ['load', 'keepHost', /--keep-host.*--map/],
    ['inspect', 'list', /lading ls reg\.test\/app/, 'reg.test/app'],
    ['save', 'login', /lading login reg\.test, or pass --creds or --authfile/, 'reg.test'],
    ['login', 'login', /lading login reg\.test\.$/, 'reg.test'],
    ['load', 'mapFile', /--map/],
    ['load', 'maxArchiveBytes', /--max-archive-bytes/],
    ['convert', 'maxLayerBytes', /--max-layer-bytes/],
    ['verify', 'maxRatio', /--max-ratio/],
    ['save', 'mirrors', /--mirror docker\.io=mirror\.local:5000\/dockerhub/],
    ['load', 'name', /--name/],
    ['convert', 'omitFileOptions', /--format and --append/],
    ['convert', 'omitFormat', /--format/],
    ['load', 'omitNoClobber', /--no-clobber/],
    ['copy', 'omitNoClobberOfAttachment', /--no-clobber.*--no-referrers/],
    ['save', 'omitV1', /--v1/],
    ['convert', 'omitVerifySignature', /--verify-signature/],
    ['save', 'onePlatform', /--platform.*--format universal/],
    ['save', 'plainHTTP', /--plain-http/],
    ['convert', 'platforms', /^--platform/],
    ['load', 'platforms', /^--platform/],
    ['serve', 'platforms', /^--platform/],
    ['login', 'privateAddresses', /--private-addresses/],
    ['copy', 'referrers', /^--no-referrers/],
    ['convert', 'referrers', /lading copy --no-referrers/],
    ['copy', 'select', /^--select IMAGE/],
    ['prune', 'removeName', /^lading rm s3:\/\/images\/p app:1 /, 's3://images/p app:1'],
    ['inspect', 's3Endpoint', /--s3-endpoint URL/],
    ['load', 's3Region', /--s3-region eu-north-1/, 'eu-north-1'],
    ['verify', 'save', /lading save IMAGE -o images\.tar/],
    ['copy', 'sideCredentials', /--src-creds.*--dest-creds/],
    ['ls', 'anonymous', /^--no-sign-request/],
    ['copy', 'signedRequests', /--no-sign-request/],
    ['save', 'singleWriter', /--single-writer/],
    ['copy', 'stream', /lading save -o - and lading convert -o -/],
    ['load', 'tagDigests', /--tag-digests/],
    ['save', 'tlsVerify', /--tls-verify=false/],
    ['save', 'updateLock', /^--update asks/],
    ['inspect', 'verify', /lading verify/],
  ];

  for (const [command, remedy, named, remedyFor] of NAMED)
    it(`names the way in ${command}: ${remedy}${remedyFor === undefined ? '' : `, ${remedyFor}`}`, () =>
      assert.match(say(command, { remedy, remedyFor }) ?? '', named));

  it('is looked at here for every remedy', () => {
    assert.deepEqual([...new Set(NAMED.map(([, remedy]) => remedy))].sort(), [...REMEDIES].sort());
  });

  it('is not said where the command has no such flag', () => {
    for (const [command, remedy] of [
      ['copy', 'append'],
      ['verify', 'plainHTTP'],
      ['login', 'mirrors'],
      ['serve', 'concurrency'],
      ['save', 'maxRatio'],
      ['copy', 'mapFile'],
    ] as const)
      assert.equal(say(command, { remedy }), undefined);
    assert.equal(say('save', {}), undefined);
  });

  it('stands behind a hint, alone where there is none, and in brackets behind a warning', () => {
    const flags = flagsOf('save');
    assert.equal(
      hintOf({ hint: 'Add to it.', remedy: 'append' }, flags),
      'Add to it. --append keeps what is there.',
    );
    assert.equal(hintOf({ remedy: 'append' }, flags), '--append keeps what is there.');
    assert.equal(hintOf({ hint: 'Add to it.', remedy: 'append' }, flagsOf('copy')), 'Add to it.');
    assert.equal(hintOf({ remedy: 'append' }, flagsOf('copy')), undefined);
    const warning: Advised = { remedy: 'tagDigests' };
    assert.equal(warningOf('no tag', warning, flagsOf('load')), 'no tag (--tag-digests gives it a tag)');
    assert.equal(warningOf('no tag', warning, flags), 'no tag');
  });
});

/** The flags in a sentence, each with the command it is of: that of "lading COMMAND" up to the next comma, else `command`. */
function namedIn(sentence: string, command: string): [owner: string, flag: string][] {
  return sentence.split(',').flatMap((part) => {
    let owner = command;
    return [...part.matchAll(/(?:lading (\w+))|(?<![\w-])(-{1,2}[a-z][a-z0-9-]*)/g)].flatMap(
      ([, other, flag]): [string, string][] => {
        owner = other ?? owner;
        return flag === undefined ? [] : [[owner, flag]];
      },
    );
  });
}

function isFlagOf(options: Options, flag: string): boolean {
  const name = flag.replace(/^-+/, '');
  if (!flag.startsWith('--')) return Object.values(options).some(({ alias }) => alias === name);
  return Object.hasOwn(options, name) || options[name.replace(/^no-/, '')]?.type === 'boolean';
}
