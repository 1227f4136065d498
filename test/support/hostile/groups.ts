import type { AttackGroup, FileAttack } from './attack.js';
import { BOMBS } from './bombs.js';
import { DESCRIPTORS } from './descriptors.js';
import { GRAPHS } from './graphs.js';
import { JSON_DOCUMENTS } from './json.js';
import { LISTS } from './lists.js';
import { TAR_HEADERS } from './tar-headers.js';
import { LAYOUT_LINKS, TAR_LINKS } from './tar-links.js';

/** All attacks that are files. */
export const GROUPS: readonly AttackGroup[] = [
  TAR_LINKS,
  LAYOUT_LINKS,
  TAR_HEADERS,
  BOMBS,
  JSON_DOCUMENTS,
  DESCRIPTORS,
  GRAPHS,
  LISTS,
];

const HEAD = `# Hostile archives

Every archive and layout that the tests in \`test/hostile\` give to \`verify\`, \`inspect\`, \`ls\`, \`load\`, \`convert\` and
\`copy\`. None is kept: they are made when the tests run, by \`test/support/hostile\`. To have them as files:

    node --import tsx test/support/hostile/make.ts DIRECTORY

The tables are made from the same definitions; without a directory the command writes them anew.
A code in the last column is that of the error or finding (exit 3, for UNSUPPORTED 1); "harmless" means that there is
nothing in it that lading acts upon: it is carried as it is, and nothing stands outside of the output afterwards. In
parentheses stands who has no business with the part that is wrong, and goes on.
`;

const TAIL = `## Attacks that are no files

| test | attack | rule | expected |
|---|---|---|---|
| \`network.test.ts\` | a registry on the network names 17 spellings of this machine, its link and the cloud's metadata as token service, as the target of a redirect, as the place of an upload | what a registry names leads not into this machine (SSRF) | DENIED, REGISTRY; nobody there is asked |
| \`network.test.ts\` | private networks as token service and as the place of an upload | the same | DENIED, REGISTRY |
| \`network.test.ts\` | a redirect into a private network, and from there to this machine | the rule holds for all hops together | REGISTRY |
| \`network.test.ts\` | \`ftp:\`, \`file:\`, \`data:\`, \`javascript:\` and half a URL in Location | http and https only | REGISTRY |
| \`network.test.ts\` | a redirect to another origin, one that comes back, a challenge there, a token service that sends on, an upload elsewhere | credentials go to the origin that they belong to (CVE-2020-15157, CVE-2018-1000007) | no password, no cookie arrives |
| \`network.test.ts\` | a next page at another origin, a page whose next is itself, a redirect to itself | lists and redirects end | the first page; REGISTRY |
| \`network.test.ts\` | layers with \`urls\` into this machine, the cloud's metadata and \`file:\` | foreign layers are never fetched | a trap is not asked |
| \`credential-helpers.test.ts\` | helpers named by paths, with spaces, shell characters, line ends, NUL, options, bidirectional marks | a helper's name is letters, digits, \`.\`, \`_\`, \`-\`; no shell | USAGE; no program runs |
| \`credential-helpers.test.ts\` | answers that are no JSON, without end, of other types, with escapes, with a header | an answer is bounded, and never shown | refused, no secret printed |
| \`terminal.test.ts\` | escapes, line ends, bidirectional overrides, one-byte CSI, tags of Unicode: in names, configs, platforms, types, digests, paths, entries, links, JSON, and in a registry's errors, warnings, tags, realms, redirects, headers | nothing of a stranger is printed raw, in JSON neither | every byte printed is a letter or a line's end |
| \`terminal.test.ts\` | names with look-alike letters, joiners, overrides, line ends, queries, user information | a name that becomes a request has the grammar of references | INVALID_REFERENCE; nobody is asked |
| \`graphs.test.ts\` | an \`index.json\` of 100,000 entries | time and memory grow with what is there | read, in seconds |
| \`bombs.test.ts\` | archives and layers beyond \`--max-archive-bytes\`, \`--max-ratio\`, \`--max-layer-bytes\`; half a gigabyte of zeros | limits hold in every command; memory is bounded | TOO_LARGE, nothing left behind |

Attacks on \`serve\` are in \`test/server\`; bytes at random are in \`test/fuzz\`.
`;

/** Returns the list of all attacks, with their descriptions, rules and expected results. */
export function describeGroups(): string {
  const tables = GROUPS.map(({ title, attacks }) => {
    const rows = attacks.map(
      ({ name, what, rule, ...attack }) =>
        `| ${[name, what, rule, expected(attack)].map(cell).join(' | ')} |`,
    );
    return `## ${title.replace(/^./, (letter) => letter.toUpperCase())}\n\n| name | what | rule | expected |\n|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return [HEAD, ...tables, TAIL].join('\n');
}

function expected({ code, orCode, unseenBy = [] }: Pick<FileAttack, 'code' | 'orCode' | 'unseenBy'>): string {
  const codes = orCode === undefined ? code : `${code} or ${orCode}`;
  return unseenBy.length === 0 ? codes : `${codes} (${unseenBy.join(', ')})`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
