/** A block of a page whose content is made, with the fence or the comment that ends it. */
export type Block =
  | RunBlock
  | { kind: 'flags'; of: string }
  | { kind: 'commands' }
  | { kind: 'exit codes' }
  | { kind: 'figures'; rows: string[] }
  | { kind: 'file'; name: string }
  | WriteBlock;

/** A document that commands of the page read: it stays as it is. */
export interface WriteBlock {
  kind: 'write';
  /** Where commands find it: from their folder, or from the home if it begins with `~/`. */
  path: string;
  content: string[];
}

export interface RunBlock {
  kind: 'run';
  /** Commands that are run first and not shown. */
  setup: string[];
  commands: string[];
  /** The lines that are there now. */
  content: string[];
}

/** Returns the lines that a block has now, without what marks its place. */
export type MakeBlock = (block: Block) => Promise<string[]>;

const FENCE = /^```\w*$/;
const COMMAND = /^\$ /;

/**
 * Returns a page with its made blocks written anew, in their order:
 *
 * - `<!-- run -->` before a fence: the lines that begin with `$` stay, and their output is written below each. Lines of
 *   the comment after its first one are commands that are run before them and not shown.
 * - `<!-- flags of COMMAND -->` or `<!-- flags: GROUP -->`: a table of flags, to `<!-- end -->`.
 * - `<!-- commands -->`: a table of the commands and their pages, to `<!-- end -->`.
 * - `<!-- exit codes -->`: a table of them, to `<!-- end -->`.
 * - `<!-- figures of ROW ROW… -->`: a table of wall times of these rows of the benchmark, to `<!-- end -->`.
 * - `<!-- write PATH -->` before a fence: its content is written to this file, for the commands below.
 * - `<!-- file NAME -->` before a fence: the file of that name beside the page.
 */
export async function rewrite(page: string, make: MakeBlock): Promise<string> {
  const lines = page.split('\n');
  const written: string[] = [];
  for (let place = 0; place < lines.length; ) {
    const begun = beginningAt(lines, place);
    if (begun === undefined) {
      written.push(lines[place] ?? '');
      place += 1;
      continue;
    }
    const end = lines.findIndex((line, at) => at >= begun.content && line === begun.closing);
    if (end < 0) throw new Error(`line ${place + 1}: no ${begun.closing} ends the block`);
    const block = begun.blockOf(lines.slice(begun.content, end));
    written.push(...lines.slice(place, begun.content), ...(await make(block)));
    place = end;
  }
  return written.join('\n');
}

interface Beginning {
  /** The place of the first line of the content. */
  content: number;
  /** The line after the content. */
  closing: string;
  blockOf(content: string[]): Block;
}

function beginningAt(lines: readonly string[], place: number): Beginning | undefined {
  const line = lines[place] ?? '';
  const [, flags] = /^<!-- flags(?: of|:) (\w+) -->$/.exec(line) ?? [];
  if (flags !== undefined)
    return { content: place + 1, closing: '<!-- end -->', blockOf: () => ({ kind: 'flags', of: flags }) };
  if (line === '<!-- commands -->')
    return { content: place + 1, closing: '<!-- end -->', blockOf: () => ({ kind: 'commands' }) };
  if (line === '<!-- exit codes -->')
    return { content: place + 1, closing: '<!-- end -->', blockOf: () => ({ kind: 'exit codes' }) };
  const [, rows] = /^<!-- figures of ([\w -]+) -->$/.exec(line) ?? [];
  if (rows !== undefined)
    return {
      content: place + 1,
      closing: '<!-- end -->',
      blockOf: () => ({ kind: 'figures', rows: rows.split(' ') }),
    };
  const [, name] = /^<!-- file (\S+) -->$/.exec(line) ?? [];
  if (name !== undefined)
    return { content: afterFence(lines, place), closing: '```', blockOf: () => ({ kind: 'file', name }) };
  const [, path] = /^<!-- write (\S+) -->$/.exec(line) ?? [];
  if (path !== undefined)
    return {
      content: afterFence(lines, place),
      closing: '```',
      blockOf: (content) => ({ kind: 'write', path, content }),
    };
  if (line !== '<!-- run -->' && line !== '<!-- run') return undefined;
  const close = line === '<!-- run' ? lines.indexOf('-->', place) : place;
  const setup = lines.slice(place + 1, close);
  return {
    content: afterFence(lines, close),
    closing: '```',
    blockOf: (content) => ({ kind: 'run', setup, commands: commandsOf(content), content }),
  };
}

function afterFence(lines: readonly string[], comment: number): number {
  if (!FENCE.test(lines[comment + 1] ?? '')) throw new Error(`line ${comment + 2} is not a fence`);
  return comment + 2;
}

/** Returns the commands of a block; a line that ends with a backslash continues in the next one. */
function commandsOf(content: readonly string[]): string[] {
  const commands: string[] = [];
  let isContinued = false;
  for (const line of content) {
    if (isContinued) commands.push(`${commands.pop()}\n${line}`);
    else if (COMMAND.test(line)) commands.push(line.replace(COMMAND, ''));
    isContinued = line.endsWith('\\') && (isContinued || COMMAND.test(line));
  }
  return commands;
}
